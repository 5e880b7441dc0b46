/** A policy that decides nothing of its own: one account, `main`, nothing is limited and everything is kept. */
import type { Policy } from '../../src/core/account/policy.ts';
import { DAY, KEEP_ALL, POLICY } from './verdicts.ts';

export function policyWith(over: Partial<Policy> = {}): () => Policy {
  const policy: Policy = {
    settle: POLICY,
    overrides: new Map(),
    validityMs: DAY * 1_000,
    defaultAccount: 'main',
    defaultSenders: new Map(),
    senders: new Map(),
    receipts: {
      ...{ acceptedIsEnough: [], resend: null, suppressAutomatically: true },
      ...{ apiKeys: new Map(), isSigned: false },
    },
    keep: KEEP_ALL,
    allow: null,
    holds: null,
    reserve: 0.1,
    lanesMax: 5_000,
    waitMaxMs: 1_800_000,
    ...over,
  };
  return () => policy;
}
