/**
 * The rows of one source that have one priority. They are read from the index a few at a time, and kept no
 * longer than the transaction they were read in: afterwards only the turn of the next one is known.
 *
 * Always holds: `head` is the row that goes next, as far as is known, and `place` its turn among strands (in a
 * run, that of the run's first row). Rows taken in a transaction are skipped
 * by what is read later in it, since they are still `queued` there.
 */
import { compareTurns, type SourceKey, type StrandKey, type Turn } from '../core/turn.ts';
import type { ReadyRow } from '../spool/claims.ts';

/** Rows read at once. */
const READ_MAX = 64;
/** Rows without a deadline that may be taken before another lane's, where many go at once. */
export const RUN_MAX = 8;

/** Reads ready rows of a source in their turn, those of a priority and of lower ones. */
export type Peek = (from: StrandKey, limit: number, skip: number) => ReadyRow[];

/** Where rows are read from, and who hears of rows of a lower priority that were found on the way. */
export interface Reading {
  readonly peek: Peek;
  readonly onLower: (row: ReadyRow) => void;
}

export class Strand {
  readonly source: SourceKey;
  readonly priority: number;
  /** Rows taken in this transaction. */
  taken = 0;
  #head: Turn | null = null;
  #place: Turn | null = null;
  #ran = 0;
  #rows: readonly ReadyRow[] = [];
  #at = 0;
  /** How many the latest read asked for; 0 = none was yet in this transaction. */
  #asked = 0;
  /** Whether rows of a lower priority, if there are any, have been found. */
  #isLowerKnown = false;

  constructor(source: SourceKey, priority: number) {
    this.source = source;
    this.priority = priority;
  }

  get campaign(): string | null {
    return this.source.campaign;
  }

  /** The row that goes next; null = nothing is ready. */
  get head(): Turn | null {
    return this.#head;
  }

  /** Whose turn it is by; the very same as long as the strand's place among others is. */
  get place(): Turn | null {
    return this.#place;
  }

  /** Nothing is known to be ready: a scan finds it again. */
  forget(): void {
    this.#move(null);
  }

  /** A row that is ready; true when it became the head. */
  offer(turn: Turn): boolean {
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
    const isUndated = place?.expiresAt === null && this.#head?.expiresAt === null;
    this.#ran = mayRun && isUndated ? (this.#ran + 1) % RUN_MAX : 0;
    if (this.#ran > 0) this.#place = place;
  }

  /** The transaction is over: what was taken is `sending` now, and what was read may change. */
  endTransaction(): void {
    this.taken = 0;
    this.#forgetRows();
  }

  #move(head: Turn | null): void {
    this.#head = head;
    this.#place = head;
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
    const found = reading.peek(this.#from(this.priority), count, this.taken);
    const end = found.findIndex((row) => row.priority !== this.priority);
    this.#rows = end === -1 ? found : found.slice(0, end);
    this.#at = 0;
    this.#asked = count;
    const head = turnOf(this.#rows[0]);
    const isKnown = head !== null && this.#head !== null && compareTurns(head, this.#head) === 0;
    if (!isKnown) this.#move(head);
    const lower = end === -1 ? this.#lookLower(found.length === count, reading) : found[end];
    if (lower !== undefined) reading.onLower(lower);
    this.#isLowerKnown = true;
  }

  /* Once is enough: whatever comes later is offered. */
  #lookLower(isMore: boolean, { peek }: Reading): ReadyRow | undefined {
    if (this.#isLowerKnown || !isMore || !(this.priority > 0)) return undefined;
    return peek(this.#from(this.priority - 1), 1, 0)[0];
  }

  #from(priority: number): StrandKey {
    return { ...this.source, priority };
  }
}

/* A row holds its text. */
function turnOf(row: ReadyRow | undefined): Turn | null {
  return row === undefined
    ? null
    : { id: row.id, priority: row.priority, expiresAt: row.expiresAt };
}
