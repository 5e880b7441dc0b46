/**
 * When what waits will be gone, under windows longer than a second and in groups that share: held against
 * queues that are played through message by message, with the caps that the daemon has.
 */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { usageWindowOf, fits, type UsageWindow } from '../../src/core/window/usage-window.ts';
import type { LongWindow, Per } from '../../src/core/window/rate-limits.ts';
import { Zone } from '../../src/core/time/zone.ts';
import {
  forecast,
  type AccountAllowance,
  type Allowance,
  type Backlog,
  type GroupAllowance,
} from '../../src/estimate/forecast.ts';

const secondsUntilGone = (
  backlogs: readonly Backlog[],
  account: AccountAllowance,
): readonly number[] => forecast(backlogs, account, { now: NOON }).goneInS;

const UTC = new Zone('UTC');
const DAY_S = 86_400;
/** At noon. */
const NOON = 20_700 * DAY_S + DAY_S / 2;

interface Rule {
  readonly rate: number;
  readonly per: Per;
  readonly windows: readonly LongWindow[];
  /** By window: what went how many seconds ago. */
  readonly went?: readonly (readonly (readonly [agoS: number, count: number])[])[];
}

interface Group extends Rule {
  readonly senders: readonly string[];
}

interface Lane {
  readonly lane: string;
  readonly count: number;
  readonly parts: number;
  readonly rule?: Rule;
}

interface Scenario {
  readonly account: Rule;
  readonly groups?: readonly Group[];
  readonly lanes: readonly Lane[];
}

const rule = (rate: number, over: Partial<Rule> = {}): Rule => ({
  ...{ rate, per: 'request', windows: [] },
  ...over,
});
const lane = (name: string, count: number, over: Partial<Lane> = {}): Lane => ({
  ...{ lane: name, count, parts: 1 },
  ...over,
});
const perMinute = (count: number): LongWindow => ({ count, span: 'min' });
const perHour = (count: number): LongWindow => ({ count, span: 'h' });
const perDay = (count: number): LongWindow => ({ count, span: 'day' });

/** The caps of a rule as they are at noon. */
function capsAt({ windows, went = [] }: Rule): readonly UsageWindow[] {
  return windows.map((window, index) => {
    const cap = usageWindowOf(window, UTC);
    for (const [agoS, count] of went[index] ?? []) {
      const at = { now: NOON - agoS, nowMs: -agoS * 1000 };
      const key = cap.open(count, at);
      cap.close({ cost: count, key }, count, at);
    }
    return cap;
  });
}

function allowanceOf(one: Rule): Allowance {
  return { rate: one.rate, opensInS: 0, per: one.per, windows: capsAt(one) };
}

function modelOf({ account, groups = [], lanes }: Scenario): {
  readonly piles: readonly Backlog[];
  readonly allowance: AccountAllowance;
} {
  const own = lanes.flatMap(({ lane: name, rule: of }) =>
    of === undefined ? [] : [[name, allowanceOf(of)] as const],
  );
  const shared = groups.map((one): GroupAllowance => ({
    ...allowanceOf(one),
    senders: one.senders,
  }));
  const piles = lanes.map(({ lane: name, count, parts }) => ({
    ...{ lane: name, count, parts },
    ...({ campaign: null, priority: 4, isRetry: 0 } as const),
  }));
  const allowance = { ...allowanceOf(account), reserve: 0, lanes: new Map(own), groups: shared };
  return { piles, allowance };
}

/** Permits that are kept: as few as will not be lost while another rule is waited for. */
const KEPT = 3;

/** A rule at work: permits come evenly. */
class Circuit {
  readonly per: Per;
  readonly #rate: number;
  readonly #caps: readonly UsageWindow[];
  #permits = 1;
  #atS = 0;

  constructor(one: Rule) {
    this.per = one.per;
    this.#rate = one.rate;
    this.#caps = capsAt(one);
  }

  allows(parts: number, atS: number): boolean {
    const more = this.#rate === Infinity ? KEPT : (atS - this.#atS) * this.#rate;
    this.#permits = Math.min(KEPT, this.#permits + more);
    this.#atS = atS;
    return (
      this.#permits >= 1 - 1e-9 && this.#caps.every((cap) => fits(cap, this.#cost(parts), at(atS)))
    );
  }

  take(parts: number, atS: number): void {
    const cost = this.#cost(parts);
    if (this.#rate < Infinity) this.#permits -= cost;
    for (const cap of this.#caps) {
      cap.close({ cost, key: cap.open(cost, at(atS)) }, cost, at(atS));
    }
  }

  /** When it may allow so many parts that it does not allow now. */
  opensS(parts: number, atS: number): number {
    const frees = this.#caps.map(
      (cap) => (cap.freesAt(this.#cost(parts), at(atS)) ?? Infinity) / 1000,
    );
    return Math.max(atS + (1 - this.#permits) / this.#rate, ...frees);
  }

  #cost(parts: number): number {
    return this.per === 'part' ? parts : 1;
  }
}

const at = (atS: number) => ({ now: NOON + atS, nowMs: atS * 1000 });

/** By lane: when each of its messages went. Who is oldest goes first, of those that may. */
function play({ account, groups = [], lanes }: Scenario): readonly (readonly number[])[] {
  const whole = new Circuit(account);
  const shared = groups.map((one) => ({ senders: one.senders, circuit: new Circuit(one) }));
  const queues = lanes.map(({ lane: name, count, parts, rule: own }) => ({
    ...{ parts, went: [] as number[] },
    ages: Array.from({ length: count }, (_, place) => (place + 0.5) / count),
    circuits: [
      whole,
      ...shared.flatMap(({ senders, circuit }) => (senders.includes(name) ? [circuit] : [])),
      ...(own === undefined ? [] : [new Circuit(own)]),
    ],
  }));
  for (let atS = 0; ;) {
    const waiting = queues.filter(({ ages, went }) => went.length < ages.length);
    if (waiting.length === 0) return queues.map(({ went }) => went);
    const able = waiting.filter(({ parts, circuits }) =>
      circuits.every((circuit) => circuit.allows(parts, atS)),
    );
    const [first] = able.toSorted(
      (a, b) => (a.ages[a.went.length] ?? 0) - (b.ages[b.went.length] ?? 0),
    );
    if (first === undefined) {
      const opens = waiting.map(({ parts, circuits }) =>
        Math.max(...circuits.map((circuit) => circuit.opensS(parts, atS))),
      );
      atS = Math.max(atS + 1e-3, Math.min(...opens));
      continue;
    }
    for (const circuit of first.circuits) circuit.take(first.parts, atS);
    first.went.push(atS);
  }
}

/** Of the time there was to wait, and a little. */
const SHARE = 0.03;
const LITTLE_S = 1.5;

function expectAsPlayed(scenario: Scenario, share = SHARE): void {
  const { piles, allowance } = modelOf(scenario);
  const found = secondsUntilGone(piles, allowance);
  const wanted = play(scenario).map((went) => went.at(-1) ?? 0);
  for (const [index, seconds] of wanted.entries()) {
    const difference = Math.abs((found[index] ?? NaN) - seconds);
    const words = `${found.join()} is not ${wanted.join()}`;
    expect(difference, words).toBeLessThanOrEqual(seconds * share + LITTLE_S);
  }
}

/**
 * The same of the last of all where windows let through in bursts: some messages more or less may be one burst
 * more. So it is not the time that is compared, but within a share of the messages what is gone by then.
 */
function expectBetween(scenario: Scenario, share: number): void {
  const fewer = { ...scenario, lanes: scenario.lanes.map((one) => scaled(one, 1 - share)) };
  const [found, sooner] = [goneS(scenario), goneS(fewer)];
  const went = play(scenario)
    .flat()
    .toSorted((a, b) => a - b);
  const [last = 0, earlier = 0] = [went.at(-1), went[Math.ceil(went.length * (1 - share)) - 1]];
  const words = `${found} (${sooner}) is not ${last} (${earlier})`;
  expect(found * (1 + SHARE) + LITTLE_S, words).toBeGreaterThanOrEqual(earlier);
  expect(sooner * (1 - SHARE) - LITTLE_S, words).toBeLessThanOrEqual(last);
}

const scaled = (one: Lane, by: number): Lane => ({ ...one, count: Math.floor(one.count * by) });

const goneS = (scenario: Scenario): number => {
  const { piles, allowance } = modelOf(scenario);
  return Math.max(...secondsUntilGone(piles, allowance));
};

describe('a window', () => {
  it('a window of a day that is used up stops its scope until midnight, then the whole count goes', () => {
    const account = rule(10, { windows: [perDay(1_000)] });
    const scenario = { account, lanes: [lane('a', 1_500)] };
    expectAsPlayed(scenario);
    expect(goneS(scenario)).toBeCloseTo(DAY_S / 2 + 50, -1);
    expect(goneS({ account, lanes: [lane('a', 1_000)] })).toBeCloseTo(100, 0);
    expect(goneS({ account, lanes: [lane('a', 1_001)] })).toBeCloseTo(DAY_S / 2, 0);
    expect(goneS({ account, lanes: [lane('a', 30_500)] })).toBeCloseTo(29.5 * DAY_S + 50, -2);
  });

  it('a window of a day has what is left of it', () => {
    const account = rule(10, { windows: [perDay(1_000)], went: [[[3_600, 990]]] });
    expectAsPlayed({ account, lanes: [lane('a', 15)] });
    expect(goneS({ account, lanes: [lane('a', 10)] })).toBeCloseTo(1, 0);
    const full = rule(10, { windows: [perDay(1_000)], went: [[[3_600, 1_003]]] });
    expect(goneS({ account: full, lanes: [lane('a', 1)] })).toBeCloseTo(DAY_S / 2, 0);
  });

  it('a window of a day ends at the midnight of its zone, also where the clock is set', () => {
    const zone = new Zone('Europe/London');
    const now = Date.parse('2027-03-27T12:00:00Z') / 1000;
    const cap = usageWindowOf(perDay(100), zone);
    cap.restore({ at: now, used: [[zone.dayAt(now), 100]], open: [] }, { now, nowMs: 0 });
    const { piles, allowance } = modelOf({ account: rule(10), lanes: [lane('a', 250)] });
    const [seconds] = forecast(piles, { ...allowance, windows: [cap] }, { now }).goneInS;
    /* Two midnights on, the second of them after 23 hours. */
    expect(seconds).toBeCloseTo((12 + 24 + 23) * 3_600 + 5, -1);
  });

  it('a window of a minute or an hour frees as what went grows old, and a backlog goes at its average', () => {
    const account = rule(10, { windows: [perMinute(120)] });
    expectAsPlayed({ account, lanes: [lane('a', 1_000)] });
    expectAsPlayed({ account: rule(3, { windows: [perHour(500)] }), lanes: [lane('a', 2_600)] });
    expect(goneS({ account, lanes: [lane('a', 120_000)] }) / 60.5).toBeCloseTo(999, -1);
    const both = rule(10, { windows: [perMinute(120), perHour(3_000), perDay(20_000)] });
    expectAsPlayed({ account: both, lanes: [lane('a', 50_000)] });
  });

  it('a window of a minute lets through what comes free of what went before', () => {
    const went = [Array.from({ length: 60 }, (_, ago) => [60 - ago, 2] as const)];
    const account = rule(10, { windows: [perMinute(120)], went });
    expectAsPlayed({ account, lanes: [lane('a', 100)] });
    expectAsPlayed({ account, lanes: [lane('a', 700)] });
  });

  it('a window of a minute is whole again after hours in which nothing could go', () => {
    const account = rule(10, { windows: [perDay(1_000)], went: [[[3_600, 1_000]]] });
    const own = rule(10, { windows: [perMinute(60)] });
    expect(goneS({ account, lanes: [lane('a', 60, { rule: own })] })).toBeCloseTo(DAY_S / 2 + 6, 0);
  });

  it('a window is waited for by its own scope alone, and the others have what that leaves', () => {
    const own = rule(10, { windows: [perMinute(60)] });
    expectAsPlayed({ account: rule(10), lanes: [lane('a', 200, { rule: own }), lane('b', 900)] });
  });

  it('a window counts parts where its rule says so', () => {
    const account = rule(10, { per: 'part', windows: [perMinute(120)] });
    expectAsPlayed({ account, lanes: [lane('a', 150, { parts: 3 }), lane('b', 200)] });
  });

  it('a window that millions wait for is taken at its average once enough work was done', () => {
    const windows = [perMinute(7), perHour(100), perDay(500)];
    const lanes = Array.from({ length: 40 }, (_, index) =>
      lane(String(index), 100_000, { rule: rule(1, { windows }) }),
    );
    const seconds = goneS({ account: rule(30, { windows: [perDay(15_000)] }), lanes });
    expect(seconds / DAY_S / (4_000_000 / 15_000)).toBeCloseTo(1, 1);
  });
});

describe('a group', () => {
  it('a group shares its rate among its senders, and the others have what that leaves', () => {
    const groups = [{ ...rule(4), senders: ['a', 'b'] }];
    const lanes = [lane('a', 100), lane('b', 300), lane('c', 200)];
    expectAsPlayed({ account: rule(10), groups, lanes });
    const slow = lane('a', 100, { rule: rule(0.5) });
    expectAsPlayed({ account: rule(10), groups, lanes: [slow, ...lanes.slice(1)] });
  });

  it('a group shares its windows, too', () => {
    const groups = [{ ...rule(Infinity, { windows: [perMinute(60)] }), senders: ['a', 'b'] }];
    expectAsPlayed({
      account: rule(10),
      groups,
      lanes: [lane('a', 60), lane('b', 150), lane('c', 400)],
    });
  });
});

describe('accounts, groups and senders', () => {
  const per = fc.constantFrom('request' as const, 'part' as const);
  const noWindows = fc.constant([]);
  const anyWindows = fc
    .record({
      min: fc.option(fc.integer({ min: 40, max: 300 })),
      h: fc.option(fc.integer({ min: 300, max: 3_000 })),
    })
    .map(({ min, h }) => [
      ...(min === null ? [] : [perMinute(min)]),
      ...(h === null ? [] : [perHour(h)]),
    ]);
  const anyScenario = (windows: fc.Arbitrary<readonly LongWindow[]>): fc.Arbitrary<Scenario> => {
    const anyRule = (...rates: readonly number[]): fc.Arbitrary<Rule> =>
      fc.record({ rate: fc.constantFrom(...rates), per, windows });
    const anyLane = fc.record({
      count: fc.integer({ min: 100, max: 600 }),
      parts: fc.integer({ min: 1, max: 3 }),
      own: fc.option(anyRule(1, 3, Infinity)),
    });
    return fc
      .record({
        account: anyRule(8, 20),
        group: fc.option(anyRule(2, 5, Infinity)),
        lanes: fc.array(anyLane, { minLength: 1, maxLength: 4 }),
      })
      .map(({ account, group, lanes }) => ({
        account,
        groups: group === null ? [] : [{ ...group, senders: ['0', '1'] }],
        lanes: lanes.map(({ count, parts, own }, index) =>
          lane(String(index), count, { parts, ...(own === null ? {} : { rule: own }) }),
        ),
      }));
  };

  it('go as when they are played through, whatever their rates are', () => {
    const check = (scenario: Scenario): void => expectAsPlayed(scenario, 0.05);
    fc.assert(fc.property(anyScenario(noWindows), check), { numRuns: 50 });
  });

  it('accounts, groups and senders are gone as when they are played through, whatever their windows are', () => {
    const check = (scenario: Scenario): void => expectBetween(scenario, 0.1);
    /* Always the same ones: of a thousand there is one in which a single burst is more than a tenth. */
    fc.assert(fc.property(anyScenario(anyWindows), check), { numRuns: 200, seed: 7 });
  });
});

describe('what held a pile up', () => {
  it('what held a pile up is the window that it waited for longest, and until when nothing went', () => {
    const account = rule(10, { windows: [perHour(5_000), perDay(1_000)] });
    const { piles, allowance } = modelOf({ account, lanes: [lane('a', 1_500)] });
    const { held, goneInS } = forecast(piles, allowance, { now: NOON, asked: 0 });
    expect(held?.window.window).toEqual(perDay(1_000));
    expect(held?.untilS).toBeCloseTo(DAY_S / 2, 3);
    expect(held?.seconds).toBeCloseTo(DAY_S / 2 - 100, 0);
    expect(goneInS[0]).toBeCloseTo(DAY_S / 2 + 50, -1);
  });

  it('what held a pile up is no window where none was used up, or none of its own', () => {
    const account = rule(10, { windows: [perDay(1_000)] });
    const few = modelOf({ account, lanes: [lane('a', 900)] });
    expect(forecast(few.piles, few.allowance, { now: NOON, asked: 0 }).held).toBeNull();
    const own = rule(10, { windows: [perMinute(10)] });
    const other = { account, lanes: [lane('a', 300), lane('b', 600, { rule: own })] };
    const [ofA, ofB] = [0, 1].map((asked) => {
      const { piles, allowance } = modelOf(other);
      return forecast(piles, allowance, { now: NOON, asked }).held;
    });
    expect(ofA).toBeNull();
    expect(ofB?.window.window).toEqual(perMinute(10));
  });
});
