/**
 * Holds the ready rows of one sender in an account, in row queues: one for each source (account, sender and campaign
 * as the rows name them) and rank. NULL and the default sender it stands for are one lane.
 *
 * Always holds: the head of a row queue is its next row, as far as is known. Rows are read from the index a few at a
 * time and kept for one pass only; reading writes nothing. The scheduler chooses among the row queues of all lanes.
 */
import type { Policy } from '../../core/account/policy.ts';
import {
  compareSortKeys,
  isUndatedRank,
  LAST_RANK,
  placeOf,
  type DeadlineKey,
  type RowQueueKey,
  type SortKey,
  type SourceKey,
} from '../../core/message/sort-key.ts';
import type { ReadyRow } from '../../spool/write/claims.ts';
import type { LimitPath } from '../limit/limit-path.ts';
import { LazyHeap } from './lazy-heap.ts';

/** Rows read at once. */
const READ_MAX = 64;
/** Rows of one source that are looked through for a probe. */
const FRONT_MAX = 65;
/** Rows without a deadline that may be taken before another lane's, where many are taken at once. */
export const RUN_MAX = 8;
/** Row queues that a lane gives back at once when it opens; the rest follow. */
const BACK_AT_ONCE = 64;

/** Reads and judges ready rows. Neither writes anything. */
export interface RowReader {
  /** Ready rows of a source in their order: those of this rank and of later ones, after the first `skip`. */
  peek(from: RowQueueKey, limit: number, skip: number): ReadyRow[];
  /**
   * Whether the row may be sent under this name. If not, `skip` = the reader remembers what has to be written;
   * `leave` = a later step does.
   */
  judge(row: ReadyRow, sender: string | null): 'send' | 'skip' | 'leave';
}

/** One pass over the lanes of an account, as far as row queues know it. */
export interface RowPass {
  readonly reader: RowReader;
  /** Row queues that have read. */
  readonly used: RowQueue[];
  /** Stale rows that are left for a later step, each the next of its row queue. */
  readonly left: ReadyRow[];
  /** A row of a later rank was found on the way. */
  readonly onLater: (row: ReadyRow) => void;
}

export class RowQueue {
  readonly lane: Lane;
  readonly source: SourceKey;
  readonly rank: number;
  /** The lane keeps it until the lane opens. */
  isAside = false;
  #head: SortKey | null = null;
  #place: DeadlineKey | null = null;
  /** Rows of the present run. */
  #ran = 0;
  #rows: readonly ReadyRow[] = [];
  #at = 0;
  /** Rows that the latest read of this pass asked for; null = none was yet. */
  #asked: number | null = null;
  /** Rows that this pass took or skipped: they are still ready on disk. */
  #passed = 0;
  /** Whether rows of a later rank, if there are any, have been found. */
  #isLaterKnown = false;

  constructor(lane: Lane, source: SourceKey, rank: number) {
    this.lane = lane;
    this.source = source;
    this.rank = rank;
  }

  get campaign(): string | null {
    return this.source.campaign;
  }

  /** The next row; null = nothing is ready. */
  get head(): SortKey | null {
    return this.#head;
  }

  /** The key among row queues (in a run, that of the run's first row); the very same until it changes. */
  get place(): DeadlineKey | null {
    return this.#place;
  }

  get #key(): RowQueueKey {
    return { ...this.source, rank: this.rank };
  }

  forget(): void {
    this.#move(null);
  }

  /** A row that is ready; true = it became the head. Rows that a pass has taken are found by its reads, and are no news. */
  offer(row: SortKey): boolean {
    if (this.#passed > 0) return false;
    if (this.#head !== null && compareSortKeys(row, this.#head) >= 0) return false;
    this.#move(row);
    this.#forgetRows();
    return true;
  }

  /** The next row that may be sent, which becomes the head; null = none. `wanted`: how many are likely to be taken. */
  first(wanted: number, pass: RowPass): ReadyRow | null {
    if (this.#asked === null) {
      pass.used.push(this);
      this.#read(Math.min(Math.max(wanted, 1), READ_MAX) + 1, pass);
    }
    for (let row = this.#rows[this.#at]; row !== undefined; row = this.#rows[this.#at]) {
      const verdict = pass.reader.judge(row, this.lane.sender);
      if (verdict === 'send') return row;
      if (verdict === 'leave') {
        pass.left.push(row);
        this.forget();
        return null;
      }
      this.#advance(pass);
    }
    return null;
  }

  /**
   * Takes the row that `first` gave. `mayRun`: many are taken at once, so older rows of other lanes may wait for a few
   * more of this one, which are read already.
   */
  take(pass: RowPass, mayRun: boolean): void {
    const place = this.#place;
    this.#advance(pass);
    const isRun = mayRun && this.#head !== null && isUndatedRank(this.rank);
    this.#ran = isRun ? (this.#ran + 1) % RUN_MAX : 0;
    if (this.#ran > 0) this.#place = place;
  }

  /** The pass is over: rows that it took or skipped leave the index, and others may come. */
  endPass(): void {
    this.#passed = 0;
    this.#forgetRows();
    if (this.#head === null) this.lane.drop(this);
  }

  #move(head: SortKey | null): void {
    this.#head = head;
    this.#place = head === null ? null : placeOf(head, this.lane.policy().validityMs);
  }

  #forgetRows(): void {
    this.#rows = [];
    this.#at = 0;
    this.#asked = null;
  }

  #advance(pass: RowPass): void {
    this.#passed += 1;
    this.#at += 1;
    const asked = this.#asked ?? 0;
    const isMore = this.#at === this.#rows.length && this.#rows.length === asked;
    if (isMore) this.#read(Math.min(asked * 2, READ_MAX + 1), pass);
    else this.#move(sortKeyOf(this.#rows[this.#at]));
  }

  #read(count: number, pass: RowPass): void {
    const found = pass.reader.peek(this.#key, count, this.#passed);
    const end = found.findIndex((row) => row.rank !== this.rank);
    this.#rows = end === -1 ? found : found.slice(0, end);
    this.#at = 0;
    this.#asked = count;
    const head = sortKeyOf(this.#rows[0]);
    const isKnown = head !== null && this.#head !== null && compareSortKeys(head, this.#head) === 0;
    if (!isKnown) this.#move(head);
    const later = end === -1 ? this.#findLater(found.length === count, pass) : found[end];
    if (later !== undefined) pass.onLater(later);
    this.#isLaterKnown = true;
  }

  /* Once is enough: rows that come later are offered. */
  #findLater(isMore: boolean, { reader }: RowPass): ReadyRow | undefined {
    if (this.#isLaterKnown || !isMore || this.rank >= LAST_RANK) return undefined;
    return reader.peek({ ...this.source, rank: this.rank + 1 }, 1, 0)[0];
  }
}

export class Lane {
  /** The sender's name; null = messages without a sender, on an account that has no default. */
  readonly sender: string | null;
  readonly limits: LimitPath;
  /** Since when (monotonic ms) a permit has been missing; null = none is. */
  deniedAt: number | null = null;
  readonly policy: () => Policy;
  /** By source, then by rank. */
  readonly #sources = new Map<string, Map<number, RowQueue>>();
  /** Row queues that came up while the lane was closed. */
  readonly #aside = new LazyHeap<RowQueue, number>(
    ({ rank }) => rank,
    (a, b) => a - b,
  );

  readonly #tally: { sources: number };

  /** `tally` counts the sources of all lanes of the account. */
  constructor(limits: LimitPath, policy: () => Policy, tally: { sources: number }) {
    this.sender = limits.sender.name;
    this.limits = limits;
    this.policy = policy;
    this.#tally = tally;
  }

  /** The sources whose rows are known to be ready. */
  get sources(): readonly SourceKey[] {
    return [...this.#sources.values()].flatMap((rowQueues) =>
      [...rowQueues.values()].slice(0, 1).map(({ source }) => source),
    );
  }

  /** Whether a new lane of its name would be the same. */
  get isIdle(): boolean {
    return this.limits.sender.isNew && !this.hasRows;
  }

  /** Whether rows of that source are known to be ready. */
  knows(source: SourceKey): boolean {
    return this.#sources.has(nameOf(source));
  }

  /** Whether any row is ready, as far as is known. */
  get hasRows(): boolean {
    return this.#sources.size > 0;
  }

  /** The row queue of such rows. */
  rowQueueOf(key: SourceKey, rank: number): RowQueue {
    const name = nameOf(key);
    let rowQueues = this.#sources.get(name);
    if (rowQueues === undefined) {
      rowQueues = new Map();
      this.#sources.set(name, rowQueues);
      this.#tally.sources += 1;
    }
    const known = rowQueues.get(rank);
    if (known !== undefined) return known;
    const { account, sender, campaign } = key;
    const rowQueue = new RowQueue(this, { account, sender, campaign }, rank);
    rowQueues.set(rank, rowQueue);
    return rowQueue;
  }

  /** Keeps a row queue that came up while the lane is closed. */
  setAside(rowQueue: RowQueue): void {
    if (!rowQueue.isAside) this.#aside.put(rowQueue);
    rowQueue.isAside = true;
  }

  /** Gives back some of what was set aside, the earlier rank first; whether more are left. */
  bringBack(put: (rowQueue: RowQueue) => void): boolean {
    for (let count = 0; count < BACK_AT_ONCE; count += 1) {
      const rowQueue = this.#aside.take();
      if (rowQueue === null) return false;
      rowQueue.isAside = false;
      put(rowQueue);
    }
    return this.#aside.peek() !== null;
  }

  /** The rows at the front of each source, in their order; nothing is taken. */
  front(reader: RowReader): readonly ReadyRow[] {
    return this.sources
      .flatMap((source) => reader.peek({ ...source, rank: -Infinity }, FRONT_MAX, 0))
      .sort(compareSortKeys);
  }

  /** Forgets heads and sources: a scan finds them again. */
  forget(): void {
    for (const rowQueue of this.#rowQueues()) rowQueue.forget();
    this.#tally.sources -= this.#sources.size;
    this.#sources.clear();
    this.#aside.clear();
  }

  /** A read found no row of this source; a row that comes later is offered. */
  forgetSource(key: SourceKey): void {
    for (const rowQueue of this.#sources.get(nameOf(key))?.values() ?? []) {
      rowQueue.forget();
      this.drop(rowQueue);
    }
  }

  /** Drops a row queue without rows. */
  drop(rowQueue: RowQueue): void {
    const name = nameOf(rowQueue.source);
    const rowQueues = this.#sources.get(name);
    if (rowQueues?.get(rowQueue.rank) !== rowQueue) return;
    rowQueues.delete(rowQueue.rank);
    if (rowQueues.size > 0) return;
    this.#sources.delete(name);
    this.#tally.sources -= 1;
  }

  *#rowQueues(): Generator<RowQueue> {
    for (const rowQueues of this.#sources.values()) yield* rowQueues.values();
  }
}

/* Without the row's text. */
function sortKeyOf(row: ReadyRow | undefined): SortKey | null {
  if (row === undefined) return null;
  const { id, rank, expiresAt, createdAt, sendAt } = row;
  return { id, rank, expiresAt, createdAt, sendAt };
}

function nameOf(key: SourceKey): string {
  return JSON.stringify([key.account, key.sender, key.campaign]);
}
