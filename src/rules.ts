/** What of the configuration decides about messages, in the dispatcher's words. Built anew by each reload. */
import type { AccountConfig, Config } from './config/config.ts';
import { allowRulesOf } from './core/allowed.ts';
import { holdRulesOf } from './dispatch/holds.ts';
import type { Rules } from './dispatch/work.ts';
import { keepRulesOf } from './keeping.ts';

/** The gateway's reports are asked of an uncertain message after this at the earliest. */
const LOOK_AFTER_MS = 60_000;

/** Account name → what is configured of it. */
export function byName({ accounts }: Config): ReadonlyMap<string, AccountConfig> {
  return new Map(accounts.map((account) => [account.name, account]));
}

/** Account name → the senders that it lists. */
export function sendersOf({ accounts }: Config): ReadonlyMap<string, readonly string[]> {
  return new Map(accounts.map(({ name, senders }) => [name, [...senders.keys()]]));
}

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
      apiKeys: new Map(config.accounts.map(({ name, apiKey }) => [name, apiKey])),
      isSigned: receipts.signatureSecrets.length > 0,
    },
    validityMs: messages.validityMs,
    defaultAccount: config.defaultAccount,
    keep: keepRulesOf(config),
    allow: allowRulesOf(config.safety),
    holds: holdRulesOf({ quiet: config.quiet, ...config.safety }),
    defaultSenders: new Map(config.accounts.map(({ name, sender }) => [name, sender])),
    waitMaxMs: retry.maxDelayMs,
    lanesMax: config.limits.lanes,
  };
}
