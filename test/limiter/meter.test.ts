/** The schedule of permits, as numbers: even slots, or slots in the middle of the gateway's windows. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { burstOf, Meter, type WindowSchedule } from '../../src/limiter/meter.ts';

const BEAT: WindowSchedule = { startsAt: 377, intervalMs: 1_000, marginMs: 60, count: 30 };

/** Takes all that is allowed at each of the instants; gives them once for each permit. */
function takeAt(meter: Meter, instants: readonly number[]): readonly number[] {
  return instants.flatMap((at) => {
    const count = meter.available(at);
    if (count > 0) meter.spend(count, at);
    return Array.from({ length: count }, () => at);
  });
}

/** Instants in order, with waits of 0 to a few hundred milliseconds between: timers, and stalls. */
const anyInstants = fc
  .array(fc.oneof(fc.double({ min: 0, max: 5, noNaN: true }), fc.integer({ min: 0, max: 400 })), {
    minLength: 50,
    maxLength: 400,
  })
  .map((waits) =>
    waits.map(
      (
        (at) => (wait) =>
          (at += wait)
      )(0),
    ),
  );

const windowOf = (at: number, schedule: WindowSchedule): number =>
  Math.floor((at - schedule.startsAt) / schedule.intervalMs);

function counts(keys: readonly number[]): readonly number[] {
  const found = new Map<number, number>();
  for (const key of keys) found.set(key, (found.get(key) ?? 0) + 1);
  return [...found.values()];
}

describe('even slots', () => {
  it('even slots never hold more, over any stretch, than its time allows and the burst', () => {
    fc.assert(
      fc.property(fc.constantFrom(1, 7, 30, 999, 5_000), anyInstants, (rate, instants) => {
        const spent = takeAt(new Meter({ rate, burst: null, nowMs: 0 }), instants);
        for (const [from, start] of spent.entries()) {
          const most = burstOf(rate) + 1e-6;
          const step = Math.max(1, Math.floor(spent.length / 50));
          for (let to = from; to < spent.length; to += step) {
            const allowed = (((spent[to] ?? 0) - start) * rate) / 1000;
            expect(to - from + 1).toBeLessThanOrEqual(allowed + most);
          }
        }
      }),
      { numRuns: 50 },
    );
  });

  it('even slots are below the millisecond at rates of thousands', () => {
    const meter = new Meter({ rate: 5_000, burst: 1, nowMs: 0 });
    const instants = Array.from({ length: 10_000 }, (_, index) => index / 10);
    expect(takeAt(meter, instants)).toHaveLength(5_000);
  });
});

describe('slots within the gateway’s windows', () => {
  const setup = (): Meter => {
    const meter = new Meter({ rate: 28, burst: null, nowMs: 0 });
    meter.set(28, BEAT, 0);
    return meter;
  };

  it('slots within the gateway’s windows are as many as a window allows, all of them used by a consumer that always wants more', () => {
    const spent = takeAt(
      setup(),
      Array.from({ length: 10_000 }, (_, index) => index),
    );
    const full = counts(spent.map((at) => windowOf(at, BEAT)));
    expect(full.slice(0, -1).every((count) => count === 30)).toBe(true);
    expect(full.length).toBeGreaterThanOrEqual(9);
  });

  it('stay away from its edges, and are even between them', () => {
    const spent = takeAt(
      setup(),
      Array.from({ length: 50_000 }, (_, index) => index / 10),
    );
    const into = spent.map((at) => (at - BEAT.startsAt) % 1_000);
    expect(Math.min(...into)).toBeGreaterThanOrEqual(60);
    expect(Math.max(...into)).toBeLessThanOrEqual(940);
    const gaps = spent.slice(1).map((at, index) => at - (spent[index] ?? 0));
    expect(Math.min(...gaps)).toBeGreaterThan(880 / 30 - 0.2);
  });

  it('slots within the gateway’s windows are never more than a window allows, however late the timers are', () => {
    fc.assert(
      fc.property(anyInstants, (instants) => {
        const spent = takeAt(setup(), instants);
        const most = Math.max(0, ...counts(spent.map((at) => windowOf(at, BEAT))));
        expect(most).toBeLessThanOrEqual(30);
      }),
    );
  });

  it('begin with the next window: what this one holds already is not known', () => {
    const meter = new Meter({ rate: 28, burst: null, nowMs: 0 });
    meter.set(28, BEAT, 800);
    expect(meter.available(1_370)).toBe(0);
    expect(meter.nextAt(800)).toBeCloseTo(1_377 + 60 + 880 / 60);
  });

  it('slots within the gateway’s windows are left for even ones without a rush', () => {
    const meter = setup();
    takeAt(
      meter,
      Array.from({ length: 5_000 }, (_, index) => index),
    );
    meter.set(28, null, 5_000);
    expect(meter.available(5_000)).toBeLessThanOrEqual(2);
  });
});
