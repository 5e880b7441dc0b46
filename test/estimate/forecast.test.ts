/** When what waits will be gone, by what stands before it: held against queues that are played through. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  forecast,
  type AccountAllowance,
  type Allowance,
  type Backlog,
} from '../../src/estimate/forecast.ts';

const NOW = 1_795_425_300;

const secondsUntilGone = (
  backlogs: readonly Backlog[],
  account: AccountAllowance,
): readonly number[] => forecast(backlogs, account, { now: NOW }).goneInS;

const pile = (over: Partial<Backlog>): Backlog => ({
  lane: 'AcmeInc',
  campaign: null,
  priority: 4,
  isRetry: 0,
  count: 100,
  parts: 1,
  ...over,
});

const allowance = (
  over: Partial<Omit<AccountAllowance, 'lanes'>> = {},
  lanes: Readonly<Record<string, Partial<Allowance>>> = {},
): AccountAllowance => {
  const all = Object.entries(lanes).map(([name, lane]) => [
    name,
    { rate: 1, opensInS: 0, per: 'request' as const, windows: [], ...lane },
  ]);
  return {
    ...{ rate: 10, opensInS: 0, reserve: 0, per: 'request', windows: [], groups: [] },
    ...over,
    lanes: new Map(all as [string, Allowance][]),
  };
};

/** Rows go one by one, and two a second at the least; so much a turn of another may make. */
const A_ROW = 1;

const expectAbout = (found: readonly number[], wanted: readonly number[]): void => {
  for (const [index, seconds] of wanted.entries()) {
    const value = found[index] ?? NaN;
    expect(
      Math.abs(value - seconds),
      `${found.join()} is not ${wanted.join()}`,
    ).toBeLessThanOrEqual(seconds * 0.02 + A_ROW);
  }
};

describe('what waits is gone', () => {
  it('what waits is gone after its number by the rate', () => {
    expectAbout(secondsUntilGone([pile({})], allowance()), [10]);
    expect(secondsUntilGone([], allowance())).toEqual([]);
    expect(secondsUntilGone([pile({ count: 0 })], allowance())).toEqual([0]);
  });

  it('what waits is gone together where lanes of a campaign share it by age', () => {
    const piles = [pile({ count: 10 }), pile({ lane: 'other', count: 90 })];
    expectAbout(secondsUntilGone(piles, allowance()), [10, 10]);
  });

  it('what waits is gone in turns where campaigns share a priority, so that the small one is gone first', () => {
    const piles = [pile({}), pile({ campaign: 'small', count: 10 })];
    expectAbout(secondsUntilGone(piles, allowance()), [11, 2]);
  });

  it('what waits is gone by priority, but for the reserve of the lower ones', () => {
    const piles = [pile({ priority: 4 }), pile({ priority: 9, count: 90 })];
    expectAbout(secondsUntilGone(piles, allowance()), [19, 9]);
    expectAbout(secondsUntilGone(piles, allowance({ reserve: 0.1 })), [19, 10]);
    /* The reserve alone. */
    const few = [pile({ priority: 4, count: 5 }), pile({ priority: 9, count: 90 })];
    expectAbout(secondsUntilGone(few, allowance({ reserve: 0.1 })), [5, 9.5]);
  });

  it('what waits is gone by kind: retries have a fifth while first attempts wait, and all of it then', () => {
    const piles = [pile({ count: 80 }), pile({ isRetry: 1, priority: 9 })];
    expectAbout(secondsUntilGone(piles, allowance()), [10, 18]);
    expectAbout(secondsUntilGone([pile({ isRetry: 1 })], allowance()), [10]);
  });

  it('what waits is gone no sooner than its lane allows, and the others have what that leaves', () => {
    const piles = [pile({ count: 20 }), pile({ lane: 'free', count: 90 })];
    expectAbout(secondsUntilGone(piles, allowance({}, { AcmeInc: {} })), [20, 10]);
  });

  it('what waits is gone by priority without a reserve, too, where the higher one leaves some of the rate', () => {
    const piles = [pile({ lane: 'slow', priority: 9, count: 20 }), pile({ count: 180 })];
    const lanes = { slow: {}, AcmeInc: { rate: Infinity } };
    expectAbout(secondsUntilGone(piles, allowance({}, lanes)), [20, 20]);
    const lower = [...piles, pile({ lane: 'slow', count: 10 })];
    expectAbout(secondsUntilGone(lower, allowance({}, lanes)), [20, 20, 30]);
  });

  it('what waits is gone with the reserve also within a limited lane', () => {
    const piles = [pile({ priority: 9, count: 90 }), pile({ priority: 4, count: 5 })];
    const reserved = allowance({ rate: 100, reserve: 0.1 }, { AcmeInc: { rate: 10 } });
    expectAbout(secondsUntilGone(piles, reserved), [9.5, 5]);
  });

  it('what waits is gone as one lane where campaigns share it', () => {
    const piles = [pile({ count: 10 }), pile({ campaign: 'other', count: 30 })];
    expectAbout(secondsUntilGone(piles, allowance({}, { AcmeInc: {} })), [20, 40]);
  });

  it('what waits is gone later where the gateway asked to wait, and never where it is stopped', () => {
    const piles = [pile({}), pile({ lane: 'late' }), pile({ lane: 'stopped' })];
    const lanes = { late: { rate: 100, opensInS: 60 }, stopped: { rate: 0 } };
    expectAbout(secondsUntilGone(piles, allowance({ opensInS: 5 }, lanes)).slice(0, 2), [15, 70]);
    expect(secondsUntilGone(piles, allowance({}, lanes))[2]).toBe(Infinity);
    expect(secondsUntilGone([pile({})], allowance({ rate: 0 }))).toEqual([Infinity]);
  });

  it('what waits is gone in all, when everything has gone at the account’s rate, whatever campaigns and priorities there are', () => {
    const any = fc.record({
      lane: fc.constantFrom('a', 'b', 'c'),
      campaign: fc.constantFrom(null, 'x', 'y', 'z'),
      priority: fc.integer({ min: 0, max: 9 }),
      isRetry: fc.constantFrom(0 as const, 1 as const),
      count: fc.integer({ min: 1, max: 5_000 }),
      parts: fc.constant(1),
    });
    fc.assert(
      fc.property(fc.array(any, { minLength: 1, maxLength: 40 }), (piles) => {
        const gone = secondsUntilGone(piles, allowance({ reserve: 0.1 }));
        const all = piles.reduce((sum, { count }) => sum + count, 0) / 10;
        expectAbout([Math.max(...gone)], [all]);
      }),
    );
  });

  it('what waits is gone as in a queue of limited lanes that is played through row by row', () => {
    const lane = fc.record({
      rate: fc.integer({ min: 1, max: 8 }),
      count: fc.integer({ min: 20, max: 90 }),
    });
    fc.assert(
      fc.property(fc.array(lane, { minLength: 1, maxLength: 6 }), (lanes) => {
        const piles = lanes.map(({ count }, index) => pile({ lane: String(index), count }));
        const limits = Object.fromEntries(
          lanes.map(({ rate }, index) => [String(index), { rate }]),
        );
        const rate = 10;
        const [last = 0] = secondsUntilGone(piles, allowance({ rate }, limits)).toSorted(
          (a, b) => b - a,
        );
        expectAbout([last], [playUntilGone(lanes, rate)]);
      }),
    );
  });
});

describe('the message ETA of one pile', () => {
  it('the message ETA of one pile says when it is gone, and how many of the others are by then', () => {
    const piles = [
      pile({ count: 10 }),
      pile({ campaign: 'large' }),
      pile({ priority: 9, count: 20 }),
    ];
    const { goneInS, gone } = forecast(piles, allowance(), { now: NOW, asked: 0 });
    expectAbout([goneInS[0] ?? NaN], [4]);
    expectAbout(gone, [10, 10, 20]);
  });
});

/* A hundredth of a second at a time: each lane has of it by what it holds, and no more than it may. */
function playUntilGone(
  lanes: readonly { readonly rate: number; readonly count: number }[],
  rate: number,
): number {
  const left = lanes.map(({ rate: own, count }) => ({ own, count, taken: 0 }));
  for (let step = 0; ; step += 1) {
    for (const lane of left) lane.taken = 0;
    let open = left.filter(({ count }) => count > 1e-9);
    if (open.length === 0) return step / 100;
    for (let spare = rate / 100; spare > 1e-9 && open.length > 0;) {
      const held = open.reduce((sum, { count }) => sum + count, 0);
      const given = spare;
      for (const lane of open) {
        const more = Math.min((given * lane.count) / held, lane.own / 100 - lane.taken);
        lane.taken += more;
        spare -= more;
      }
      open = open.filter(({ taken, own }) => taken < own / 100 - 1e-9);
    }
    for (const lane of left) lane.count = Math.max(0, lane.count - lane.taken);
  }
}
