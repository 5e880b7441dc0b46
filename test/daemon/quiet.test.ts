/** Quiet hours: who waits costs nothing and nobody else, and comes back as fast as the account allows. */
import { describe, expect, it } from 'vitest';
import type { QuietRule } from '../../src/core/time/quiet-hours.ts';
import { KEY, setup, type Bundle } from '../support/daemon.ts';

const HOUR = 3_600;
const ABROAD = '12015550123';

/** Quiet from an hour ago until `forMinutes` from now, for Britain. */
function quietFor(forMinutes: number, over: Partial<QuietRule> = {}): readonly QuietRule[] {
  const now = Math.floor(Date.now() / 60_000);
  const minutesOf = (ahead: number): number => (now + ahead) % 1_440;
  const times = { fromMinutes: minutesOf(-60), toMinutes: minutesOf(forMinutes) };
  return [{ ...times, zone: 'UTC', prefixes: ['44'], belowPriority: 7, ...over }];
}

const endOf = (forMinutes: number): number => (Math.floor(Date.now() / 60_000) + forMinutes) * 60;

const requestsOf = ({ sandbox }: Bundle): number => sandbox.ledger.counters.requests;

/** Many rows that are quiet, as an application loads them. */
const load = ({ db }: Bundle, count: number, priority = 4): void =>
  void db.exec(
    `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${count})
     INSERT INTO messages (recipient, text, priority)
     SELECT printf('4477%08d', i), 'x', ${priority} FROM n`,
  );

const waiting = ({ all }: Bundle): number =>
  all(`SELECT 1 FROM messages WHERE reason = 'quiet-hours' AND due_at IS NOT NULL`).length;

describe('a message in quiet hours', () => {
  it('a message in quiet hours waits until they end, without an attempt, and then goes', async () => {
    const quiet = quietFor(120);
    const endsAt = endOf(120);
    const bundle = await setup({ quiet });
    const id = bundle.drop();
    await bundle.until(() => waiting(bundle) === 1);
    expect(bundle.message(id)).toMatchObject({
      ...{ state: 'queued', reason: 'quiet-hours', attempts: 0, last_attempt: 0 },
      ...{ due_at: endsAt, next_attempt_at: endsAt },
    });
    await bundle.untilState(bundle.drop({ recipient: ABROAD }), 'await-receipt');
    await bundle.untilState(bundle.drop({ priority: 7 }), 'await-receipt');
    bundle.advance(HOUR);
    await bundle.untilState(bundle.drop({ recipient: ABROAD }), 'await-receipt');
    expect(requestsOf(bundle)).toBe(3);
    bundle.advance(HOUR);
    await bundle.untilState(id, 'await-receipt');
    expect(bundle.attempts(id)).toHaveLength(1);
    expect(bundle.all('SELECT event FROM events WHERE message_id = ?', id)).toEqual([
      { event: 'message.await-receipt' },
    ]);
    expect(bundle.fatal).toEqual([]);
  });

  it('a message in quiet hours waits with the attempts it has had when it was to be sent again', async () => {
    const bundle = await setup();
    const id = bundle.drop({ recipient: '999100500001' });
    await bundle.untilState(id, 'retry');
    await bundle.stop();
    await bundle.start({ quiet: quietFor(120, { prefixes: ['999'] }) });
    bundle.advance(60);
    await bundle.until(() => waiting(bundle) === 1);
    expect(bundle.message(id)).toMatchObject({ state: 'retry', attempts: 1 });
    bundle.advance(2 * HOUR);
    await bundle.until(() => bundle.attempts(id).length === 2);
  });

  it.each([
    ['its own', { expires: 600, validityMs: 86_400_000 }],
    ['of the configuration', { expires: null, validityMs: 600_000 }],
  ])(
    'a message in quiet hours that expires before they end expires on time, by a validity %s',
    async (_what, how) => {
      const bundle = await setup({
        quiet: quietFor(120),
        messages: { validityMs: how.validityMs },
      });
      const expiry = how.expires === null ? {} : { expires_at: bundle.clock.now() + how.expires };
      const id = bundle.drop(expiry);
      await bundle.until(() => waiting(bundle) === 1);
      bundle.advance(595);
      await bundle.untilState(bundle.drop({ recipient: ABROAD }), 'await-receipt');
      expect(bundle.message(id)['state']).toBe('queued');
      bundle.advance(6);
      expect(await bundle.untilState(id, 'expired')).toMatchObject({ attempts: 0 });
    },
  );

  it('a message in quiet hours can be taken back while it waits', async () => {
    const bundle = await setup({ quiet: quietFor(120) });
    const id = bundle.drop();
    await bundle.until(() => waiting(bundle) === 1);
    expect(await bundle.ask({ verb: 'cancel', message_id: id })).toMatchObject({ affected: 1 });
    expect(bundle.message(id)['state']).toBe('cancelled');
  });

  it('a message in quiet hours waits on through a restart, and goes at once where the rule is gone', async () => {
    const quiet = quietFor(120);
    const bundle = await setup({ quiet });
    const id = bundle.drop();
    await bundle.until(() => waiting(bundle) === 1);
    await bundle.stop();
    await bundle.start({ quiet });
    await bundle.untilState(bundle.drop({ recipient: ABROAD }), 'await-receipt');
    expect(waiting(bundle)).toBe(1);
    await bundle.stop();
    await bundle.start({ quiet: [] });
    await bundle.untilState(id, 'await-receipt');
  });
});

describe('a backlog in quiet hours', () => {
  it('a backlog in quiet hours is moved aside, holds up neither its own lane nor others, and costs no permit', async () => {
    const rows = 12_000;
    const bundle = await setup({ isStopped: true, account: { rate: 5 }, quiet: quietFor(120) });
    load(bundle, rows, 6);
    const behind = bundle.drop({ recipient: ABROAD, priority: 0 });
    const beside = bundle.drop({ recipient: ABROAD, sender: '12015550199', priority: 1 });
    await bundle.start();
    await bundle.untilState(beside, 'await-receipt');
    await bundle.untilState(behind, 'await-receipt');
    await bundle.until(() => waiting(bundle) === rows);
    expect(requestsOf(bundle)).toBe(2);
    expect(bundle.all(`SELECT 1 FROM messages WHERE state = 'queued' AND due_at IS NULL`)).toEqual(
      [],
    );
    expect(bundle.fatal).toEqual([]);
  });

  it('a backlog in quiet hours comes back paced: the gateway has no reason to slow us down', async () => {
    const bundle = await setup({
      sandbox: { accounts: { [KEY]: { rate: 40 } } },
      account: { rate: 40 },
      quiet: quietFor(120),
    });
    load(bundle, 80);
    await bundle.until(() => waiting(bundle) === 80);
    bundle.advance(2 * HOUR);
    await bundle.until(() => bundle.count('await-receipt') === 80);
    expect(bundle.lines('account.throttled')).toEqual([]);
    expect(requestsOf(bundle)).toBe(80);
  });

  it('a backlog in quiet hours is made ready in steps when the rule changes, whoever else waits for a receipt', async () => {
    const bundle = await setup({ quiet: quietFor(120), account: { rate: 100_000 } });
    await bundle.untilState(bundle.drop({ recipient: ABROAD }), 'await-receipt');
    load(bundle, 1_500);
    await bundle.until(() => waiting(bundle) === 1_500);
    await bundle.stop();
    await bundle.start({ quiet: quietFor(120, { prefixes: ['447700000'] }) });
    await bundle.until(() => bundle.count('await-receipt') > 1);
    await bundle.until(() => waiting(bundle) + bundle.count('await-receipt') === 1_501);
    const held = bundle.all(
      `SELECT 1 FROM messages WHERE due_at IS NOT NULL AND state = 'queued'
        AND recipient NOT LIKE '447700000%'`,
    );
    expect(held).toEqual([]);
  });
});
