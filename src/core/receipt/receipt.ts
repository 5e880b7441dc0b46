/**
 * Describes a delivery receipt, what its words mean, and why one is ignored.
 *
 * A receipt is about one part. Receipts come in any order, and may come twice (Vonage, "Delivery receipts"): two words
 * about one part are joined, never overwritten, and the join is the same in every order. `expired` may only mean that
 * Vonage's own 72 hours passed.
 */
import { comparedForm } from '../text/recipient.ts';

/** One receipt, or one record of a report; null = it does not say. */
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

export const UNDELIVERED = ['expired', 'deleted', 'undelivered', 'failed', 'rejected'] as const;

/** The word in its receipt form, in lower case; an unlisted word stays as it is. */
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

/** A web-hook of another kind that came to the address of receipts. */
export type StrayReason = 'inbound-sms' | 'messages-api';

/** Reason → the remedy of its log line; null = nothing is to be done, or the reason says it. */
const REMEDIES = {
  repeat: null,
  unmatched: null,
  'other-recipient': null,
  'other-account': null,
  'not-ours':
    'these receipts name neither an API key of this configuration nor a client-ref of this daemon: ' +
    'check that accounts.NAME.api_key is the account whose receipts come here',
  'too-many':
    'an attempt has as many receipts as are kept; if this goes on, somebody makes receipts up: ' +
    'set receipts.signature_secret',
  'unmatched-too-fast':
    'more receipts about unknown messages come than are kept, and are answered 503; if they are not the ' +
    "gateway's, set receipts.signature_secret or a secret receipts.path",
  'inbound-sms':
    'these are inbound SMS, not delivery receipts: at the gateway, give inbound SMS a URL of their own',
  'messages-api':
    'these are web-hooks of the Messages API, not receipts of the SMS API: in the account settings of the ' +
    'gateway, choose the SMS API, or give the Messages API a URL of its own',
  'other-path': 'they came to a path that is not receipts.path',
  'other-method': 'delivery receipts are taken by GET and POST alone: correct the proxy in front',
  unreadable: null,
  'too-large': null,
  unsigned:
    'turn on signed web-hooks in the account settings of the gateway, or remove receipts.signature_secret',
  'bad-signature':
    'compare receipts.signature_secret and receipts.signature_method with the account settings of the gateway',
  unfinished: null,
  busy: null,
  'not-stored': null,
  failed: null,
} as const satisfies Readonly<Record<string, string | null>>;

export type IgnoredReason = keyof typeof REMEDIES;

export const IGNORED_REASONS = Object.keys(REMEDIES) as readonly IgnoredReason[];

/** What to do about receipts that were ignored for this reason; null = nothing. */
export function remedyOf(reason: IgnoredReason): string | null {
  return REMEDIES[reason];
}
