// Claims and verdicts for tests of the core: one ordinary of each, and what a real answer leads to.
import type { KeepPolicy } from '../../src/core/account/policy.ts';
import type { Claim } from '../../src/core/message/claim.ts';
import { classify } from '../../src/core/answer/classify.ts';
import type { Observation } from '../../src/core/answer/observation.ts';
import type { SettlePolicy } from '../../src/core/answer/settle.ts';
import type { Verdict } from '../../src/core/answer/verdict.ts';

export const NOW = 1_790_000_000;
export const DAY = 86_400;

export function claimOf(over: Partial<Claim> = {}): Claim {
  const id = over.id ?? 41;
  return {
    id,
    number: 1,
    clientRef: `${id}.1.tag`,
    row: {
      ...{ account: null, sender: null, campaign: null },
      ...{ id, rank: 21, expiresAt: null, createdAt: NOW - 10, sendAt: null },
    },
    account: 'main',
    sender: 'AcmeInc',
    recipient: `4477009${String(id).padStart(5, '0')}`,
    text: 'Your table is ready',
    type: 'auto',
    body: null,
    udh: null,
    messageClass: null,
    entityId: null,
    contentId: null,
    accountRef: null,
    reference: null,
    onUncertain: null,
    from: 'queued',
    createdAt: NOW - 10,
    eligibleAt: NOW - 10,
    waitedSinceAt: NOW - 10,
    claimedAt: NOW,
    deadline: NOW + DAY,
    attempts: 1,
    throttles: 0,
    price: null,
    follows: null,
    hasUnanswered: false,
    limiterMs: 0,
    ...over,
  };
}

export const POLICY: SettlePolicy = {
  retry: { maxAttempts: 8, firstDelayMs: 5000, factor: 3, maxDelayMs: 1_800_000 },
  onUncertain: 'resend',
  uncertainAfterMs: 300_000,
  lookAfterMs: null,
  receipts: { expect: true, timeoutMs: 76 * 3_600_000 },
};

const PART = { gatewayId: null, price: null, network: null, errorText: null, balance: null };

/** What an answer with these codes leads to; null = an element without one. */
export function answered(...codes: readonly (number | null)[]): Verdict {
  const parts = codes.map((status) => ({ ...PART, status }));
  return verdictOn({ kind: 'answered', httpStatus: 200, parts, retryAfterMs: null, traceId: null });
}

/** Status 1 with its text. */
export function throttledWith(errorText: string): Verdict {
  const parts = [{ ...PART, status: 1, errorText }];
  return verdictOn({ kind: 'answered', httpStatus: 200, parts, retryAfterMs: null, traceId: null });
}

export function http(httpStatus: number): Verdict {
  return verdictOn({
    kind: 'http',
    httpStatus,
    errorText: null,
    retryAfterMs: null,
    traceId: null,
  });
}

export const unanswered = (): Verdict =>
  verdictOn({ kind: 'unanswered', cause: 'timeout', httpStatus: null, traceId: null });

export const neverLeft = (): Verdict =>
  verdictOn({ kind: 'never-left', cause: 'connection-refused' });

function verdictOn(observation: Observation): Verdict {
  return classify(observation, new Map());
}

/** Nothing is pruned or forgotten. */
export const KEEP_ALL: KeepPolicy = {
  ...{ retentionMs: null, forgetTextAfterMs: null, keysForMs: 90 * DAY * 1000 },
  notTold: new Set(),
};
