/** Makes the policy from the configuration, at the start and at each reload. */
import type { Config } from '../config/config.ts';
import { allowRulesOf } from '../core/message/row-check.ts';
import type { KeepPolicy, Policy } from '../core/account/policy.ts';
import { holdRulesOf } from '../dispatch/schedule/holds.ts';
import { NOTIFY_CURSOR } from '../spool/write/event-log.ts';

/** The gateway's reports are asked of an uncertain message after this at the earliest. */
const LOOK_AFTER_MS = 60_000;
/** The longest day, from midnight to midnight: clocks are set back to winter time. */
const DAY_MAX_MS = 25 * 3_600_000;

export function makePolicy(config: Config): Policy {
  const { messages, retry, receipts } = config;
  return {
    settle: {
      retry,
      onUncertain: messages.onUncertain,
      uncertainAfterMs: messages.uncertainAfterMs,
      lookAfterMs: config.reconcile.reports ? LOOK_AFTER_MS : null,
      receipts: { expect: receipts.expect, timeoutMs: receipts.timeoutMs },
    },
    overrides: config.classify,
    receipts: {
      acceptedIsEnough: receipts.acceptedIsEnough,
      resend: receipts.resend,
      suppressAutomatically: config.suppress.automatic,
      apiKeys: new Map(config.accounts.map(({ name, apiKey }) => [name, apiKey])),
      isSigned: receipts.signatureSecrets.length > 0,
    },
    validityMs: messages.validityMs,
    defaultAccount: config.defaultAccount,
    keep: keepPolicyOf(config),
    allow: allowRulesOf(config.safety),
    holds: holdRulesOf({ quiet: config.quiet, ...config.safety }),
    defaultSenders: new Map(config.accounts.map(({ name, sender }) => [name, sender])),
    senders: new Map(config.accounts.map(({ name, senders }) => [name, [...senders.keys()]])),
    reserve: config.fairness.reserve,
    waitMaxMs: retry.maxDelayMs,
    lanesMax: config.limits.lanes,
  };
}

/** What was spent today is read from messages of today after a restart, so these stay. */
function keepPolicyOf({ spool, safety, notify }: Config): KeepPolicy {
  const { retentionMs, forgetTextAfterMs, keysForMs } = spool;
  const leastMs = safety.spendPerDay === null ? 0 : DAY_MAX_MS;
  return {
    retentionMs: retentionMs === null ? null : Math.max(retentionMs, leastMs),
    forgetTextAfterMs,
    keysForMs,
    notTold: notToldBy(notify),
  };
}

/** Cursors of a web-hook that is switched off. */
export function notToldBy(notify: Config['notify']): ReadonlySet<string> {
  return new Set(notify === null ? [NOTIFY_CURSOR] : []);
}
