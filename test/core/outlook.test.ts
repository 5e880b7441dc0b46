/** When a message will go, by what stands before it: held against a queue that is played through. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { aheadBeside, aheadIn, secondsUntil } from '../../src/core/outlook.ts';

describe('what goes first', () => {
  it('is every higher priority, one’s own campaign so far, and as much of each other', () => {
    expect(aheadIn({ higher: 3, own: 2, others: [1, 100] })).toBe(3 + 2 + 1 + 3);
    expect(aheadIn({ higher: 0, own: 0, others: [] })).toBe(0);
  });
});

describe('what goes first of another kind', () => {
  it('is its share while both wait, and no more than there is of it', () => {
    expect(aheadBeside(100, 1_000, 0.8)).toBe(125);
    expect(aheadBeside(100, 10, 0.8)).toBe(110);
    expect(aheadBeside(10, 1_000, 0.2)).toBe(50);
    expect(aheadBeside(10, 0, 0.2)).toBe(10);
    expect(aheadBeside(0, 1_000, 0.2)).toBe(0);
  });
});

describe('the time until so many have gone', () => {
  it('is their number by the rate', () => {
    expect(secondsUntil(60, 30)).toBe(2);
    expect(secondsUntil(0, 30)).toBe(0);
  });

  it('is longer while limited lanes take their share, and no longer than they have something left', () => {
    expect(secondsUntil(20, 30, [{ rate: 10, ahead: 100 }])).toBe(1);
    expect(secondsUntil(50, 30, [{ rate: 10, ahead: 10 }])).toBeCloseTo(1 + 30 / 30);
  });

  it('fits a queue that is played through, for any lanes', () => {
    const lane = fc.record({
      rate: fc.integer({ min: 1, max: 5 }),
      ahead: fc.integer({ min: 0, max: 60 }),
    });
    fc.assert(
      fc.property(fc.nat(300), fc.array(lane, { maxLength: 5 }), (ahead, lanes) => {
        const rate = 40;
        expect(Math.abs(secondsUntil(ahead, rate, lanes) - play(ahead, rate, lanes))).toBeLessThan(
          0.1,
        );
      }),
    );
  });
});

/* A hundredth of a second at a time: each limited lane takes what it may, the rest is for the others. */
function play(
  ahead: number,
  rate: number,
  lanes: readonly { readonly rate: number; readonly ahead: number }[],
): number {
  const left = lanes.map((lane) => ({ ...lane }));
  let rest = ahead;
  for (let step = 0; ; step += 1) {
    if (rest <= 1e-9) return step / 100;
    let free = rate / 100;
    for (const lane of left) {
      const taken = Math.min(lane.ahead, lane.rate / 100);
      lane.ahead -= taken;
      free -= taken;
    }
    rest -= free;
  }
}
