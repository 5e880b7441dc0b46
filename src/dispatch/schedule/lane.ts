/**
 * Messages that share one limit: a sender within an account. A lane is made of sources (account, sender and
 * campaign as the rows name them; NULL and the default it stands for are one lane), and they of strands, one a
 * rank. Who goes first among the strands of all lanes is not decided here.
 *
 * Always holds: a strand's head is the row that goes next, as far as is known; a row that comes later and goes
 * earlier is offered. Where the truth has moved on (a row was cancelled), a read finds out.
 */
import { compareTurns, type SourceKey, type Turn } from '../../core/message/sort-key.ts';
import type { ReadyRow } from '../../spool/write/claims.ts';
import type { LimitPath } from '../limit/limit-path.ts';
import { Strand, type Peek, type Reading } from './row-queue.ts';
import { LazyHeap } from './lazy-heap.ts';

/** Strands of a lane that stand in the line again at once after it could not go; the rest follow. */
const BACK_AT_ONCE = 64;

/** A strand of a lane, as it waits for its turn. */
export class LaneStrand extends Strand {
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
  readonly #sources = new Map<string, Map<number, LaneStrand>>();
  /** Strands that came up while the lane could not go. */
  readonly #aside = new LazyHeap<LaneStrand, number>(
    ({ rank }) => rank,
    (a, b) => a - b,
  );
  readonly #used = new Set<LaneStrand>();
  readonly #tally: { sources: number };

  constructor(limits: LimitPath, { validityMs, tally }: LaneParts) {
    this.#tally = tally;
    this.sender = limits.sender.name;
    this.limits = limits;
    this.validityMs = validityMs;
  }

  /** Where the lane's rows may be found. */
  get sources(): readonly SourceKey[] {
    return [...this.#sources.values()].flatMap((strands) =>
      [...strands.values()].slice(0, 1).map(({ source }) => source),
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

  /** A row that is ready; the strand whose head it became, null = it waits behind another. */
  offer(key: SourceKey, turn: Turn): LaneStrand | null {
    const strand = this.#strandOf(key, turn.rank);
    return strand.offer(turn) ? strand : null;
  }

  /** A row found on the way to another. What this transaction has taken is still `queued`, and no news. */
  offerFound(row: ReadyRow): LaneStrand | null {
    const strand = this.#strandOf(row, row.rank);
    return strand.taken === 0 && strand.offer(row) ? strand : null;
  }

  /** The strand's next row; null = none is left. */
  first(strand: LaneStrand, wanted: number, reading: Reading): ReadyRow | null {
    this.#used.add(strand);
    return strand.first(wanted, reading);
  }

  /** Keeps a strand that came up while the lane cannot go. */
  setAside(strand: LaneStrand): void {
    if (!strand.isAside) this.#aside.put(strand);
    strand.isAside = true;
  }

  /** Gives back some of what was set aside, the earlier rank first; whether more are left. */
  bringBack(put: (strand: LaneStrand) => void): boolean {
    for (let count = 0; count < BACK_AT_ONCE; count += 1) {
      const strand = this.#aside.take();
      if (strand === null) return false;
      strand.isAside = false;
      put(strand);
    }
    return this.#aside.peek() !== null;
  }

  /** The rows at the front of the lane's strands, without taking any: to find a probe. */
  look(limit: number, peek: Peek): ReadyRow[] {
    return [...this.#strands()]
      .sort((a, b) => compareHeads(a.head, b.head))
      .flatMap(({ source, rank, taken }) => peek({ ...source, rank }, limit, taken));
  }

  /** The transaction is over: what was taken is `sending` now. */
  endTransaction(): void {
    for (const strand of this.#used) {
      strand.endTransaction();
      if (strand.head === null) this.#drop(strand);
    }
    this.#used.clear();
  }

  /** Forgets heads and sources: a scan finds them again. */
  forget(): void {
    for (const strand of this.#strands()) strand.forget();
    this.#tally.sources -= this.#sources.size;
    this.#sources.clear();
    this.#aside.clear();
    this.#used.clear();
  }

  /** A read found no row of this source; a row that comes later is offered. */
  forgetSource(key: SourceKey): void {
    for (const strand of this.#sources.get(nameOf(key))?.values() ?? []) strand.forget();
    this.#sources.delete(nameOf(key));
  }

  *#strands(): Generator<LaneStrand> {
    for (const strands of this.#sources.values()) yield* strands.values();
  }

  #strandOf(key: SourceKey, rank: number): LaneStrand {
    const name = nameOf(key);
    let strands = this.#sources.get(name);
    if (strands === undefined) {
      strands = new Map();
      this.#sources.set(name, strands);
      this.#tally.sources += 1;
    }
    const known = strands.get(rank);
    if (known !== undefined) return known;
    const { account, sender, campaign } = key;
    const strand = new LaneStrand(this, { account, sender, campaign }, rank);
    strands.set(rank, strand);
    return strand;
  }

  #drop(strand: LaneStrand): void {
    const name = nameOf(strand.source);
    const strands = this.#sources.get(name);
    if (strands?.get(strand.rank) !== strand) return;
    strands.delete(strand.rank);
    if (strands.size > 0) return;
    this.#sources.delete(name);
    this.#tally.sources -= 1;
  }
}

function compareHeads(a: Turn | null, b: Turn | null): number {
  if (a === null || b === null) return Number(a === null) - Number(b === null);
  return compareTurns(a, b);
}

function nameOf(key: SourceKey): string {
  return JSON.stringify([key.account, key.sender, key.campaign]);
}
