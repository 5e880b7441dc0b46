/**
 * The rows of one source that have one rank. They are read from the index a few at a time, and kept no longer
 * than the transaction they were read in: afterwards only the turn of the next one is known.
 *
 * Always holds: `head` is the row that goes next, as far as is known, and `place` its turn among row queues (in a
 * run, that of the run's first row). Rows taken in a transaction are skipped
 * by what is read later in it, since they are still `queued` there.
 */
import {
  compareTurns,
  isUndatedRank,
  LAST_RANK,
  placeOf,
  type DeadlineKey,
  type SourceKey,
  type RowQueueKey,
  type SortKey,
} from '../../core/message/sort-key.ts';
import type { ReadyRow } from '../../spool/write/claims.ts';

/** Rows read at once. */
const READ_MAX = 64;
/** Rows without a deadline that may be taken before another lane's, where many go at once. */
export const RUN_MAX = 8;

/** Reads ready rows of a source in their turn, those of a rank and of later ones. */
export type Peek = (from: RowQueueKey, limit: number, skip: number) => ReadyRow[];

/** Where rows are read from, and who hears of rows of a later rank that were found on the way. */
export interface Reading {
  readonly peek: Peek;
  readonly onLater: (row: ReadyRow) => void;
}

export class RowQueue {
  readonly source: SourceKey;
  readonly rank: number;
  readonly #validityMs: number;
  /** Rows taken in this transaction. */
  taken = 0;
  #head: SortKey | null = null;
  #place: DeadlineKey | null = null;
  #ran = 0;
  #rows: readonly ReadyRow[] = [];
  #at = 0;
  /** How many the latest read asked for; 0 = none was yet in this transaction. */
  #asked = 0;
  /** Whether rows of a later rank, if there are any, have been found. */
  #isLaterKnown = false;

  /** `validityMs`: how long rows without a deadline of their own may be sent. */
  constructor(source: SourceKey, rank: number, validityMs: number) {
    this.source = source;
    this.rank = rank;
    this.#validityMs = validityMs;
  }

  get campaign(): string | null {
    return this.source.campaign;
  }

  /** The row that goes next; null = nothing is ready. */
  get head(): SortKey | null {
    return this.#head;
  }

  /** Whose turn it is by; the very same as long as the row queue's place among others is. */
  get place(): DeadlineKey | null {
    return this.#place;
  }

  /** Nothing is known to be ready: a scan finds it again. */
  forget(): void {
    this.#move(null);
  }

  /** A row that is ready; true when it became the head. */
  offer(turn: SortKey): boolean {
    if (this.#head !== null && compareTurns(turn, this.#head) >= 0) return false;
    this.#move(turn);
    this.#forgetRows();
    return true;
  }

  /**
   * The row that goes next; null = none is left. `head` is what it is known to be then. `wanted`: how many are
   * likely to be taken.
   */
  first(wanted: number, reading: Reading): ReadyRow | null {
    if (this.#asked === 0) this.#read(Math.min(Math.max(wanted, 1), READ_MAX) + 1, reading);
    return this.#rows[this.#at] ?? null;
  }

  /**
   * Takes the row that `first` gave, and moves the head on. `mayRun`: so many go at once that the age of rows
   * in other lanes may wait for a few more of this one, which are read already.
   */
  take(reading: Reading, mayRun: boolean): void {
    const place = this.#place;
    this.taken += 1;
    this.#at += 1;
    this.#advance(reading);
    const isRun = mayRun && this.#head !== null && isUndatedRank(this.rank);
    this.#ran = isRun ? (this.#ran + 1) % RUN_MAX : 0;
    if (this.#ran > 0) this.#place = place;
  }

  /** The transaction is over: what was taken is `sending` now, and what was read may change. */
  endTransaction(): void {
    this.taken = 0;
    this.#forgetRows();
  }

  #move(head: SortKey | null): void {
    this.#head = head;
    this.#place = head === null ? null : placeOf(head, this.#validityMs);
  }

  #forgetRows(): void {
    this.#rows = [];
    this.#at = 0;
    this.#asked = 0;
  }

  #advance(reading: Reading): void {
    const isMore = this.#at === this.#rows.length && this.#rows.length === this.#asked;
    if (isMore) this.#read(Math.min(this.#asked * 2, READ_MAX + 1), reading);
    else this.#move(turnOf(this.#rows[this.#at]));
  }

  #read(count: number, reading: Reading): void {
    const found = reading.peek(this.#from(this.rank), count, this.taken);
    const end = found.findIndex((row) => row.rank !== this.rank);
    this.#rows = end === -1 ? found : found.slice(0, end);
    this.#at = 0;
    this.#asked = count;
    const head = turnOf(this.#rows[0]);
    const isKnown = head !== null && this.#head !== null && compareTurns(head, this.#head) === 0;
    if (!isKnown) this.#move(head);
    const later = end === -1 ? this.#lookLater(found.length === count, reading) : found[end];
    if (later !== undefined) reading.onLater(later);
    this.#isLaterKnown = true;
  }

  /* Once is enough: whatever comes later is offered. */
  #lookLater(isMore: boolean, { peek }: Reading): ReadyRow | undefined {
    if (this.#isLaterKnown || !isMore || !(this.rank < LAST_RANK)) return undefined;
    return peek(this.#from(this.rank + 1), 1, 0)[0];
  }

  #from(rank: number): RowQueueKey {
    return { ...this.source, rank };
  }
}

/* A row holds its text. */
function turnOf(row: ReadyRow | undefined): SortKey | null {
  if (row === undefined) return null;
  const { id, rank, expiresAt, createdAt, sendAt } = row;
  return { id, rank, expiresAt, createdAt, sendAt };
}
