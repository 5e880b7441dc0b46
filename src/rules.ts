/** What of the configuration decides about messages, in the dispatcher's words. */
import type { Config } from './config/config.ts';
import { holdRulesOf } from './dispatch/holds.ts';
import type { Rules } from './dispatch/work.ts';

/** The gateway's reports are asked of an uncertain message after this at the earliest. */
const LOOK_AFTER_MS = 60_000;

/** What of the configuration decides about messages. */
export function rulesOf(config: Config): Rules {
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
    },
    validityMs: messages.validityMs,
    defaultAccount: config.defaultAccount,
    holds: holdRulesOf({ quiet: config.quiet, ...config.safety }),
    defaultSenders: new Map(config.accounts.map(({ name, sender }) => [name, sender])),
    waitMaxMs: retry.maxDelayMs,
  };
}
