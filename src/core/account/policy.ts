/**
 * Describes the policy: everything in the configuration that decides about messages, in one immutable object. Parts ask
 * for it each time they need it and keep no copy, so a reload changes it for all of them between two transactions.
 */
import type { AllowRules } from '../message/row-check.ts';
import type { ResendPolicy } from '../receipt/receipt.ts';
import type { HoldRules } from './safety.ts';
import type { SettlePolicy } from '../answer/settle.ts';
import type { Route } from '../answer/verdict.ts';

export interface Policy {
  readonly settle: SettlePolicy;
  /** Gateway code → the route it leads to instead of the built-in one. */
  readonly overrides: ReadonlyMap<number, Route>;
  readonly validityMs: number;
  /** Null = messages that name no account wait until there is one. */
  readonly defaultAccount: string | null;
  /** Account → the sender of messages that name none; null = they cannot be sent. */
  readonly defaultSenders: ReadonlyMap<string, string | null>;
  /** Account → the senders that it lists. */
  readonly senders: ReadonlyMap<string, readonly string[]>;
  readonly receipts: ReceiptPolicy;
  readonly keep: KeepPolicy;
  /** What may be sent at all; null = anything. */
  readonly allow: AllowRules | null;
  /** What keeps single messages back; null = nothing does. */
  readonly holds: HoldRules | null;
  /** The share of permits for lower priorities than the highest that waits, 0 to 0.5. */
  readonly reserve: number;
  /** Sources (sender and campaign of an account) whose rows may be in memory. */
  readonly lanesMax: number;
  /** The longest wait a throttled answer may ask for. */
  readonly waitMaxMs: number;
}

/** How receipts are used. */
export interface ReceiptPolicy {
  readonly acceptedIsEnough: readonly string[];
  readonly resend: ResendPolicy | null;
  /** A recipient that can never be reached is suppressed by itself. */
  readonly suppressAutomatically: boolean;
  /** Account → its API key. */
  readonly apiKeys: ReadonlyMap<string, string>;
  /** Receipts over HTTP are signed. */
  readonly isSigned: boolean;
}

/** How long things are kept; null = without end. */
export interface KeepPolicy {
  readonly retentionMs: number | null;
  readonly forgetTextAfterMs: number | null;
  readonly keysForMs: number;
  /** Cursors in `spool` of those who are told no more. */
  readonly notTold: ReadonlySet<string>;
}

/** A row with the names that NULL stands for: its lines name them. */
export function namedOf<
  R extends { readonly account: string | null; readonly sender: string | null },
>(
  row: R,
  { defaultAccount, defaultSenders }: Pick<Policy, 'defaultAccount' | 'defaultSenders'>,
): R {
  const account = row.account ?? defaultAccount;
  const sender = row.sender ?? defaultSenders.get(account ?? '') ?? null;
  return { ...row, account, sender };
}
