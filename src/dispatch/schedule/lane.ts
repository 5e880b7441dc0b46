/**
 * Messages that share one limit: a sender within an account. A lane is made of sources (account, sender and
 * campaign as the rows name them; NULL and the default it stands for are one lane), and they of row queues, one a
 * rank. Who goes first among the row queues of all lanes is not decided here.
 *
 * Always holds: a row queue's head is the row that goes next, as far as is known; a row that comes later and goes
 * earlier is offered. Where the truth has moved on (a row was cancelled), a read finds out.
 */
import { compareTurns, type SourceKey, type SortKey } from '../../core/message/sort-key.ts';
import type { ReadyRow } from '../../spool/write/claims.ts';
import type { LimitPath } from '../limit/limit-path.ts';
import { RowQueue, type Peek, type Reading } from './row-queue.ts';
import { LazyHeap } from './lazy-heap.ts';

/** Row queues of a lane that stand in the line again at once after it could not go; the rest follow. */
const BACK_AT_ONCE = 64;

/** A row queue of a lane, as it waits for its turn. */
export class LaneRowQueue extends RowQueue {
  readonly lane: Lane;
  /** The lane keeps it until it can go. */
  isAside = false;

  constructor(lane: Lane, source: SourceKey, rank: number) {
    super(source, rank, lane.validityMs);
    this.lane = lane;
  }
}

export interface LaneParts {
  readonly validityMs: number;
  /** Counts the sources of all lanes of the account. */
  readonly tally: { sources: number };
}

export class Lane {
  /** The sender's name; null = messages without a sender, on an account that has no default. */
  readonly sender: string | null;
  readonly limits: LimitPath;
  /** How long rows without a deadline of their own may be sent. */
  validityMs: number;
  /** Since when (monotonic ms) a permit has been missing; null = none is. */
  deniedAt: number | null = null;
  /** By source, then by rank. */
  readonly #sources = new Map<string, Map<number, LaneRowQueue>>();
  /** Row queues that came up while the lane could not go. */
  readonly #aside = new LazyHeap<LaneRowQueue, number>(
    ({ rank }) => rank,
    (a, b) => a - b,
  );
  readonly #used = new Set<LaneRowQueue>();
  readonly #tally: { sources: number };

  constructor(limits: LimitPath, { validityMs, tally }: LaneParts) {
    this.#tally = tally;
    this.sender = limits.sender.name;
    this.limits = limits;
    this.validityMs = validityMs;
  }

  /** Where the lane's rows may be found. */
  get sources(): readonly SourceKey[] {
    return [...this.#sources.values()].flatMap((rowQueues) =>
      [...rowQueues.values()].slice(0, 1).map(({ source }) => source),
    );
  }

  /** Whether the lane holds nothing that a new one of its name would not have. */
  get isIdle(): boolean {
    return this.limits.sender.isNew && !this.hasRows && this.#used.size === 0;
  }

  /** Whether rows of that source are known to be ready. */
  knows(source: SourceKey): boolean {
    return this.#sources.has(nameOf(source));
  }

  /** Whether any row is ready, as far as is known. */
  get hasRows(): boolean {
    return this.#sources.size > 0;
  }

  /** A row that is ready; the row queue whose head it became, null = it waits behind another. */
  offer(key: SourceKey, turn: SortKey): LaneRowQueue | null {
    const rowQueue = this.#rowQueueOf(key, turn.rank);
    return rowQueue.offer(turn) ? rowQueue : null;
  }

  /** A row found on the way to another. What this transaction has taken is still `queued`, and no news. */
  offerFound(row: ReadyRow): LaneRowQueue | null {
    const rowQueue = this.#rowQueueOf(row, row.rank);
    return rowQueue.taken === 0 && rowQueue.offer(row) ? rowQueue : null;
  }

  /** The row queue's next row; null = none is left. */
  first(rowQueue: LaneRowQueue, wanted: number, reading: Reading): ReadyRow | null {
    this.#used.add(rowQueue);
    return rowQueue.first(wanted, reading);
  }

  /** Keeps a row queue that came up while the lane cannot go. */
  setAside(rowQueue: LaneRowQueue): void {
    if (!rowQueue.isAside) this.#aside.put(rowQueue);
    rowQueue.isAside = true;
  }

  /** Gives back some of what was set aside, the earlier rank first; whether more are left. */
  bringBack(put: (rowQueue: LaneRowQueue) => void): boolean {
    for (let count = 0; count < BACK_AT_ONCE; count += 1) {
      const rowQueue = this.#aside.take();
      if (rowQueue === null) return false;
      rowQueue.isAside = false;
      put(rowQueue);
    }
    return this.#aside.peek() !== null;
  }

  /** The rows at the front of the lane's row queues, without taking any: to find a probe. */
  look(limit: number, peek: Peek): ReadyRow[] {
    return [...this.#rowQueues()]
      .sort((a, b) => compareHeads(a.head, b.head))
      .flatMap(({ source, rank, taken }) => peek({ ...source, rank }, limit, taken));
  }

  /** The transaction is over: what was taken is `sending` now. */
  endTransaction(): void {
    for (const rowQueue of this.#used) {
      rowQueue.endTransaction();
      if (rowQueue.head === null) this.#drop(rowQueue);
    }
    this.#used.clear();
  }

  /** Forgets heads and sources: a scan finds them again. */
  forget(): void {
    for (const rowQueue of this.#rowQueues()) rowQueue.forget();
    this.#tally.sources -= this.#sources.size;
    this.#sources.clear();
    this.#aside.clear();
    this.#used.clear();
  }

  /** A read found no row of this source; a row that comes later is offered. */
  forgetSource(key: SourceKey): void {
    for (const rowQueue of this.#sources.get(nameOf(key))?.values() ?? []) rowQueue.forget();
    this.#sources.delete(nameOf(key));
  }

  *#rowQueues(): Generator<LaneRowQueue> {
    for (const rowQueues of this.#sources.values()) yield* rowQueues.values();
  }

  #rowQueueOf(key: SourceKey, rank: number): LaneRowQueue {
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
    const rowQueue = new LaneRowQueue(this, { account, sender, campaign }, rank);
    rowQueues.set(rank, rowQueue);
    return rowQueue;
  }

  #drop(rowQueue: LaneRowQueue): void {
    const name = nameOf(rowQueue.source);
    const rowQueues = this.#sources.get(name);
    if (rowQueues?.get(rowQueue.rank) !== rowQueue) return;
    rowQueues.delete(rowQueue.rank);
    if (rowQueues.size > 0) return;
    this.#sources.delete(name);
    this.#tally.sources -= 1;
  }
}

function compareHeads(a: SortKey | null, b: SortKey | null): number {
  if (a === null || b === null) return Number(a === null) - Number(b === null);
  return compareTurns(a, b);
}

function nameOf(key: SourceKey): string {
  return JSON.stringify([key.account, key.sender, key.campaign]);
}
