import fc from 'fast-check';
import { expect, test } from 'vitest';
import { JITTER, mayRetry, retryDelayMs } from '../../../src/core/message/retry-policy.ts';

const POLICY = { firstDelayMs: 5000, factor: 3, maxDelayMs: 1_800_000 };
const MIDDLE = 0.5;

test.each([
  [0, 5000],
  [1, 5000],
  [2, 15_000],
  [3, 45_000],
  [6, 1_215_000],
])('the delay grows by the factor: after %i attempts %i ms', (attempts, delayMs) => {
  expect(retryDelayMs(attempts, POLICY, MIDDLE)).toBeCloseTo(delayMs, 6);
});

test.each([7, 8, 1000, Number.MAX_SAFE_INTEGER])('after %i attempts it is near the cap', (n) => {
  expect(retryDelayMs(n, POLICY, 0)).toBe(1_800_000 * (1 - JITTER));
  expect(retryDelayMs(n, POLICY, 0.999_999)).toBeLessThanOrEqual(1_800_000);
});

test('no first delay is no delay, however many attempts there were', () => {
  expect(retryDelayMs(5000, { ...POLICY, firstDelayMs: 0 }, MIDDLE)).toBe(0);
});

test('delays at the cap still differ', () => {
  expect(retryDelayMs(20, POLICY, 0.6)).not.toBe(retryDelayMs(20, POLICY, 0.9));
});

test('the delay is finite, within 10 % of its nominal value and never above the cap', () => {
  const policy = fc.record({
    firstDelayMs: fc.integer({ min: 0, max: 1e9 }),
    factor: fc.double({ min: 1, max: 1e6, noNaN: true }),
    maxDelayMs: fc.integer({ min: 0, max: 1e10 }),
  });
  const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
  fc.assert(
    fc.property(fc.nat(), policy, random, (attempts, given, chance) => {
      const delayMs = retryDelayMs(attempts, given, chance);
      const power = given.factor ** Math.max(0, attempts - 1);
      const grown = given.firstDelayMs === 0 ? 0 : given.firstDelayMs * power;
      const nominal = Math.min(grown, given.maxDelayMs);
      expect(delayMs).toBeGreaterThanOrEqual(nominal * (1 - JITTER));
      expect(delayMs).toBeLessThanOrEqual(nominal * (1 + JITTER));
      expect(delayMs).toBeLessThanOrEqual(given.maxDelayMs);
    }),
  );
});

test('another attempt is allowed until as many count as may', () => {
  expect([0, 1, 7, 8, 9].map((attempts) => mayRetry(attempts, 8))).toEqual([
    true,
    true,
    true,
    false,
    false,
  ]);
});
