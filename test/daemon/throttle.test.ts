/** Throttled answers cost a message nothing but time, and the time is what the gateway asked for. */
import { describe, expect, it } from 'vitest';
import { KEY, setup, type Bundle } from '../support/daemon.ts';

const dropMany = ({ db, drop }: Bundle, count: number, sender?: string): readonly number[] =>
  db.transaction(() =>
    Array.from({ length: count }, () => drop(sender === undefined ? {} : { sender })),
  )();

const numbers = (bundle: Bundle, column: string): readonly unknown[] =>
  bundle.all(`SELECT DISTINCT ${column} AS value FROM messages`).map((row) => row['value']);

describe('an account whose limit is lower than configured', () => {
  it('an account whose limit is lower than configured waits as the text says, learns the limit, and loses no attempt', async () => {
    const bundle = await setup({ sandbox: { accounts: { [KEY]: { rate: 40 } } } });
    dropMany(bundle, 100);
    await bundle.until(() => bundle.count('await-receipt') === 100);
    expect(numbers(bundle, 'attempts')).toEqual([1]);
    expect(bundle.sandbox.ledger.counters.throttledByAccount).toBeGreaterThan(0);
    expect(bundle.account()).toMatchObject({
      configured_rate: 1000,
      learned_rate: 40,
      state: 'active',
    });
    const [limit] = bundle.lines('account.limit').filter((line) => 'seq' in line);
    expect(limit).toMatchObject({ account: 'main', reason: '40/s', level: 'warn' });
    for (const line of bundle.lines('account.throttled')) {
      expect(line['wait_ms']).toBeGreaterThan(0);
      expect(line['wait_ms']).toBeLessThanOrEqual(1_020);
    }
    const series = bundle.sandbox.ledger.series().map((second) => second.accepted);
    expect(Math.max(...series)).toBeLessThanOrEqual(40);
  });

  it('backs off where the text names no time, and finds out what is there', async () => {
    const accounts = { [KEY]: { rate: 20, throttleText: 'plain' as const } };
    const bundle = await setup({ sandbox: { accounts } });
    dropMany(bundle, 30);
    await bundle.until(() => bundle.count('await-receipt') === 30);
    expect(numbers(bundle, 'attempts')).toEqual([1]);
    const waits = bundle.lines('account.throttled').map((line) => Number(line['wait_ms']));
    expect(Math.min(...waits)).toBeGreaterThanOrEqual(50);
    expect(bundle.account()['configured_rate']).toBe(1000);
    expect(Number(bundle.account()['learned_rate'])).toBeLessThan(1000);
  });
});

it('the daemon takes up, at the next start, what was learned, and never more than is configured', async () => {
  const bundle = await setup({ account: { rate: 50 }, isStopped: true });
  const learn = bundle.db.prepare(
    "INSERT INTO accounts (name, since, learned_rate) VALUES ('main', 1800000000, ?)",
  );
  learn.run(12);
  await bundle.start();
  dropMany(bundle, 36);
  await bundle.until(() => bundle.count('await-receipt') === 36);
  const series = bundle.sandbox.ledger.series().map((second) => second.accepted);
  expect(Math.max(...series)).toBeLessThanOrEqual(18);
  expect(bundle.account()).toMatchObject({ configured_rate: 50, learned_rate: 12 });
});

describe('a sender with a limit of its own', () => {
  it('a sender with a limit of its own waits as long as it is asked to, alone', async () => {
    const bundle = await setup({ sandbox: { senders: { Slow: { rate: 4 } } } });
    const slow = dropMany(bundle, 4, 'Slow');
    const quick = dropMany(bundle, 100, 'Quick');
    await bundle.until(() => bundle.count('await-receipt') === 104);
    const order = bundle.sandbox.ledger.entries().map((entry) => entry.from);
    expect(order.lastIndexOf('Quick')).toBeLessThan(order.lastIndexOf('Slow'));
    expect(numbers(bundle, 'attempts')).toEqual([1]);
    const throttles = slow.map((id) => Number(bundle.message(id)['throttles']));
    expect(throttles.reduce((sum, one) => sum + one)).toBeGreaterThan(0);
    expect(bundle.message(quick[0] ?? 0)['throttles']).toBe(0);
    const [line] = bundle.lines('sender.throttled');
    expect(line).toMatchObject({ sender: 'Slow', account: 'main', reason: 'throttled' });
    expect(line?.['wait_ms']).toBeLessThanOrEqual(271);
  });

  it('a sender with a limit of its own is kept by the daemon itself where it is configured', async () => {
    const bundle = await setup({ account: { senders: new Map([['Slow', { rate: 5 }]]) } });
    dropMany(bundle, 5, 'Slow');
    await bundle.until(() => bundle.count('await-receipt') === 5);
    const began = bundle.all('SELECT began_at FROM attempts ORDER BY began_at');
    const at = began.map((row) => Number(row['began_at']) * 1000);
    const gaps = at.slice(1).map((instant, index) => instant - (at[index] ?? 0));
    expect(gaps.filter((gapMs) => gapMs < 200)).toEqual([]);
    expect(bundle.all('SELECT sender, configured_rate FROM senders')).toEqual([
      { sender: 'Slow', configured_rate: 5 },
    ]);
  });

  it.each([
    ['with its number', '999190110001', 270],
    ['without its number', '999190210001', 1_020],
  ])(
    'a sender with a limit of its own is asked by the text %s',
    async (_what, recipient, waitMs) => {
      const bundle = await setup();
      const id = bundle.drop({ recipient });
      expect(await bundle.untilState(id, 'await-receipt')).toMatchObject({
        attempts: 1,
        throttles: 1,
      });
      expect(bundle.lines('sender.throttled')).toMatchObject([{ wait_ms: waitMs }]);
      const [first, second] = bundle.attempts(id);
      const gap = Number(second?.['began_at']) - Number(first?.['ended_at']);
      expect(gap * 1000).toBeGreaterThanOrEqual(waitMs - 21);
    },
  );
});

it('HTTP 429 makes the account wait as long as Retry-After says', async () => {
  const bundle = await setup();
  const id = bundle.drop({ recipient: '999442910001' });
  expect(await bundle.untilState(id, 'await-receipt')).toMatchObject({ attempts: 1, throttles: 1 });
  expect(bundle.lines('account.throttled')).toMatchObject([{ wait_ms: 1_020 }]);
});

it('a wait is never longer than the longest delay of the configuration', async () => {
  const bundle = await setup({ retry: { maxDelayMs: 60_000 } });
  await bundle.sandbox.configure({ chaos: { kind: 'http', status: 429, retryAfter: 86_400 } });
  const id = bundle.drop();
  await bundle.until(() => bundle.lines('account.throttled').length === 1);
  await bundle.sandbox.configure({ chaos: 'ok' });
  expect(bundle.lines('account.throttled')).toMatchObject([{ wait_ms: 60_000 }]);
  bundle.advance(61);
  await bundle.untilState(id, 'await-receipt');
});

it('status 10 makes fewer requests open at a time, and costs no attempt', async () => {
  const bundle = await setup({ account: { concurrency: 8 }, sandbox: { latencyMs: 30 } });
  const first = bundle.drop({ recipient: '999101010001' });
  expect(await bundle.untilState(first, 'await-receipt')).toMatchObject({
    attempts: 1,
    throttles: 1,
  });
  bundle.sandbox.ledger.clear();
  /* One more than half: too few answers for the number to grow, however long they take. */
  dropMany(bundle, 5);
  await bundle.until(() => bundle.count('await-receipt') === 6);
  expect(bundle.sandbox.ledger.counters.mostOpen).toBeLessThanOrEqual(4);
});

it('the daemon never has more requests open than the concurrency', async () => {
  const bundle = await setup({ account: { concurrency: 3 }, sandbox: { latencyMs: 20 } });
  dropMany(bundle, 60);
  await bundle.until(() => bundle.count('await-receipt') === 60);
  expect(bundle.sandbox.ledger.counters.mostOpen).toBe(3);
});
