/** What is learned of a limit, on numbers: a gateway of a few lines answers, and time is an argument. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Learner, regrown } from '../../src/limiter/rate-learner.ts';

const RTT_MS = 80;

function setup(ceiling = 30, rate = ceiling) {
  const learner = new Learner({ ceiling, rate, guard: 0.95, plateauMs: [5_000, 20_000] });
  const accepted: number[] = [];
  let nowMs = 0;
  let blockedUntil = 0;
  let refusals = 0;
  /** Sends evenly at the pace for so long, a share of it, against a sliding second of `limit`. */
  const run = (forMs: number, limit: number, share = 1): void => {
    const until = nowMs + forMs;
    while (nowMs < until) {
      nowMs += 1000 / (learner.rate * 0.95 * share);
      if (nowMs < blockedUntil) continue;
      const held = accepted.filter((at) => at > nowMs - 1000).length;
      if (held < limit) {
        accepted.push(nowMs);
        learner.accepted(nowMs, nowMs + RTT_MS);
      } else {
        refusals += 1;
        const at = nowMs + RTT_MS;
        const hold = learner.refused({ sentAtMs: nowMs, nowMs: at, hint: null });
        if (hold !== null) blockedUntil = at + hold;
      }
      while (accepted.length > 200) accepted.shift();
    }
  };
  return { learner, run, now: () => nowMs, refusals: () => refusals };
}

describe('a refusal', () => {
  it('a refusal cuts once for all answers to requests that left before the cut', () => {
    const { learner } = setup();
    learner.refused({ sentAtMs: 0, nowMs: 100, hint: 20 });
    const once = learner.rate;
    for (const sentAtMs of [10, 50, 99]) {
      expect(learner.refused({ sentAtMs, nowMs: 150, hint: 20 })).toBeNull();
    }
    expect(learner.rate).toBe(once);
    learner.refused({ sentAtMs: 1_200, nowMs: 1_300, hint: 10 });
    expect(learner.rate).toBeLessThan(once);
  });

  it('a refusal tells the limit by what went through in the second before it', () => {
    const { learner, run } = setup();
    run(1_500, 20);
    expect(learner.rate).toBeGreaterThan(18);
    expect(learner.rate).toBeLessThanOrEqual(20);
  });

  it('a refusal of a lane that has only begun to send proves nothing', () => {
    const { learner } = setup();
    for (const sentAtMs of [0, 30, 60]) learner.accepted(sentAtMs, sentAtMs + RTT_MS);
    expect(learner.refused({ sentAtMs: 90, nowMs: 170, hint: null })).toBeNull();
    expect(learner.rate).toBe(30);
  });

  it('a refusal at a known limit is forgiven where jitter explains it, once in a while', () => {
    const { learner, run, now } = setup();
    run(3_000, 1_000);
    const refuse = (sentAtMs: number): number | null =>
      learner.refused({ sentAtMs, nowMs: sentAtMs + RTT_MS, hint: null });
    expect(refuse(now())).toBeNull();
    expect(learner.rate).toBe(30);
    run(500, 1_000);
    expect(refuse(now())).not.toBeNull();
    expect(learner.rate).toBeLessThan(30);
  });

  it('a refusal of cohort after cohort asks for ever longer waits, up to a minute', () => {
    const { learner } = setup();
    const waits = Array.from({ length: 12 }, (_, index) =>
      learner.refused({ sentAtMs: index * 1e5, nowMs: index * 1e5 + 100, hint: null }),
    );
    expect(waits.slice(1, 5)).toEqual([1_000, 2_000, 4_000, 8_000]);
    expect(waits.at(-1)).toBe(60_000);
    learner.accepted(2e6, 2e6 + 100);
    expect(learner.backOffMs).toBe(0);
  });
});

describe('the rate', () => {
  it('the rate comes back to the ceiling when nothing is refused any more', () => {
    const { learner, run } = setup();
    run(10_000, 12);
    expect(learner.rate).toBeLessThan(14);
    run(60_000, 1_000);
    expect(learner.rate).toBe(30);
  });

  it('the rate does not grow while less is sent than is allowed', () => {
    const { learner, run } = setup();
    run(10_000, 12);
    const { rate } = learner;
    run(100_000, 1_000, 0.5);
    expect(learner.rate).toBe(rate);
  });

  it('the rate stays near a limit that stays, and is seldom refused', () => {
    const { learner, run, refusals } = setup();
    run(20_000, 20);
    const before = refusals();
    run(300_000, 20);
    expect(learner.rate).toBeGreaterThan(18);
    expect(learner.rate).toBeLessThan(22.5);
    expect(refusals() - before).toBeLessThan(60);
  });

  it('the rate begins where an earlier run left off', () => {
    const { learner, run } = setup(30, 18);
    expect(learner.rate).toBe(18);
    run(60_000, 1_000);
    expect(learner.rate).toBe(30);
  });

  it('the rate follows a limit that is named, down and up', () => {
    const { learner } = setup();
    learner.setCeiling(20);
    expect([learner.rate, learner.ceiling]).toEqual([20, 20]);
    learner.setCeiling(25);
    expect(learner.rate).toBe(25);
  });

  it('the rate does not jump to a ceiling that is only supposed, but is felt for', () => {
    const { learner, run } = setup(20);
    learner.doubt(60);
    expect(learner.rate).toBe(20);
    run(90_000, 1_000);
    expect(learner.rate).toBe(60);
  });

  it('the rate is never above the ceiling, never nothing, and never lost, whatever is answered', () => {
    const anyAnswer = fc.record({
      waitMs: fc.integer({ min: 0, max: 3_000 }),
      rttMs: fc.integer({ min: 1, max: 30_000 }),
      isRefused: fc.boolean(),
      hint: fc.option(fc.double({ min: 0.1, max: 200, noNaN: true })),
    });
    fc.assert(
      fc.property(
        fc.constantFrom(1, 30, 1_000),
        fc.array(anyAnswer, { maxLength: 200 }),
        (ceiling, answers) => {
          const { learner } = setup(ceiling);
          let sentAtMs = 0;
          for (const { waitMs, rttMs, isRefused, hint } of answers) {
            sentAtMs += waitMs;
            const nowMs = sentAtMs + rttMs;
            const before = learner.rate;
            if (isRefused) learner.refused({ sentAtMs, nowMs, hint });
            else learner.accepted(sentAtMs, nowMs);
            expect(learner.rate).toBeLessThanOrEqual(ceiling);
            expect(learner.rate).toBeGreaterThan(0);
            if (isRefused) expect(learner.rate).toBeLessThanOrEqual(before);
            else expect(learner.rate).toBeGreaterThanOrEqual(before);
            expect(learner.backOffMs).toBeLessThanOrEqual(60_000);
          }
        },
      ),
    );
  });
});

it('grows slowly around the level, and ever faster beyond it', () => {
  const at = (plateaus: number): number => regrown(100, plateaus * 4_500, 4_500);
  expect(at(0)).toBeCloseTo(97);
  expect(at(1)).toBeCloseTo(100);
  expect(at(1.5) - at(0.5)).toBeLessThan(2);
  expect(at(4) - at(3)).toBeGreaterThan(at(3) - at(2));
});
