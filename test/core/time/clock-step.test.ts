/** What two readings of the clocks say of a step of the wall clock. */
import { describe, expect, it } from 'vitest';
import { stepBetween, type ClockReading } from '../../../src/core/time/clock-step.ts';

const BEFORE: ClockReading = { now: 1_000_000, monotonicMs: 5_000, sleptMs: 0 };

const after = (wallS: number, monotonicS: number, sleptS = 0): ClockReading => ({
  now: BEFORE.now + wallS,
  monotonicMs: BEFORE.monotonicMs + monotonicS * 1_000,
  sleptMs: sleptS * 1_000,
});

describe('between two readings of the clocks', () => {
  it.each([
    ['time passes', after(60, 60), 0],
    ['the wall clock is off by less than a second', after(60.9, 60), 0],
    ['the wall clock is set forward by an hour', after(3_660, 60), 3_600],
    ['the wall clock is set back by an hour', after(-3_540, 60), -3_600],
    ['the machine sleeps for eight hours', after(28_860, 60, 28_800), 0],
    ['the machine sleeps, as far as whole seconds tell', after(28_860, 60, 28_799.4), 0],
    [
      'the machine sleeps and wakes with its clock set back',
      after(28_860 - 7_200, 60, 28_800),
      -7_200,
    ],
    ['the uptime is off by a second', after(60, 60, 1), 0],
  ])('%s', (_what, reading, expected) => {
    expect(stepBetween(BEFORE, reading)).toBeCloseTo(expected, 0);
  });
});
