import { expect, test } from 'vitest';
import {
  BucketLimit,
  SenderLimit,
  SlidingLimit,
  type RequestLimit,
  WindowLimit,
} from '../../src/sandbox/sandbox-limits.ts';
import { KEY, START, elements, setup, statuses } from './support.ts';

/** How many of `count` requests, `everyMs` apart, are granted. */
function granted(
  limit: RequestLimit,
  { from = START, count, everyMs }: { from?: number; count: number; everyMs: number },
): number {
  let accepted = 0;
  for (let index = 0; index < count; index += 1) {
    if (limit.take(from + index * everyMs) === null) accepted += 1;
  }
  return accepted;
}

test('a window grants exactly its rate in each second of the wall clock', () => {
  const limit = new WindowLimit(30);
  expect(granted(limit, { count: 100, everyMs: 5 })).toBe(30);
  expect(granted(limit, { from: START + 999, count: 100, everyMs: 0 })).toBe(0);
  expect(granted(limit, { from: START + 1000, count: 100, everyMs: 0 })).toBe(30);
});

test('a window grants twice its rate around the turn of a second', () => {
  const limit = new WindowLimit(30);
  expect(granted(limit, { from: START + 990, count: 200, everyMs: 0.1 })).toBe(60);
});

test('a bucket grants its depth at once and then its rate', () => {
  const limit = new BucketLimit(30, 3, false);
  expect(granted(limit, { count: 50, everyMs: 0 })).toBe(3);
  expect(granted(limit, { from: START + 1, count: 60_000, everyMs: 1 })).toBe(30 * 60);
});

test('a bucket of depth 1 grants every request of an even pace, and none that is early', () => {
  expect(granted(new BucketLimit(30, 1, false), { count: 300, everyMs: 1000 / 30 })).toBe(300);
  expect(granted(new BucketLimit(10, 1, false), { count: 100, everyMs: 99 })).toBeLessThan(60);
});

test('a bucket that counts refusals starves whoever hammers it', () => {
  const limit = new BucketLimit(30, 3, true);
  expect(granted(limit, { count: 5000, everyMs: 1 })).toBe(3);
  expect(granted(limit, { from: START + 6000, count: 1, everyMs: 0 })).toBe(1);
});

test('a clock that goes back gives no tokens and takes none', () => {
  const limit = new BucketLimit(10, 1, false);
  expect(limit.take(START)).toBeNull();
  expect(limit.take(START - 5000)).not.toBeNull();
  expect(limit.take(START - 4900)).toBeNull();
});

test('a sender of one message a second is throttled after exactly 1000 ms, and not after 1001', () => {
  const limit = new SenderLimit(1);
  expect(limit.waitMs(START)).toBeNull();
  limit.accept(START);
  expect(limit.waitMs(START + 250)).toBe(751);
  expect(limit.waitMs(START + 1000)).toBe(1);
  expect(limit.waitMs(START + 1001)).toBeNull();
});

test('the sandbox counts requests, not parts, and gives back no leave that a refused field has used', async () => {
  const { sandbox } = await setup({ accounts: { [KEY]: { rate: 3 } } });
  expect(await statuses(sandbox, { text: 'a'.repeat(1000) })).toHaveLength(7);
  expect(await statuses(sandbox, { to: 'nobody' })).toEqual(['3']);
  expect(await statuses(sandbox)).toEqual(['0']);
  expect(await statuses(sandbox)).toEqual(['1']);
});

test('the sandbox says how long a sender has to wait, and leaves other senders alone', async () => {
  const sender = '12015550123';
  const { sandbox, clock } = await setup({ senders: { [sender]: { rate: 1 } } });
  expect(await statuses(sandbox, { from: sender })).toEqual(['0']);
  clock.ms += 300;
  expect(await elements(sandbox, { from: sender, 'client-ref': 'a-1' })).toEqual([
    {
      to: '447700900001',
      'client-ref': 'a-1',
      status: '1',
      'error-text': 'Throughput Rate Exceeded - please wait [ 701 ] and retry',
      network: '23410',
    },
  ]);
  expect(await statuses(sandbox)).toEqual(['0']);
  clock.ms += 701;
  expect(await statuses(sandbox, { from: sender })).toEqual(['0']);
  expect(sandbox.ledger.counters).toMatchObject({ accepted: 3, throttledBySender: 1 });
});

test('a bucket names its limit by default and only asks to back off when told to be plain', async () => {
  const account = { rate: 10, model: 'bucket', depth: 1 } as const;
  const { sandbox, clock } = await setup({ accounts: { [KEY]: account } });
  clock.ms += 40;
  await elements(sandbox);
  const [named] = await elements(sandbox);
  expect(named?.['error-text']).toBe(
    'Exceeded maximum MT throughput[ MAX [ 10 ] INTERVAL [ 1000 ] COUNT [ 10 ] LAST INT-START ' +
      '[ 1764000000000 ] TIME_SINCE_LAST_INTERVAL_START [ 40 ]  ]',
  );
  await sandbox.configure({ accounts: { [KEY]: { throttleText: 'plain' } } });
  const [plain] = await elements(sandbox);
  expect(plain?.['error-text']).toBe(
    'You have exceeded the submission capacity allowed on this account, please back-off and retry',
  );
});

test('a new rate holds from the next request on, and another change leaves the limit as it was', async () => {
  const { sandbox } = await setup({ accounts: { [KEY]: { rate: 1 } } });
  expect(await statuses(sandbox)).toEqual(['0']);
  await sandbox.configure({ accounts: { [KEY]: { balance: 5 } } });
  expect(await statuses(sandbox)).toEqual(['1']);
  await sandbox.configure({ accounts: { [KEY]: { rate: 2 } } });
  expect(await statuses(sandbox)).toEqual(['0']);
});

test('a sliding second grants its rate in any second, however the seconds are cut', () => {
  const limit = new SlidingLimit(30, false);
  expect(granted(limit, { from: START + 990, count: 100, everyMs: 0.1 })).toBe(30);
  expect(granted(limit, { from: START + 1_989, count: 10, everyMs: 0 })).toBe(0);
  expect(granted(limit, { from: START + 2_990, count: 60_000, everyMs: 1 })).toBe(30 * 60);
});

test('a sliding second that counts refusals starves whoever hammers it, and nobody who waits', () => {
  const limit = new SlidingLimit(30, true);
  expect(granted(limit, { count: 5_000, everyMs: 1 })).toBe(30);
  expect(granted(limit, { from: START + 6_000, count: 300, everyMs: 1000 / 29 })).toBe(300);
});
