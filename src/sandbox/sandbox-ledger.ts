/**
 * Records what the sandbox accepted and refused, so that tests can check duplicates, losses and limits.
 *
 * Counters are always exact; entries (one per accepted request) are kept up to a number, the oldest are forgotten first;
 * the series per second covers the last ten minutes. A text is never kept, only its hash: the first 16 hexadecimal
 * digits of its SHA-256 in UTF-8 (of `udh` and `body` as they came, for binary). The reports are made from the entries.
 */
import type { Countable, LedgerCounters } from './ledger-counters.ts';
import { increment, zeroCounts } from './ledger-counters.ts';

export type { Countable, LedgerCounters } from './ledger-counters.ts';

/** MCC and MNC of every number. */
export const NETWORK = '23410';

export interface LedgerEntry {
  /** Counts accepted requests from 1; gaps are entries that were forgotten. */
  readonly seq: number;
  /** Unix seconds with three decimals. */
  readonly at: number;
  readonly account: string;
  readonly clientRef: string | null;
  readonly to: string;
  readonly from: string;
  readonly type: string;
  readonly ttlMs: number | null;
  readonly textHash: string;
  /** Parts accepted, each with an id, and parts refused in the same answer. */
  readonly parts: number;
  readonly partsRefused: number;
  readonly messageIds: readonly string[];
  /** False: the client got a fault instead of the answer. */
  readonly isAnswered: boolean;
  readonly accountRef: string | null;
  /** Of one part, as in the answer. */
  readonly price: string;
  /** The words of the receipts of each part, sent or not, the last word last; empty = no receipts. */
  readonly words: readonly string[];
  /** `err-code` of the last word. */
  readonly code: number;
  /** By part and word: due time, ms after the acceptance. */
  readonly dueMs: readonly (readonly number[])[];
}

export interface LedgerSecond {
  /** Unix seconds. */
  readonly at: number;
  readonly accepted: number;
  readonly throttled: number;
  readonly refused: number;
}

export type NewEntry = Omit<LedgerEntry, 'seq' | 'at'>;
/** The content of a message's receipts. */
export type ReceiptWords = Pick<NewEntry, 'words' | 'code' | 'dueMs'>;
export type Throttle = 'account' | 'sender';

type Second = { -readonly [K in keyof LedgerSecond]: number };

const SERIES_SECONDS = 600;
/** Average size of an entry; messages of many parts take more, so fewer are remembered. */
const ENTRY_CHARACTERS = 400;

export class SandboxLedger {
  readonly #size: number;
  readonly #now: () => number;
  #counts = zeroCounts();
  // As JSON: a flat text takes a tenth of the memory of an object whose texts keep request bodies alive.
  #lines: string[] = [];
  #characters = 0;
  /** The last `seq` that is no longer remembered. */
  #forgotten = 0;
  #series: Second[] = [];

  /** Remembers up to `size` entries; `now` is Unix ms. */
  constructor(size: number, now: () => number) {
    this.#size = size;
    this.#now = now;
  }

  get counters(): LedgerCounters {
    return structuredClone(this.#counts);
  }

  /** The `seq` of the next entry. */
  get nextSeq(): number {
    return this.#counts.accepted + 1;
  }

  get receiptsPending(): number {
    return this.#counts.receiptsPending;
  }

  /** Null = forgotten, not there yet, or no number. */
  entry(seq: number): LedgerEntry | null {
    const isThere = seq > this.#forgotten && seq <= this.#counts.accepted;
    if (!isThere) return null;
    return JSON.parse(this.#lines[seq % this.#size] ?? '') as LedgerEntry;
  }

  /** Entries that are remembered with a `seq` above `since`, oldest first. */
  entries(since = 0): readonly LedgerEntry[] {
    return this.lines(since).map((line) => JSON.parse(line) as LedgerEntry);
  }

  /** The same, each as the JSON of a LedgerEntry. */
  lines(since = 0): readonly string[] {
    const lines: string[] = [];
    for (let seq = Math.max(since, this.#forgotten) + 1; seq <= this.#counts.accepted; seq += 1) {
      lines.push(this.#lines[seq % this.#size] ?? '');
    }
    return lines;
  }

  /** Seconds of the last ten minutes with any request, oldest first. */
  series(): readonly LedgerSecond[] {
    const since = this.#now() / 1000 - SERIES_SECONDS;
    const seconds = this.#series.filter(({ at }) => at > since);
    return seconds.map((second) => ({ ...second })).sort((a, b) => a.at - b.at);
  }

  /** Forgets everything except for the numbers of open requests and pending receipts. */
  clear(): void {
    const { open, receiptsPending } = this.#counts;
    this.#counts = { ...zeroCounts(), open, mostOpen: open, receiptsPending };
    this.#lines = [];
    this.#characters = 0;
    this.#forgotten = 0;
    this.#series = [];
  }

  accept(entry: NewEntry): void {
    const counts = this.#counts;
    counts.accepted += 1;
    counts.acceptedParts += entry.parts;
    if (entry.partsRefused > 0) counts.acceptedInPart += 1;
    if (!entry.isAnswered) counts.acceptedUnanswered += 1;
    this.#second().accepted += 1;
    const at = Math.round(this.#now()) / 1000;
    this.#remember(counts.accepted, { seq: counts.accepted, at, ...entry });
  }

  throttle(by: Throttle): void {
    if (by === 'account') this.#counts.throttledByAccount += 1;
    else this.#counts.throttledBySender += 1;
    this.#second().throttled += 1;
  }

  refuse(code: number): void {
    increment(this.#counts.refused, String(code));
    this.#second().refused += 1;
  }

  fault(kind: string): void {
    increment(this.#counts.faults, kind);
  }

  count(what: Countable): void {
    this.#counts[what] += 1;
  }

  /** A try of a receipt that was answered with an error. */
  refuseReceipt(httpStatus: number): void {
    increment(this.#counts.receiptsRefused, String(httpStatus));
  }

  /** Adds to the pending receipts; a negative number: fewer. */
  pend(receipts: number): void {
    this.#counts.receiptsPending += receipts;
  }

  url(value: string): void {
    if (value === '') this.#counts.urlsCleared += 1;
    else this.#counts.urlsSet += 1;
  }

  begin(): void {
    this.#counts.open += 1;
    this.#counts.mostOpen = Math.max(this.#counts.mostOpen, this.#counts.open);
  }

  end(): void {
    this.#counts.open -= 1;
  }

  #remember(seq: number, entry: LedgerEntry): void {
    const line = JSON.stringify(entry);
    if (seq - this.#forgotten > this.#size) this.#forget();
    this.#lines[seq % this.#size] = line;
    this.#characters += line.length;
    while (this.#characters > this.#size * ENTRY_CHARACTERS) this.#forget();
  }

  #forget(): void {
    this.#forgotten += 1;
    const slot = this.#forgotten % this.#size;
    this.#characters -= this.#lines[slot]?.length ?? 0;
    this.#lines[slot] = '';
  }

  #second(): Second {
    const at = Math.floor(this.#now() / 1000);
    const slot = at % SERIES_SECONDS;
    const present = this.#series[slot];
    if (present?.at === at) return present;
    const fresh = { at, accepted: 0, throttled: 0, refused: 0 };
    this.#series[slot] = fresh;
    return fresh;
  }
}
