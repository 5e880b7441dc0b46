/** When what waits will be gone, by what stands before it: held against queues that are played through. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  secondsUntilGone,
  turnoutOf,
  type AccountAllowance,
  type Allowance,
  type Group,
} from '../../src/core/outlook.ts';

const group = (over: Partial<Group>): Group => ({
  lane: 'AcmeInc',
  campaign: null,
  priority: 4,
  isRetry: 0,
  count: 100,
  ...over,
});

const allowance = (
  over: Partial<Omit<AccountAllowance, 'lanes'>> = {},
  lanes: Readonly<Record<string, Partial<Allowance>>> = {},
): AccountAllowance => {
  const all = Object.entries(lanes).map(([name, lane]) => [
    name,
    { rate: 1, opensInS: 0, ...lane },
  ]);
  return {
    ...{ rate: 10, opensInS: 0, reserve: 0 },
    ...over,
    lanes: new Map(all as [string, Allowance][]),
  };
};

const expectAbout = (found: readonly number[], wanted: readonly number[]): void => {
  for (const [index, seconds] of wanted.entries()) {
    const value = found[index] ?? NaN;
    expect(
      Math.abs(value - seconds),
      `${found.join()} is not ${wanted.join()}`,
    ).toBeLessThanOrEqual(seconds * 0.02);
  }
};

describe('what waits is gone', () => {
  it('after its number by the rate', () => {
    expectAbout(secondsUntilGone([group({})], allowance()), [10]);
    expect(secondsUntilGone([], allowance())).toEqual([]);
    expect(secondsUntilGone([group({ count: 0 })], allowance())).toEqual([0]);
  });

  it('together where lanes of a campaign share it by age', () => {
    const groups = [group({ count: 10 }), group({ lane: 'other', count: 90 })];
    expectAbout(secondsUntilGone(groups, allowance()), [10, 10]);
  });

  it('in turns where campaigns share a priority, so that the small one is gone first', () => {
    const groups = [group({}), group({ campaign: 'small', count: 10 })];
    expectAbout(secondsUntilGone(groups, allowance()), [11, 2]);
  });

  it('by priority, but for the reserve of the lower ones', () => {
    const groups = [group({ priority: 4 }), group({ priority: 9, count: 90 })];
    expectAbout(secondsUntilGone(groups, allowance()), [19, 9]);
    expectAbout(secondsUntilGone(groups, allowance({ reserve: 0.1 })), [19, 10]);
    /* The reserve alone. */
    const few = [group({ priority: 4, count: 5 }), group({ priority: 9, count: 90 })];
    expectAbout(secondsUntilGone(few, allowance({ reserve: 0.1 })), [5, 9.5]);
  });

  it('by kind: retries have a fifth while first attempts wait, and all of it then', () => {
    const groups = [group({ count: 80 }), group({ isRetry: 1, priority: 9 })];
    expectAbout(secondsUntilGone(groups, allowance()), [10, 18]);
    expectAbout(secondsUntilGone([group({ isRetry: 1 })], allowance()), [10]);
  });

  it('no sooner than its lane allows, and the others have what that leaves', () => {
    const groups = [group({ count: 20 }), group({ lane: 'free', count: 90 })];
    expectAbout(secondsUntilGone(groups, allowance({}, { AcmeInc: {} })), [20, 10]);
  });

  it('with the reserve also within a limited lane', () => {
    const groups = [group({ priority: 9, count: 90 }), group({ priority: 4, count: 5 })];
    const reserved = allowance({ rate: 100, reserve: 0.1 }, { AcmeInc: { rate: 10 } });
    expectAbout(secondsUntilGone(groups, reserved), [9.5, 5]);
  });

  it('as one lane where campaigns share it', () => {
    const groups = [group({ count: 10 }), group({ campaign: 'other', count: 30 })];
    expectAbout(secondsUntilGone(groups, allowance({}, { AcmeInc: {} })), [20, 40]);
  });

  it('later where the gateway asked to wait, and never where it is stopped', () => {
    const groups = [group({}), group({ lane: 'late' }), group({ lane: 'stopped' })];
    const lanes = { late: { rate: 100, opensInS: 60 }, stopped: { rate: 0 } };
    expectAbout(secondsUntilGone(groups, allowance({ opensInS: 5 }, lanes)).slice(0, 2), [15, 70]);
    expect(secondsUntilGone(groups, allowance({}, lanes))[2]).toBe(Infinity);
    expect(secondsUntilGone([group({})], allowance({ rate: 0 }))).toEqual([Infinity]);
  });

  it('in all, when everything has gone at the account’s rate, whatever campaigns and priorities there are', () => {
    const any = fc.record({
      lane: fc.constantFrom('a', 'b', 'c'),
      campaign: fc.constantFrom(null, 'x', 'y', 'z'),
      priority: fc.integer({ min: 0, max: 9 }),
      isRetry: fc.constantFrom(0 as const, 1 as const),
      count: fc.integer({ min: 1, max: 5_000 }),
    });
    fc.assert(
      fc.property(fc.array(any, { minLength: 1, maxLength: 40 }), (groups) => {
        const gone = secondsUntilGone(groups, allowance({ reserve: 0.1 }));
        const all = groups.reduce((sum, { count }) => sum + count, 0) / 10;
        expectAbout([Math.max(...gone)], [all]);
      }),
    );
  });

  it('as in a queue of limited lanes that is played through row by row', () => {
    const lane = fc.record({
      rate: fc.integer({ min: 1, max: 8 }),
      count: fc.integer({ min: 20, max: 90 }),
    });
    fc.assert(
      fc.property(fc.array(lane, { minLength: 1, maxLength: 6 }), (lanes) => {
        const groups = lanes.map(({ count }, index) => group({ lane: String(index), count }));
        const limits = Object.fromEntries(
          lanes.map(({ rate }, index) => [String(index), { rate }]),
        );
        const rate = 10;
        const [last = 0] = secondsUntilGone(groups, allowance({ rate }, limits)).toSorted(
          (a, b) => b - a,
        );
        expectAbout([last], [playUntilGone(lanes, rate)]);
      }),
    );
  });
});

describe('the turnout of one group', () => {
  it('says when it is gone, and how many of the others are by then', () => {
    const groups = [
      group({ count: 10 }),
      group({ campaign: 'large' }),
      group({ priority: 9, count: 20 }),
    ];
    const { seconds, gone } = turnoutOf(groups, allowance(), 0);
    expectAbout([seconds], [4]);
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
