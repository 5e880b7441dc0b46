/**
 * Who goes first among rows of one kind that wait in an account's lanes: the higher priority, but for a
 * reserve; within a priority campaigns in turn, a row each; within a campaign the earliest deadline. Rows
 * without a campaign are one. It holds heads, never rows.
 *
 * Always holds: no campaign is passed over for ever. Campaigns of a priority stand in one line, and whoever
 * had a permit, or comes new, stands at its end; the reserve goes to the lower priority that has had none for
 * longest. So with c campaigns at its priority one has a permit within c × 9 / reserve of those that it might
 * have had (for ever is only what a reserve of 0 asks for). What may not go stands in nobody's way: it is handed back, and put in again when it may.
 */
import { isOwed, NOTHING_OWED, owedAfter } from '../../core/window/deficit-counter.ts';
import { compareDeadlineKeys, levelOf, type DeadlineKey } from '../../core/message/sort-key.ts';
import { LazyHeap } from './lazy-heap.ts';

/** Rows of one lane, campaign and rank. */
export interface Waiting {
  readonly campaign: string | null;
  readonly rank: number;
  /** By which its turn in the campaign is decided; null = nothing is ready. */
  readonly place: DeadlineKey | null;
}

/** Below the highest. */
const LEVELS_BELOW = 9;

/** False = it may not go now, and has been set aside: it is put in again when it may. */
export type MayGo<W> = (waiting: W) => boolean;

/** One campaign at one priority. */
class Campaign<W extends Waiting> {
  readonly name: string | null;
  /** Its place in the line; null = it is not in it. */
  ticket: number | null = null;
  readonly waiting = new LazyHeap<W, DeadlineKey>((one) => one.place, compareDeadlineKeys);

  constructor(name: string | null) {
    this.name = name;
  }
}

/** What waits at one priority. */
class Level<W extends Waiting> {
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

  /** What goes next at this priority; null = nothing that may. */
  peek(mayGo: MayGo<W>): W | null {
    for (let first = this.#line.peek(); first !== null; first = this.#line.peek()) {
      const one = this.#peekIn(first, mayGo);
      if (one !== null) return one;
      this.#line.take();
      first.ticket = null;
      this.#campaigns.delete(first.name);
    }
    return null;
  }

  /** The campaign whose turn it was had a permit. */
  served(campaign: string | null): void {
    const served = this.#campaigns.get(campaign);
    if (served !== undefined) this.#enqueue(served);
  }

  /** What one of a campaign has of what this priority is given, about: at once no more than a run, if it can. */
  shareOf(campaign: string | null, given: number, run: number): number {
    const share = given / Math.max(1, this.#line.size);
    const rivals = this.#campaigns.get(campaign)?.waiting.size ?? 1;
    return Math.max(share / Math.max(1, rivals), Math.min(run, share));
  }

  get isEmpty(): boolean {
    return this.peek(() => true) === null;
  }

  /** Campaigns keep their places in the line for a moment: what waits is put in again. */
  clear(): void {
    for (const campaign of this.#campaigns.values()) campaign.waiting.clear();
  }

  #enqueue(campaign: Campaign<W>): void {
    campaign.ticket = this.#tickets += 1;
    this.#line.put(campaign);
  }

  #peekIn(campaign: Campaign<W>, mayGo: MayGo<W>): W | null {
    for (let one = campaign.waiting.peek(); one !== null; one = campaign.waiting.peek()) {
      if (mayGo(one)) return one;
      campaign.waiting.take();
    }
    return null;
  }
}

export class LevelQueue<W extends Waiting> {
  /** The share of permits for lower priorities than the highest that waits, 0 to 0.5. */
  reserve: number;
  readonly #lowest = new Level<W>();
  /** The highest priority first. */
  readonly #levels = [...Array.from({ length: LEVELS_BELOW }, () => new Level<W>()), this.#lowest];
  #owed = NOTHING_OWED;
  #permits = 0;
  /** False = nothing waits, surely. */
  #mayHold = false;
  #isBelowWaiting = false;
  #isBelow = false;

  constructor(reserve: number) {
    this.reserve = reserve;
  }

  get isEmpty(): boolean {
    return !this.#mayHold || this.#levels.every((level) => level.isEmpty);
  }

  /** Enters rows under the place they have now; also when it has changed. */
  put(one: W): void {
    this.#mayHold = true;
    this.#levelOf(one).put(one);
  }

  /** What the next permit is for; null = nothing that may go. It stays in. */
  next(mayGo: MayGo<W>): W | null {
    if (!this.#mayHold) return null;
    const isDue = isOwed(this.#owed, this.reserve);
    let top: W | null = null;
    let below: W | null = null;
    for (const level of this.#levels) {
      const one = level.peek(mayGo);
      if (one === null) continue;
      if (top === null) top = one;
      else if (below === null || level.servedAt < this.#levelOf(below).servedAt) below = one;
      if (this.reserve === 0 || (below !== null && !isDue)) break;
    }
    this.#mayHold = top !== null;
    this.#isBelowWaiting = below !== null;
    this.#isBelow = isDue && below !== null;
    return this.#isBelow ? below : top;
  }

  /** What `next` gave has the permit: the others of its priority go before it again. */
  spend(one: W): void {
    const level = this.#levelOf(one);
    level.servedAt = this.#permits += 1;
    level.served(one.campaign);
    if (this.#isBelowWaiting) this.#owed = owedAfter(this.#owed, this.reserve, this.#isBelow);
  }

  /** How many of `permits` would go to what `next` gave, about, if it can have so many in a run; at least 1. */
  shareOf(one: W, permits: number, run: number): number {
    const given = permits * (this.#isBelow ? this.reserve : 1);
    return Math.ceil(this.#levelOf(one).shareOf(one.campaign, given, run));
  }

  /** Forgets what waits, not whose turn it is: what is put in before the next look keeps its place. */
  clear(): void {
    for (const level of this.#levels) level.clear();
  }

  #levelOf({ rank }: W): Level<W> {
    /* Clients can switch constraints off; what is no priority is read and refused at the lowest. */
    return this.#levels[levelOf(rank)] ?? this.#lowest;
  }
}
