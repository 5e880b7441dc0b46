/**
 * Declares the counters of the ledger and their start values.
 *
 * Always holds: a counter only grows, except for those of open or pending things; clearing the ledger resets it.
 */
/** All since the start or the last clearing. Requests = accepted + throttled… + refused + notTaken. */
export interface LedgerCounters {
  /** Messages that came to /sms/json, whole. */
  readonly requests: number;
  readonly accepted: number;
  readonly acceptedParts: number;
  /** Accepted requests of which a part was refused. */
  readonly acceptedInPart: number;
  /** Accepted requests whose answer was spoiled on purpose. */
  readonly acceptedUnanswered: number;
  readonly throttledByAccount: number;
  readonly throttledBySender: number;
  /** Status → requests refused whole, without the throttled ones. */
  readonly refused: Readonly<Record<string, number>>;
  /** Failed with a fault before anything was accepted. */
  readonly notTaken: number;
  /** Kind of fault → how often, on every endpoint. */
  readonly faults: Readonly<Record<string, number>>;
  readonly balanceRequests: number;
  readonly settingsRequests: number;
  readonly reportRequests: number;
  /** Report requests above their limit, answered 429. */
  readonly reportsThrottled: number;
  /** Account URLs that a settings request set, or cleared with an empty text. */
  readonly urlsSet: number;
  readonly urlsCleared: number;
  /** Messages without an answer: now, and the most at one time. */
  readonly open: number;
  readonly mostOpen: number;
  /** Each try counts: Sent = Answered (2xx) + Refused + Unanswered + open ones. */
  readonly receiptsSent: number;
  readonly receiptsAnswered: number;
  /** HTTP status → tries answered so. */
  readonly receiptsRefused: Readonly<Record<string, number>>;
  readonly receiptsUnanswered: number;
  /** Never sent, on purpose. */
  readonly receiptsLost: number;
  /** Sent a second time, on purpose. */
  readonly receiptsRepeated: number;
  /** Given up: after 24 hours, without a URL, or because too many were pending. */
  readonly receiptsAbandoned: number;
  /** Now waiting, open, or to be tried again. */
  readonly receiptsPending: number;
}

/** Counters that grow by one. */
export type Countable =
  | 'requests'
  | 'notTaken'
  | 'balanceRequests'
  | 'settingsRequests'
  | 'reportRequests'
  | 'reportsThrottled'
  | 'receiptsSent'
  | 'receiptsAnswered'
  | 'receiptsUnanswered'
  | 'receiptsLost'
  | 'receiptsRepeated'
  | 'receiptsAbandoned';

/** The same, writable. */
export type LedgerCounts = {
  -readonly [K in keyof LedgerCounters]: LedgerCounters[K] extends number ? number : CountsByKey;
};
type CountsByKey = Record<string, number>;

export function zeroCounts(): LedgerCounts {
  return {
    requests: 0,
    accepted: 0,
    acceptedParts: 0,
    acceptedInPart: 0,
    acceptedUnanswered: 0,
    throttledByAccount: 0,
    throttledBySender: 0,
    refused: {},
    notTaken: 0,
    faults: {},
    balanceRequests: 0,
    settingsRequests: 0,
    reportRequests: 0,
    reportsThrottled: 0,
    urlsSet: 0,
    urlsCleared: 0,
    open: 0,
    mostOpen: 0,
    receiptsSent: 0,
    receiptsAnswered: 0,
    receiptsRefused: {},
    receiptsUnanswered: 0,
    receiptsLost: 0,
    receiptsRepeated: 0,
    receiptsAbandoned: 0,
    receiptsPending: 0,
  };
}

export function increment(counted: CountsByKey, key: string): void {
  counted[key] = (counted[key] ?? 0) + 1;
}
