/**
 * Permits under a fake clock. The invariant is checked over every stretch of what was spent, by a consumer
 * that takes whatever it may at each instant it looks.
 */
import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { burstOf } from '../../src/limiter/meter.ts';
import { Pacer } from '../../src/limiter/pacer.ts';
import { paceOf, senderPaceOf } from '../../src/limiter/pace.ts';

beforeEach(() => void vi.useFakeTimers({ now: 0 }));
afterEach(() => void vi.useRealTimers());

const monotonicMs = (): number => Date.now();

function setup(options: { readonly rate: number; readonly burst?: number }) {
  let grants = 0;
  const pacer = new Pacer({ ...options, monotonicMs, onGrant: () => (grants += 1) });
  const spent: number[] = [];
  /** Takes all that is allowed at this instant, at most `most`. */
  const take = (most = Infinity): number => {
    const now = Date.now();
    const count = Math.min(most, pacer.available(now));
    if (count > 0) pacer.spend(count, now);
    for (let each = 0; each < count; each += 1) spent.push(now);
    return count;
  };
  /** Time passes; the consumer looks every `everyMs`. */
  const run = async (forMs: number, everyMs = 1, most = Infinity): Promise<void> => {
    for (let passed = 0; passed < forMs; passed += everyMs) {
      await vi.advanceTimersByTimeAsync(everyMs);
      take(most);
    }
  };
  /** Bottleneck needs its timers to stop. */
  const stop = async (): Promise<void> => {
    const stopped = pacer.stop();
    await vi.advanceTimersByTimeAsync(100);
    await stopped;
  };
  return { pacer, spent, take, run, stop, grants: () => grants };
}

/** The most that was spent over any stretch beyond what its time allows: must stay within the burst. */
function excess(spent: readonly number[], rate: number): number {
  let most = 0;
  for (const [from, start] of spent.entries()) {
    for (let to = from; to < spent.length; to += 1) {
      const allowed = (((spent[to] ?? 0) - start) * rate) / 1000;
      most = Math.max(most, to - from + 1 - allowed);
    }
  }
  return most;
}

describe('over any stretch', () => {
  it.each([
    [0.5, 20_000, 50],
    [1, 10_000, 7],
    [30, 5_000, 1],
    [199, 2_000, 1],
    [1_000, 1_000, 1],
  ])('over any stretch spends at most %d/s and the burst', async (rate, forMs, everyMs) => {
    const { spent, run } = setup({ rate });
    await run(forMs, everyMs);
    expect(excess(spent, rate)).toBeLessThanOrEqual(burstOf(rate) + 1e-6);
    expect(spent.length).toBeGreaterThan(((rate * forMs) / 1000) * 0.9 - 2);
  });

  it('over any stretch spends no more whatever the consumer does and however late the timers are', async () => {
    const anyStep = fc.record({
      waitMs: fc.integer({ min: 0, max: 400 }),
      most: fc.integer({ min: 0, max: 20 }),
      isStall: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(1, 7, 30, 250, 1000),
        fc.array(anyStep, { minLength: 1, maxLength: 40 }),
        async (rate, steps) => {
          const { spent, take, stop } = setup({ rate });
          for (const { waitMs, most, isStall } of steps) {
            if (isStall) vi.setSystemTime(Date.now() + waitMs);
            else await vi.advanceTimersByTimeAsync(waitMs);
            take(most);
          }
          expect(excess(spent, rate)).toBeLessThanOrEqual(burstOf(rate) + 1e-6);
          await stop();
        },
      ),
      { numRuns: 60 },
    );
  });
});

describe('a consumer that always wants more', () => {
  it('a consumer that always wants more is paced evenly: no two permits come closer than an interval once the burst is used', async () => {
    const { pacer, spent, run } = setup({ rate: 30, burst: 1 });
    await run(3_000);
    const gaps = spent.slice(1).map((at, index) => at - (spent[index] ?? 0));
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(Math.floor(pacer.intervalMs));
    expect(Math.max(...gaps)).toBeLessThanOrEqual(pacer.intervalMs * 2);
  });

  it('a consumer that always wants more gets nearly all of the rate, slow and fast', async () => {
    for (const rate of [1, 30, 150, 1000, 5000]) {
      const { spent, run, stop } = setup({ rate });
      await run(4_000);
      expect(spent.length / 4).toBeGreaterThan(rate * 0.94 - 0.5);
      expect(spent.length / 4).toBeLessThanOrEqual(rate + burstOf(rate));
      await stop();
    }
  });
});

describe('what was not used', () => {
  it('dies but for the burst: an idle minute fires no window', async () => {
    const { take, spent, run } = setup({ rate: 30 });
    await vi.advanceTimersByTimeAsync(60_000);
    expect(take()).toBe(2);
    expect(take()).toBe(0);
    spent.length = 0;
    await run(1_000);
    expect(spent.length).toBeLessThanOrEqual(31);
  });

  it('what was not used is not made up for after a stall of the event loop', async () => {
    const { take, run } = setup({ rate: 1000 });
    await run(500);
    vi.setSystemTime(Date.now() + 700);
    expect(take()).toBeLessThanOrEqual(burstOf(1000));
    expect(take()).toBe(0);
  });

  it('what was not used is caught up a little after a timer that was late', async () => {
    const { take, run } = setup({ rate: 30 });
    await run(1_000);
    await vi.advanceTimersByTimeAsync(150);
    expect(take()).toBe(2);
  });
});

describe('a change of the rate', () => {
  it('a change of the rate holds at once, down', async () => {
    const { pacer, spent, run } = setup({ rate: 50 });
    await run(1_000);
    pacer.set(10, null, Date.now());
    spent.length = 0;
    await run(5_000);
    expect(excess(spent, 10)).toBeLessThanOrEqual(burstOf(10) + 1e-6);
    expect(spent.length).toBeGreaterThanOrEqual(47);
  });

  it('a change of the rate holds soon, up', async () => {
    const { pacer, spent, run } = setup({ rate: 10 });
    await run(1_000);
    pacer.set(500, null, Date.now());
    await run(500);
    spent.length = 0;
    await run(1_000);
    expect(spent.length).toBeGreaterThan(470);
  });
});

describe('a step of the wall clock', () => {
  it.each([-3_600_000, -90_000, 90_000, 3_600_000])(
    'a step of the wall clock of %d ms holds up nothing',
    async (stepMs) => {
      let behindMs = 0;
      const elapsed = (): number => Date.now() - behindMs;
      const pacer = new Pacer({ rate: 30, monotonicMs: elapsed, onGrant: () => undefined });
      const spent: number[] = [];
      const run = async (forMs: number): Promise<void> => {
        for (let passed = 0; passed < forMs; passed += 5) {
          await vi.advanceTimersByTimeAsync(5);
          const count = pacer.available(elapsed());
          if (count > 0) pacer.spend(count, elapsed());
          for (let each = 0; each < count; each += 1) spent.push(elapsed());
        }
      };
      await run(2_000);
      vi.setSystemTime(Date.now() + stepMs);
      behindMs += stepMs;
      spent.length = 0;
      await run(3_000);
      expect(spent.length).toBeGreaterThan(84);
      expect(excess(spent, 30)).toBeLessThanOrEqual(burstOf(30) + 1e-6);
      const stopped = pacer.stop();
      await vi.advanceTimersByTimeAsync(100);
      await stopped;
      expect(vi.getTimerCount()).toBe(0);
    },
  );
});

describe('a step that takes long', () => {
  it('a step that takes long is no clock that was set back, however often the pacer is asked in it', async () => {
    const began = Date.now();
    const pacer = new Pacer({ rate: 0.1, monotonicMs, onGrant: () => undefined });
    await vi.advanceTimersByTimeAsync(100);
    const nowMs = Date.now();
    expect(pacer.available(nowMs)).toBe(1);
    pacer.spend(1, nowMs);
    vi.setSystemTime(nowMs + 2_000);
    pacer.available(nowMs);
    const timers = vi.getTimerCount();
    pacer.available(Date.now());
    await vi.advanceTimersByTimeAsync(0);
    expect(vi.getTimerCount()).toBe(timers);
    expect(Date.now() - began).toBe(2_100);
    const stopped = pacer.stop();
    await vi.advanceTimersByTimeAsync(100);
    await stopped;
  });
});

describe('a pacer that waits', () => {
  it('a pacer that waits runs no timer once its stock is full', async () => {
    const { run } = setup({ rate: 30 });
    await run(200, 10, 0);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('a pacer that waits says when the next permit may be used, or calls when one arrives', async () => {
    const { pacer, take, grants } = setup({ rate: 10 });
    expect(pacer.nextAt(Date.now())).toBeNull();
    await vi.advanceTimersByTimeAsync(1_000);
    expect(grants()).toBe(1);
    take();
    const at = pacer.nextAt(Date.now()) ?? 0;
    expect(at - Date.now()).toBeGreaterThan(0);
    await vi.advanceTimersByTimeAsync(at - Date.now());
    expect(take()).toBeGreaterThan(0);
  });

  it('grants nothing after it was stopped', async () => {
    const { stop, grants, run } = setup({ rate: 10 });
    await stop();
    await run(1_000, 100, 0);
    expect(grants()).toBe(0);
  });
});

it('aims a little below a limit, and at 1100 ms for a number of one a second', () => {
  expect(paceOf(30)).toBeLessThan(30);
  expect(paceOf(30)).toBeGreaterThan(30 * 0.94);
  expect(1000 / senderPaceOf(1)).toBeCloseTo(1100);
});
