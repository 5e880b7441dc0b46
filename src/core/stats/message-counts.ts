/**
 * Counts the messages in each state, by lane, and since when the waiting ones wait. Rows are counted in the order of
 * their ids; moves are told of counted rows only, so a count that takes a while is exact when it ends.
 *
 * Always holds: no number is negative; the next count corrects a change that is not reported (a row changed by hand). No
 * clock: instants are Unix seconds.
 */
import type { LaneName, LaneNames } from '../message/lane-names.ts';
import { STATES, type State } from '../message/message.ts';

export interface Alike {
  readonly account: string | null;
  readonly sender: string | null;
  readonly state: State;
  /** Since when they can go; means nothing where a message does not wait to be sent. */
  readonly since: number;
  readonly count: number;
}

/** A message leaves a state for another, or the spool (`to` null). */
export interface CountedMove {
  readonly id: number;
  readonly account: string | null;
  readonly sender: string | null;
  readonly from: State;
  readonly to: State | null;
  /** Since when it could go before, and can go now. */
  readonly wasSince: number;
  readonly since: number;
}

export interface LaneCount {
  readonly name: LaneName;
  readonly states: Readonly<Record<State, number>>;
  readonly ages: Ages;
}

interface LaneTally extends LaneCount {
  readonly states: Record<State, number>;
}

export class MessageCounts {
  readonly #names: LaneNames;
  readonly #lanes = new Map<LaneName, LaneTally>();
  #upTo = 0;

  constructor(names: LaneNames) {
    this.#names = names;
    for (const { account, sender } of names.configured) this.#lane(account, sender);
  }

  /** Rows with an id up to this are counted. */
  get upTo(): number {
    return this.#upTo;
  }

  get lanes(): Iterable<LaneCount> {
    return this.#lanes.values();
  }

  /** The rows after the last one that was counted, up to this id. */
  count(rows: readonly Alike[], upTo: number, now: number): void {
    for (const { account, sender, state, since, count } of rows) {
      const lane = this.#lane(account, sender);
      /* A client that switched the constraints off may have put in a state that is none. */
      if (!(state in lane.states)) continue;
      lane.states[state] += count;
      if (isWaiting(state)) lane.ages.add(instant(since, now), count, now);
    }
    this.#upTo = upTo;
  }

  moved(move: CountedMove, now: number): void {
    if (move.id > this.#upTo) return;
    const lane = this.#lane(move.account, move.sender);
    const { from, to } = move;
    if (lane.states[from] > 0) lane.states[from] -= 1;
    if (isWaiting(from)) lane.ages.remove(instant(move.wasSince, now));
    if (to === null) return;
    lane.states[to] += 1;
    if (isWaiting(to)) lane.ages.add(instant(move.since, now), 1, now);
  }

  #lane(account: string | null, sender: string | null): LaneTally {
    const name = this.#names.of(account, sender);
    const known = this.#lanes.get(name);
    if (known !== undefined) return known;
    const made = { name, states: noStates(), ages: new Ages() };
    this.#lanes.set(name, made);
    return made;
  }
}

/** No message in any state. */
export function noStates(): Record<State, number> {
  return Object.fromEntries(STATES.map((state) => [state, 0])) as Record<State, number>;
}

/** Since when a row can go (Unix seconds); later than now = it waits for that. */
export function sinceOf(row: {
  readonly createdAt: number;
  readonly sendAt: number | null;
  readonly nextAttemptAt: number | null;
}): number {
  return Math.max(row.createdAt, row.sendAt ?? 0, row.nextAttemptAt ?? 0);
}

function isWaiting(state: State): boolean {
  return state === 'queued' || state === 'retry';
}

function instant(since: number, now: number): number {
  return Number.isFinite(since) ? since : now;
}

/** Width of a slot near the present, and of the others, in seconds. */
const FINE_S = 10;
const COARSE_S = 600;
/** What is near: slots older than this become coarse. */
const NEAR_S = 1_200;

/**
 * How many messages wait since when, coarsely: instants near the present in slots of ten seconds, others in slots of
 * ten minutes. The total is exact; an instant is right to the width of its slot.
 */
export class Ages {
  readonly #fine = new Map<number, number>();
  readonly #coarse = new Map<number, number>();
  #total = 0;

  get total(): number {
    return this.#total;
  }

  /** `count` more wait since `since` (later than now: they wait for it). */
  add(since: number, count: number, now: number): void {
    this.#total += count;
    const isNear = Math.abs(now - since) < NEAR_S;
    if (isNear) put(this.#fine, slotOf(since, FINE_S), count);
    else put(this.#coarse, slotOf(since, COARSE_S), count);
  }

  /** One that waited since `since` waits no more. Where nothing is known of that instant, the latest goes. */
  remove(since: number): void {
    if (this.#total === 0) return;
    this.#total -= 1;
    if (take(this.#fine, slotOf(since, FINE_S))) return;
    if (take(this.#coarse, slotOf(since, COARSE_S))) return;
    const slots = this.#fine.size > 0 ? this.#fine : this.#coarse;
    take(slots, Math.max(...slots.keys()));
  }

  /** Since when the oldest waits that has not to wait for its instant; null = none does. */
  oldest(now: number): number | null {
    let oldest = Infinity;
    for (const slot of this.#fine.keys()) oldest = Math.min(oldest, slot);
    for (const slot of this.#coarse.keys()) oldest = Math.min(oldest, slot);
    return oldest <= now ? oldest : null;
  }

  /**
   * How many wait for less than each bound (seconds, growing), longer than the last, and, first, for an
   * instant that is still to come.
   */
  histogram(now: number, bounds: readonly number[]): readonly number[] {
    this.#fold(now);
    const counts = new Array<number>(bounds.length + 2).fill(0);
    for (const [slots, width] of [
      [this.#fine, FINE_S],
      [this.#coarse, COARSE_S],
    ] as const) {
      for (const [slot, count] of slots) {
        /* What is scheduled is so to the minute, or later: of a slot that has begun, all have begun. */
        const age = now - Math.min(slot + width / 2, now);
        const index = slot > now ? 0 : 1 + bucketOf(age, bounds);
        counts[index] = (counts[index] ?? 0) + count;
      }
    }
    return counts;
  }

  #fold(now: number): void {
    for (const [slot, count] of this.#fine) {
      if (slot > now - NEAR_S) continue;
      this.#fine.delete(slot);
      put(this.#coarse, slotOf(slot, COARSE_S), count);
    }
  }
}

function bucketOf(age: number, bounds: readonly number[]): number {
  const index = bounds.findIndex((bound) => age < bound);
  return index < 0 ? bounds.length : index;
}

function slotOf(instant: number, width: number): number {
  return Math.floor(instant / width) * width;
}

function put(slots: Map<number, number>, slot: number, count: number): void {
  slots.set(slot, (slots.get(slot) ?? 0) + count);
}

function take(slots: Map<number, number>, slot: number): boolean {
  const count = slots.get(slot);
  if (count === undefined) return false;
  if (count === 1) slots.delete(slot);
  else slots.set(slot, count - 1);
  return true;
}
