/** How many requests may be open: one cut per cohort, growth only where all of them are used, and what holds always. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ConcurrencyWindow } from '../../src/limiter/concurrency-window.ts';

/** A window and a clock; every answer comes at the present. */
function setup(most: number) {
  const window = new ConcurrencyWindow(most);
  let nowMs = 0;
  const pass = (ms: number): number => (nowMs += ms);
  /** So many answers, one every 20 ms, while as many are open as are allowed, or so many. */
  const accept = (count: number, open = Infinity): void => {
    for (let each = 0; each < count; each += 1) {
      pass(20);
      window.accepted(Math.min(window.size, open), nowMs);
    }
  };
  return { window, pass, accept, refuse: (agoMs = 0) => window.refused(nowMs - agoMs, nowMs) };
}

describe('a cut', () => {
  it('halves the size, once for all requests that left before it', () => {
    const { window, pass, refuse } = setup(64);
    pass(1_000);
    expect([refuse(30), refuse(29), refuse(1)]).toEqual([true, false, false]);
    expect(window.size).toBe(32);
    pass(10);
    expect(refuse(9)).toBe(true);
    expect(window.size).toBe(16);
  });

  it('a cut leaves one, whatever is refused', () => {
    const { window, pass, refuse } = setup(10);
    for (let times = 0; times < 20; times += 1) {
      pass(100);
      refuse();
    }
    expect(window.size).toBe(1);
  });
});

describe('growth', () => {
  it('growth is by a tenth of what is configured, a step a second at most, up to below what was refused', () => {
    const { window, pass, accept, refuse } = setup(64);
    pass(1_000);
    refuse();
    const sizes = Array.from({ length: 6 }, () => {
      accept(64);
      return window.size;
    });
    expect(sizes).toEqual([39, 46, 53, 60, 63, 63]);
    accept(400);
    expect(window.size).toBe(64);
  });

  it('growth needs all that is open to be used, and so many answers as may be open', () => {
    const { window, accept, refuse } = setup(10);
    refuse();
    accept(1_000, 3);
    expect(window.size).toBe(5);
    accept(4);
    expect(window.size).toBe(5);
    accept(1);
    expect(window.size).toBe(6);
  });

  it('growth waits longer each time below a size that is refused again and again', () => {
    const { window, accept, refuse } = setup(10);
    const waits = Array.from({ length: 4 }, () => {
      refuse();
      let answers = 0;
      for (; window.size < 10; answers += 1) accept(1);
      return Math.round((answers * 20) / 1_000);
    });
    expect(waits).toEqual([9, 14, 24, 44]);
  });

  it('growth is quick again where another size is refused', () => {
    const { window, accept, refuse } = setup(40);
    for (let times = 0; times < 4; times += 1) {
      refuse();
      while (window.size < 40) accept(1);
    }
    refuse();
    accept(10);
    refuse();
    expect(window.size).toBe(10);
    accept(5 * 60);
    expect(window.size).toBe(19);
    accept(5 * 60);
    expect(window.size).toBeGreaterThan(20);
  });
});

it('the concurrency window stays between one and what is configured, over any answers', () => {
  const anyAnswer = fc.record({
    passMs: fc.integer({ min: 0, max: 3_000 }),
    agoMs: fc.integer({ min: 0, max: 3_000 }),
    isRefused: fc.boolean(),
    open: fc.integer({ min: 1, max: 100 }),
  });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 100 }), fc.array(anyAnswer), (most, answers) => {
      const window = new ConcurrencyWindow(most);
      let nowMs = 0;
      for (const { passMs, agoMs, isRefused, open } of answers) {
        nowMs += passMs;
        if (isRefused) window.refused(nowMs - agoMs, nowMs);
        else window.accepted(open, nowMs);
        expect(window.size).toBeGreaterThanOrEqual(1);
        expect(window.size).toBeLessThanOrEqual(most);
        expect(Number.isInteger(window.size)).toBe(true);
      }
    }),
  );
});
