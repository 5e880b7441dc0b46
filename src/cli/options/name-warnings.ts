/**
 * Warns of unknown names: an account that is not configured, a sender, campaign or reason that no message has. The
 * configuration may name them later, so nothing is refused.
 */
import type { Config } from '../../config/config.ts';
import { isKnownReason, REASONS } from '../../core/codes/reasons.ts';
import { nearestTo } from '../../config/nearest-name.ts';
import {
  accountNames,
  campaignNames,
  hasMessageWith,
  senderNames,
} from '../../spool/read/statistics.ts';
import type { DropRow } from '../../spool/write/insert.ts';
import type { Database } from '../../spool/file/open.ts';
import { say } from '../../terminal/print.ts';
import { localTime } from '../../terminal/times.ts';

export interface NamesKnown {
  readonly config: Config;
  readonly db: Database;
}

/** Campaigns that the nearest is looked for in. */
const CAMPAIGNS_MAX = 1_000;

/** What the writer of a row may not have meant. */
export type RowWarnings = (row: DropRow) => readonly string[];

/** Judges the rows that `send` and `import` are about to insert. */
export function rowWarnings(known: NamesKnown, nowMs: number): RowWarnings {
  const accounts = accountsKnown(known);
  return ({ account, expires_at: expiresAt, send_at: sendAt }) => {
    const unknown = account === undefined ? null : unknownAccount(String(account), accounts);
    return [
      ...(unknown === null ? [] : [`${unknown}; the message waits until there is one`]),
      ...expiryWarnings(Number(expiresAt), Number(sendAt), nowMs / 1000),
    ];
  };
}

function expiryWarnings(expiresAt: number, sendAt: number, nowS: number): readonly string[] {
  if (expiresAt <= nowS) {
    return [`expires_at ${localTime(expiresAt)} has passed: the message expires and is not sent`];
  }
  if (expiresAt <= sendAt) {
    return [`expires_at ${localTime(expiresAt)} is not after send_at: the message is not sent`];
  }
  return [];
}

/** Names that a filter or a request gives; left out and null = none. */
export interface NamesAsked {
  readonly account?: string | null | undefined;
  readonly sender?: string | null | undefined;
  readonly campaign?: string | null | undefined;
  readonly reason?: string | null | undefined;
}

/** One line on standard error for each name that neither the configuration nor a message has. */
export function warnOfNames(asked: NamesAsked, known: NamesKnown): void {
  const { account = null, sender = null, campaign = null, reason = null } = asked;
  const warnings = [
    account === null ? null : accountWarning(account, known),
    sender === null ? null : senderWarning(sender, account, known),
    campaign === null ? null : campaignWarning(campaign, known),
    reason === null ? null : reasonWarning(reason, known),
  ];
  for (const warning of warnings) if (warning !== null) warn(warning);
}

export function warn(words: string): void {
  say(`sms-spoold: warning: ${words}`);
}

function accountWarning(account: string, known: NamesKnown): string | null {
  const names = accountsKnown(known);
  if (names.includes(account) || hasMessageWith(known.db, { account })) return null;
  return unknownAccount(account, names);
}

/** From the configuration, and from the last run of the daemon. */
export function accountsKnown({ config, db }: NamesKnown): readonly string[] {
  return [...new Set([...config.accounts.map(({ name }) => name), ...accountNames(db)])];
}

function unknownAccount(account: string, known: readonly string[]): string | null {
  if (known.includes(account)) return null;
  return `no account is named "${account}" in the configuration${nearestHint(account, known)}`;
}

function senderWarning(
  sender: string,
  account: string | null,
  { config, db }: NamesKnown,
): string | null {
  const accounts = config.accounts.filter(({ name }) => account === null || name === account);
  const names = new Set([
    ...accounts.flatMap((one) => (one.sender === null ? [] : [one.sender])),
    ...accounts.flatMap((one) => [...one.senders.keys()]),
    ...senderNames(db, account),
  ]);
  if (names.has(sender) || hasMessageWith(db, { sender })) return null;
  const of = account === null ? '' : ` of account "${account}"`;
  return `no message and no configuration names the sender "${sender}"${of}${nearestHint(sender, [...names])}`;
}

function campaignWarning(campaign: string, { db }: NamesKnown): string | null {
  if (hasMessageWith(db, { campaign })) return null;
  const hint = nearestHint(campaign, campaignNames(db, CAMPAIGNS_MAX));
  return `no message is of the campaign "${campaign}"${hint}`;
}

function reasonWarning(reason: string, { db }: NamesKnown): string | null {
  if (isKnownReason(reason) || hasMessageWith(db, { reason })) return null;
  return `no message can have the reason "${reason}"${nearestHint(reason, REASONS)}`;
}

/** A hint to end a sentence with; empty where there are no names. */
export function nearestHint(name: string, names: readonly string[]): string {
  const found = nearestTo(name, names);
  return found === null ? '' : `; the nearest is ${JSON.stringify(found.name)}`;
}
