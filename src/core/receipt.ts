/**
 * A delivery receipt, as far as the daemon understands it, and what its words mean.
 *
 * A receipt is about one part. Nothing is promised about order, and anything may come twice (Vonage, "Delivery
 * receipts"): so two words about one part are joined, never overwritten, and the join is the same in every
 * order. `expired` may mean no more than that Vonage's own 72 hours passed.
 */

import { comparedForm } from './recipient.ts';

/** One receipt, or one record of a report; whatever it does not tell is null. */
export interface Receipt {
  /** Unix seconds. */
  readonly receivedAt: number;
  /** The id of the part (`messageId`; `message-id` in the answer). */
  readonly gatewayId: string | null;
  readonly clientRef: string | null;
  /** Digits (`msisdn`: the naming is reversed). */
  readonly recipient: string | null;
  readonly apiKey: string | null;
  /** In lower case. */
  readonly status: string | null;
  /** `err-code`. */
  readonly code: number | null;
  /** EUR. */
  readonly price: number | null;
  /** MCC and MNC. */
  readonly network: string | null;
  /** The same for receipts that say the same: made of the fields above, and of nothing else that came. */
  readonly digest: string;
  /** The fields as they came, as JSON: all of them, up to 4,000 bytes. */
  readonly raw: string;
}

/** What a final word about a part means for it; `open` = not the last word. */
export type Fate = 'delivered' | 'undelivered' | 'open';

/** What the latest words about a part come to. */
export interface Word {
  readonly status: string;
  readonly code: number | null;
}

/** `[receipts] resend`: when a message that was not delivered is sent again. */
export interface ResendPolicy {
  readonly codes: ReadonlySet<number>;
  readonly afterMs: number;
  readonly times: number;
}

/** The names that Reports and the old Search API have for the same. */
const SYNONYMS: ReadonlyMap<string, string> = new Map([
  ['delivrd', 'delivered'],
  ['undeliv', 'undelivered'],
  ['undeliverable', 'undelivered'],
  ['rejectd', 'rejected'],
  ['acceptd', 'accepted'],
  ['submitted', 'buffered'],
  ['sent', 'buffered'],
]);

/** Weakest first: of two words about one part the later one in this list holds. */
export const RECEIPT_STATUSES = [
  'unknown',
  'buffered',
  'accepted',
  'expired',
  'deleted',
  'undelivered',
  'failed',
  'rejected',
  'delivered',
] as const;

/** Words that say: not delivered. */
export const UNDELIVERED = ['expired', 'deleted', 'undelivered', 'failed', 'rejected'] as const;

/** The word in its receipt form, in lower case; one that nobody has listed stays as it is. */
export function wordOf(status: string): string {
  const word = status.trim().toLowerCase();
  return SYNONYMS.get(word) ?? word;
}

/** Whether a receipt names this recipient, however the two write the number. */
export function isSameNumber(named: string | null, recipient: string): boolean {
  return named !== null && comparedForm(named) === comparedForm(recipient);
}

/** `isEnough`: for this recipient `accepted` is the last word that ever comes. */
export function fateOf(status: string | null, isEnough: boolean): Fate {
  if (status === 'delivered' || (isEnough && status === 'accepted')) return 'delivered';
  return UNDELIVERED.some((word) => word === status) ? 'undelivered' : 'open';
}

/** Of two words about one part, the one that holds: the same whichever came first. */
export function join(a: Word | null, b: Word | null, isEnough: boolean): Word | null {
  if (a === null) return b;
  if (b === null) return a;
  const difference = strengthOf(a, isEnough) - strengthOf(b, isEnough);
  if (difference !== 0) return difference > 0 ? a : b;
  if (a.status !== b.status) return a.status > b.status ? a : b;
  return (a.code ?? -1) >= (b.code ?? -1) ? a : b;
}

function strengthOf({ status }: Word, isEnough: boolean): number {
  if (isEnough && status === 'accepted') return RECEIPT_STATUSES.length - 1.5;
  return RECEIPT_STATUSES.findIndex((word) => word === status);
}
