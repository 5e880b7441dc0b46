/**
 * When what waits in an account will be gone, by what stands before it and by the rules that it has to pass:
 * the account's, its groups', its senders', each by the second and by longer windows. Pure; an estimate, never
 * a promise: rows that come later and go earlier, throttling to come and other users of the account are not in
 * it.
 *
 * Rows flow as water does (`division` says how fast), for as long as nothing changes: no pile is gone, no
 * window used up or free again, no lane open.
 */
import { divide, SAME, type Basin, type Flow, type Pile } from './division.ts';
import type { Reservoir, WindowUse } from './reservoir.ts';
import { Sluice, type Allowance } from './sluice.ts';

export type { Allowance, Pile, WindowUse };

/** Senders that share what is allowed. */
export interface GroupAllowance extends Allowance {
  readonly senders: readonly string[];
}

export interface AccountAllowance extends Allowance {
  /** The share for lower priorities than the highest that waits, 0 to 0.5. */
  readonly reserve: number;
  /** Lanes with a limit or a wait of their own. */
  readonly lanes: ReadonlyMap<string, Allowance>;
  /** A lane is in one of them at most. */
  readonly groups: readonly GroupAllowance[];
}

/** So much work is done; the windows of minutes and hours are exact for a part of it, those of days for most. */
const PHASES_MAX = 1_000;
const SLIDING_PHASES = 600;
const DAILY_PHASES = 900;
/** A window that lets this share of its limit through is what holds up. */
const IS_FULL = 0.99;
const NOTHING = 1e-9;
/** Rows that are none. */
const NO_ROW = 1e-6;

/** Seconds until the last row of each pile has gone; Infinity = nobody can say. */
export function secondsUntilGone(
  piles: readonly Pile[],
  account: AccountAllowance,
): readonly number[] {
  return new Course(piles, account).run(null).map(({ goneS }) => goneS);
}

/** A window that held a pile up. */
export interface Held {
  readonly use: WindowUse;
  /** For how long. */
  readonly seconds: number;
  /** Until when at last it let nothing through (seconds from now); null = something always went. */
  readonly untilS: number | null;
}

/** When the last row of a pile will have gone, and how many of each pile will be gone by then. */
export interface Turnout {
  /** Infinity = nobody can say. */
  readonly seconds: number;
  readonly gone: readonly number[];
  /** What held it up longest; null = no window did. */
  readonly held: Held | null;
}

/** The turnout for the pile of that index. */
export function turnoutOf(
  piles: readonly Pile[],
  account: AccountAllowance,
  index: number,
): Turnout {
  const course = new Course(piles, account);
  const flows = course.run(index);
  const gone = flows.map(({ count, left }) => count - Math.max(0, left));
  return { seconds: flows[index]?.goneS ?? Infinity, gone, held: course.held };
}

/** One run from now until everything is gone, or one pile is. */
class Course {
  readonly #flows: readonly Flow[];
  readonly #basin: Basin;
  readonly #sluices: readonly Sluice[];
  readonly #held = new Map<Reservoir, Held>();
  #waiting: readonly Flow[];
  #atS = 0;

  constructor(piles: readonly Pile[], account: AccountAllowance) {
    this.#basin = { account: new Sluice(account), reserve: account.reserve };
    const lanes = new Map([...account.lanes].map(([lane, one]) => [lane, new Sluice(one)]));
    const groups = account.groups.map((group) => ({ ...group, sluice: new Sluice(group) }));
    this.#sluices = [this.#basin.account, ...lanes.values(), ...groups.map((one) => one.sluice)];
    const group = new Map(
      groups.flatMap(({ senders, sluice }) => senders.map((lane) => [lane, sluice] as const)),
    );
    this.#flows = piles.map((pile): Flow => {
      const sluices = [lanes.get(pile.lane) ?? [], group.get(pile.lane) ?? []].flat();
      return { ...pile, sluices, left: pile.count, rate: 0, goneS: 0 };
    });
    this.#waiting = this.#flows.filter(({ left }) => left > 0);
  }

  /** Until all of them are gone, or the one of that index is. */
  run(last: number | null): readonly Flow[] {
    const asked = last === null ? null : (this.#flows[last] ?? null);
    for (let phase = 0; this.#waiting.length > 0 && (asked?.goneS ?? 0) === 0; phase += 1) {
      this.#settle(phase);
      divide(this.#waiting, this.#basin, this.#atS);
      const stepS = phase < PHASES_MAX ? this.#nextChange() : Infinity;
      if (stepS === Infinity) {
        for (const flow of this.#waiting) flow.goneS = this.#atS + flow.left / flow.rate;
        break;
      }
      if (asked !== null) this.#note(asked, stepS);
      this.#step(stepS);
    }
    return this.#flows;
  }

  /** What held the pile up that was asked about, longest. */
  get held(): Held | null {
    const all = [...this.#held.values()];
    const [longest] = all.toSorted(
      (a, b) => b.seconds - a.seconds || (b.untilS ?? 0) - (a.untilS ?? 0),
    );
    return longest ?? null;
  }

  /* How long the rates stay as they are; Infinity = for ever. */
  #nextChange(): number {
    const ends = this.#waiting.map(({ left, rate }) => (rate > 0 ? left / rate : Infinity));
    const changes = this.#sluices.map((sluice) => sluice.changesIn(this.#atS));
    return [...ends, ...changes]
      .filter((seconds) => seconds > NOTHING)
      .reduce((least, seconds) => Math.min(least, seconds), Infinity);
  }

  #step(seconds: number): void {
    for (const sluice of this.#sluices) sluice.advance(seconds);
    this.#atS += seconds;
    /* What would be gone in no time is, unless a window is used up first. */
    const calmS = this.#sluices.reduce(
      (least, sluice) => Math.min(least, sluice.windowsChangeIn()),
      this.#atS * SAME,
    );
    for (const flow of this.#waiting) empty(flow, { seconds, calmS, atS: this.#atS });
    this.#waiting = this.#waiting.filter(({ goneS }) => goneS === 0);
  }

  #note({ sluices }: Flow, stepS: number): void {
    for (const { flow, reservoirs } of [...sluices, this.#basin.account]) {
      for (const reservoir of reservoirs) {
        const { use, limit } = reservoir;
        if (limit === Infinity || flow < limit * IS_FULL) continue;
        const { seconds, untilS } = this.#held.get(reservoir) ?? { seconds: 0, untilS: null };
        const until = limit === 0 ? this.#atS + stepS : untilS;
        this.#held.set(reservoir, { use, seconds: seconds + stepS, untilS: until });
      }
    }
  }

  #settle(phase: number): void {
    if (phase !== SLIDING_PHASES && phase !== DAILY_PHASES) return;
    for (const reservoir of this.#sluices.flatMap(({ reservoirs }) => reservoirs)) {
      const isDaily = reservoir.use.window.span === 'day';
      if (phase === DAILY_PHASES || !isDaily) reservoir.settle();
    }
  }
}

function empty(
  flow: Flow,
  {
    seconds,
    calmS,
    atS,
  }: { readonly seconds: number; readonly calmS: number; readonly atS: number },
): void {
  flow.left -= flow.rate * seconds;
  if (flow.left > flow.rate * calmS + NO_ROW) return;
  flow.goneS = atS + (flow.rate > 0 ? Math.max(0, flow.left) / flow.rate : 0);
  flow.left = 0;
}
