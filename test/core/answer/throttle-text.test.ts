import fc from 'fast-check';
import { expect, test } from 'vitest';
import { readThrottleText } from '../../../src/core/answer/throttle-text.ts';

const mt = (max: number, interval: number, since: number) =>
  `Exceeded maximum MT throughput[ MAX [ ${max} ] INTERVAL [ ${interval} ] COUNT [ ${max} ] ` +
  `LAST INT-START [ 1484306022354 ] TIME_SINCE_LAST_INTERVAL_START [ ${since} ]  ]`;

test.each([
  ['Throughput Rate Exceeded - please wait [ 250 ] and retry', 250],
  ['Throughput Rate Exceeded - please wait [993] and retry', 993],
  ['THROUGHPUT RATE EXCEEDED - PLEASE WAIT [ 7 ] AND RETRY', 7],
  ['Throughput Rate Exceeded - please wait and retry', 1000],
  ['Throughput Rate Exceeded - please wait [ ] and retry', 1000],
  [`Throughput Rate Exceeded - please wait [ ${'9'.repeat(20)} ] and retry`, 1000],
  [`Throughput Rate Exceeded - please wait [ ${'9'.repeat(400)} ] and retry`, 1000],
])('%s: the sender waits, in milliseconds', (text, waitMs) => {
  expect(readThrottleText(text)).toEqual({
    scope: 'sender',
    waitMs,
    limit: null,
    intervalMs: null,
  });
});

test.each([
  [mt(30, 1000, 529), 471, 30, 1_000],
  [mt(30, 1000, 0), 1000, 30, 1_000],
  [mt(30, 1000, 1500), 0, 30, 1_000],
  [mt(120, 60_000, 10_000), 50_000, 2, 60_000],
  [mt(15, 500, 100), 400, 30, 500],
  [mt(0, 1000, 500), 500, null, 1_000],
  [mt(30, 0, 0), null, null, null],
])(
  '%s: the account waits for the end of its window, and MAX is its limit',
  (text, waitMs, limit, intervalMs) => {
    expect(readThrottleText(text)).toEqual({ scope: 'account', waitMs, limit, intervalMs });
  },
);

test.each([
  'You have exceeded the submission capacity allowed on this account, please back-off and retry',
  'Throttled',
  '',
  null,
])('%j: the account backs off, nobody says for how long', (text) => {
  expect(readThrottleText(text)).toEqual({
    scope: 'account',
    waitMs: null,
    limit: null,
    intervalMs: null,
  });
});

test('whatever numbers a text holds, a hint is finite and not negative', () => {
  const digits = fc.oneof(fc.nat().map(String), fc.string({ unit: fc.constantFrom('0', '9') }));
  fc.assert(
    fc.property(digits, digits, digits, (a, b, c) => {
      const texts = [
        `please wait [ ${a} ] and retry`,
        `MAX [ ${a} ] INTERVAL [ ${b} ] COUNT [ 1 ] TIME_SINCE_LAST_INTERVAL_START [ ${c} ]`,
      ];
      for (const text of texts) {
        const { waitMs, limit } = readThrottleText(text);
        if (waitMs !== null) expect(Number.isSafeInteger(waitMs) && waitMs >= 0).toBe(true);
        if (limit !== null) expect(Number.isFinite(limit) && limit > 0).toBe(true);
      }
    }),
  );
});
