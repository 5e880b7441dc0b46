/** How near to a limit the pace comes, on numbers: time is an argument. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { burstOf } from '../../src/limiter/meter.ts';
import { SafetyMargin } from '../../src/limiter/safety-margin.ts';
import { nearestOf } from '../../src/limiter/pace.ts';

const GUARD = 0.95;
const NEAREST = 0.985;

function setup() {
  const margin = new SafetyMargin(GUARD);
  /** The whole limit is used for so long, and nothing is refused. */
  const use = (seconds: number, rate = 30): void => {
    for (let second = 0; second < seconds; second += 1) {
      margin.used({ forMs: 1_000, count: rate, nearest: NEAREST });
    }
  };
  return { margin, use };
}

describe('how near the pace may come', () => {
  it('how near the pace may come never makes a second with more than the limit, whatever is caught up', () => {
    fc.assert(
      fc.property(fc.integer({ min: 20, max: 5_000 }), (limit) => {
        const pace = limit * nearestOf(limit);
        expect(Math.floor(pace + burstOf(pace))).toBeLessThanOrEqual(limit);
      }),
    );
  });
});

describe('the share of a limit that is aimed at', () => {
  it('the share of a limit that is aimed at is the guard at first, and comes nearer after half a minute in which nothing is refused', () => {
    const { margin, use } = setup();
    use(20);
    expect(margin.share).toBe(GUARD);
    use(20);
    expect(margin.share).toBeGreaterThan(GUARD);
    use(120);
    expect(margin.share).toBe(NEAREST);
  });

  it('the share of a limit that is aimed at takes its time where there are few requests to be refused', () => {
    const { margin, use } = setup();
    use(300, 1);
    expect(margin.share).toBe(GUARD);
    use(600, 1);
    expect(margin.share).toBeGreaterThan(GUARD);
  });

  it('the share of a limit that is aimed at goes back a little when one is refused, and waits before it grows again', () => {
    const { margin, use } = setup();
    use(120);
    margin.refused();
    const back = margin.share;
    expect(back).toBeLessThan(NEAREST);
    expect(back).toBeGreaterThan(GUARD);
    use(20);
    expect(margin.share).toBe(back);
  });

  it('the share of a limit that is aimed at is soon the guard again where one after the other is refused', () => {
    const { margin, use } = setup();
    use(120);
    for (let count = 0; count < 4; count += 1) {
      margin.refused();
      use(5);
    }
    expect(margin.share).toBe(GUARD);
  });

  it('the share of a limit that is aimed at is the guard at once for another limit', () => {
    const { margin, use } = setup();
    use(120);
    margin.forget();
    expect(margin.share).toBe(GUARD);
    use(20);
    expect(margin.share).toBe(GUARD);
  });

  it('the share of a limit that is aimed at is never below the guard, and never beyond the nearest', () => {
    const steps = fc.array(
      fc.oneof(fc.nat({ max: 100 }), fc.constantFrom<'refused' | 'forget'>('refused', 'forget')),
    );
    fc.assert(
      fc.property(steps, (played) => {
        const { margin, use } = setup();
        for (const step of played) {
          if (typeof step === 'number') use(step);
          else margin[step]();
          expect(margin.share).toBeGreaterThanOrEqual(GUARD);
          expect(margin.share).toBeLessThanOrEqual(NEAREST);
        }
      }),
    );
  });
});
