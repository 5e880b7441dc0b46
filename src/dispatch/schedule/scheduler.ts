/**
 * Decides which row queue of an account has the next permit.
 *
 * 1. First attempts go before retries, except for a share that is the retries'. After an outage thousands of retries
 *    may be due at once: new messages pass them, and they drain at their share, or at the whole rate.
 * 2. Among each kind the highest priority goes first, except for the reserve of the lower ones. The reserve goes to the
 *    lower priority that has had no permit for longest.
 * 3. Within a priority campaigns take turns, a row each; rows without a campaign are one campaign.
 * 4. Within a campaign the earliest deadline goes first.
 *
 * Always holds: shares are met to within one permit, so nothing starves: of c campaigns at a priority each has a permit
 * within c × 9 / reserve of those that it might have had. A closed row queue holds up no other: it is handed to
 * `MayGo`, removed, and put in again when its lane opens. Only heads are held, never rows.
 */
import { isOwed, NOTHING_OWED, owedAfter, RETRY_SHARE } from '../../core/window/deficit-counter.ts';
import {
  compareDeadlineKeys,
  isRetryRank,
  levelOf,
  type DeadlineKey,
} from '../../core/message/sort-key.ts';
import { LazyHeap } from './lazy-heap.ts';

/** Rows of one lane, campaign and rank. */
export interface Waiting {
  readonly campaign: string | null;
  readonly rank: number;
  /** Its key in the campaign; null = nothing is ready. */
  readonly place: DeadlineKey | null;
}

/** False = it is closed, and whoever was asked keeps it. */
export type MayGo<W> = (waiting: W) => boolean;

/** Priorities below the highest. */
const LEVELS_BELOW = 9;

/** One campaign at one priority. */
class Campaign<W extends Waiting> {
  readonly name: string | null;
  /** Its place in the line; null = it is not in it. */
  ticket: number | null = null;
  readonly waiting = new LazyHeap<W, DeadlineKey>((one) => one.place, compareDeadlineKeys);

  constructor(name: string | null) {
    this.name = name;
  }

  peek(mayGo: MayGo<W>): W | null {
    for (let one = this.waiting.peek(); one !== null; one = this.waiting.peek()) {
      if (mayGo(one)) return one;
      this.waiting.take();
    }
    return null;
  }
}

/** The campaigns of one priority, in one line: who had a permit, or comes new, goes to its end. */
class PriorityLevel<W extends Waiting> {
  /** When it last had a permit, counted in permits. */
  servedAt = 0;
  readonly #campaigns = new Map<string | null, Campaign<W>>();
  readonly #line = new LazyHeap<Campaign<W>, number>(
    ({ ticket }) => ticket,
    (a, b) => a - b,
  );
  #tickets = 0;

  put(one: W): void {
    let campaign = this.#campaigns.get(one.campaign);
    if (campaign === undefined) {
      campaign = new Campaign<W>(one.campaign);
      this.#campaigns.set(one.campaign, campaign);
    }
    campaign.waiting.put(one);
    if (campaign.ticket === null) this.#enqueue(campaign);
  }

  peek(mayGo: MayGo<W>): W | null {
    for (let first = this.#line.peek(); first !== null; first = this.#line.peek()) {
      const one = first.peek(mayGo);
      if (one !== null) return one;
      this.#line.take();
      first.ticket = null;
      this.#campaigns.delete(first.name);
    }
    return null;
  }

  spend({ campaign }: W): void {
    const served = this.#campaigns.get(campaign);
    if (served !== undefined) this.#enqueue(served);
  }

  shareOf({ campaign }: W, given: number, run: number): number {
    const share = given / Math.max(1, this.#line.size);
    const rivals = this.#campaigns.get(campaign)?.waiting.size ?? 1;
    return Math.max(share / Math.max(1, rivals), Math.min(run, share));
  }

  /** Campaigns keep their places in the line for a moment: what waits is put in again. */
  clear(): void {
    for (const campaign of this.#campaigns.values()) campaign.waiting.clear();
  }

  #enqueue(campaign: Campaign<W>): void {
    campaign.ticket = this.#tickets += 1;
    this.#line.put(campaign);
  }
}

/** The priorities of first attempts, or those of retries. */
class LevelQueue<W extends Waiting> {
  readonly #reserve: () => number;
  readonly #lowest = new PriorityLevel<W>();
  /** The highest priority first. */
  readonly #levels = [
    ...Array.from({ length: LEVELS_BELOW }, () => new PriorityLevel<W>()),
    this.#lowest,
  ];
  #owed = NOTHING_OWED;
  #permits = 0;
  /** False = certainly empty. */
  #mayHold = false;
  #isBelowWaiting = false;
  #isBelow = false;

  constructor(reserve: () => number) {
    this.#reserve = reserve;
  }

  get isEmpty(): boolean {
    return !this.#mayHold || this.#levels.every((level) => level.peek(() => true) === null);
  }

  put(one: W): void {
    this.#mayHold = true;
    this.#levelOf(one).put(one);
  }

  next(mayGo: MayGo<W>): W | null {
    if (!this.#mayHold) return null;
    const reserve = this.#reserve();
    const isDue = isOwed(this.#owed, reserve);
    let top: W | null = null;
    let below: W | null = null;
    for (const level of this.#levels) {
      const one = level.peek(mayGo);
      if (one === null) continue;
      if (top === null) top = one;
      else if (below === null || level.servedAt < this.#levelOf(below).servedAt) below = one;
      if (reserve === 0 || (below !== null && !isDue)) break;
    }
    this.#mayHold = top !== null;
    this.#isBelowWaiting = below !== null;
    this.#isBelow = isDue && below !== null;
    return this.#isBelow ? below : top;
  }

  spend(one: W): void {
    const level = this.#levelOf(one);
    level.servedAt = this.#permits += 1;
    level.spend(one);
    if (this.#isBelowWaiting) this.#owed = owedAfter(this.#owed, this.#reserve(), this.#isBelow);
  }

  shareOf(one: W, permits: number, run: number): number {
    const given = permits * (this.#isBelow ? this.#reserve() : 1);
    return Math.ceil(this.#levelOf(one).shareOf(one, given, run));
  }

  clear(): void {
    for (const level of this.#levels) level.clear();
  }

  #levelOf({ rank }: W): PriorityLevel<W> {
    /* Clients can switch constraints off; what is no priority is read and refused at the lowest. */
    return this.#levels[levelOf(rank)] ?? this.#lowest;
  }
}

export class Scheduler<W extends Waiting> {
  readonly #firsts: LevelQueue<W>;
  readonly #retries: LevelQueue<W>;
  #owed = NOTHING_OWED;
  /** Of the latest permit: both kinds waited for it, and a retry is to have it. */
  #isContested = false;
  #isRetry = false;

  /** `reserve`: the share of permits for lower priorities than the highest that waits, 0 to 0.5. */
  constructor(reserve: () => number) {
    this.#firsts = new LevelQueue(reserve);
    this.#retries = new LevelQueue(reserve);
  }

  get isEmpty(): boolean {
    return this.#firsts.isEmpty && this.#retries.isEmpty;
  }

  /** Enters rows under the place they have now; also when it has changed. */
  put(one: W): void {
    this.#kindOf(one).put(one);
  }

  /** Who has the next permit; null = nobody whose lane is open. It stays in. */
  next(mayGo: MayGo<W>): W | null {
    const first = this.#firsts.next(mayGo);
    const retry = this.#retries.next(mayGo);
    this.#isContested = first !== null && retry !== null;
    this.#isRetry = this.#isContested ? isOwed(this.#owed, RETRY_SHARE) : first === null;
    return this.#isRetry ? retry : first;
  }

  /** What `next` gave has the permit: the others of its kind and priority go before it again. */
  spend(one: W): void {
    this.#kindOf(one).spend(one);
    if (this.#isContested) this.#owed = owedAfter(this.#owed, RETRY_SHARE, this.#isRetry);
  }

  /** About how many of `permits` would go to what `next` gave, at least 1. `run`: what it may have in a row. */
  shareOf(one: W, permits: number, run: number): number {
    const share = this.#isRetry ? RETRY_SHARE : 1 - RETRY_SHARE;
    return this.#kindOf(one).shareOf(one, permits * (this.#isContested ? share : 1), run);
  }

  /** Forgets what waits. What is put in before the next look keeps its place in the line. */
  clear(): void {
    this.#firsts.clear();
    this.#retries.clear();
  }

  #kindOf({ rank }: W): LevelQueue<W> {
    return isRetryRank(rank) ? this.#retries : this.#firsts;
  }
}
