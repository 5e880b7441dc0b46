/** Requests about many messages: by campaign and by filter, with what was there when they were asked. */
import { describe, expect, it } from 'vitest';
import { setup, type Bundle } from '../support/daemon.ts';
import { execAsDaemon } from '../support/as-daemon.ts';

const filtered = (bundle: Bundle, verb: string, filter: object): ReturnType<Bundle['ask']> =>
  bundle.ask({ verb, filter: JSON.stringify(filter) });

/** A daemon with a paused account, so that what is inserted stays queued. */
async function paused(): Promise<Bundle> {
  const bundle = await setup();
  await bundle.ask({ verb: 'pause', account: 'main' });
  return bundle;
}

const statesOf = (bundle: Bundle): readonly unknown[] =>
  bundle.all('SELECT state FROM messages ORDER BY id').map(({ state }) => state);

describe('cancel and requeue by a filter', () => {
  it('take what matches every key, with NULL as the default it stands for', async () => {
    const bundle = await paused();
    bundle.drop({ sender: 'Acme1' });
    bundle.drop({ account: 'main', sender: 'Acme1', campaign: 'spring' });
    bundle.drop({ campaign: 'spring' });
    bundle.drop({ sender: 'Acme2' });
    expect(await filtered(bundle, 'cancel', { account: 'main', sender: 'Acme1' })).toMatchObject({
      affected: 2,
      refused: null,
    });
    expect(statesOf(bundle)).toEqual(['cancelled', 'cancelled', 'queued', 'queued']);
    const none = await filtered(bundle, 'cancel', { campaign: 'spring', sender: 'Acme2' });
    expect(none).toMatchObject({ affected: 0, refused: null });
  });

  it('take by state, reason and time', async () => {
    const bundle = await paused();
    const old = bundle.drop();
    const failed = bundle.drop();
    const other = bundle.drop();
    execAsDaemon(
      bundle.db,
      `UPDATE messages SET created_at = created_at - 7200 WHERE id = ${old};
       UPDATE messages SET state = 'permanent-failure', reason = 'unroutable' WHERE id = ${failed};
       UPDATE messages SET state = 'permanent-failure', reason = 'rejected' WHERE id = ${other}`,
    );
    const until = Date.now() / 1000 - 3_600;
    expect(await filtered(bundle, 'cancel', { until })).toMatchObject({ affected: 1 });
    const again = { state: 'permanent-failure', reason: 'unroutable' };
    expect(await filtered(bundle, 'requeue', again)).toMatchObject({ affected: 1 });
    expect(statesOf(bundle)).toEqual(['cancelled', 'queued', 'permanent-failure']);
  });

  it('leave what came after they were asked', async () => {
    const bundle = await setup({ isStopped: true });
    const before = bundle.drop({ campaign: 'spring' });
    bundle.db.exec(`INSERT INTO control (verb, campaign) VALUES ('cancel', 'spring');
      INSERT INTO control (verb, filter) VALUES ('cancel', '{"campaign":"spring","state":"queued"}')`);
    const after = bundle.drop({ campaign: 'spring' });
    await bundle.start();
    await bundle.untilState(after, 'await-receipt');
    expect(bundle.message(before)['state']).toBe('cancelled');
  });

  it('leave what has changed since they were asked', async () => {
    const bundle = await setup({ isStopped: true });
    const ids = [bundle.drop(), bundle.drop()];
    execAsDaemon(bundle.db, `UPDATE messages SET state = 'expired', reason = 'validity-passed'`);
    bundle.db.exec(`INSERT INTO control (verb, filter) VALUES ('requeue', '{"state":"expired"}');
      INSERT INTO events (at, message_id, event) VALUES (1795425300, ${ids[1]}, 'message.expired')`);
    await bundle.start();
    await bundle.untilState(ids[0] ?? 0, 'await-receipt');
    expect(bundle.message(ids[1] ?? 0)['state']).toBe('expired');
  });

  it('requeue revives what was cancelled only when that state is asked for', async () => {
    const bundle = await paused();
    const [gone, late] = [bundle.drop({ campaign: 'spring' }), bundle.drop({ campaign: 'spring' })];
    execAsDaemon(
      bundle.db,
      `UPDATE messages SET state = 'cancelled', reason = 'operator' WHERE id = ${gone};
       UPDATE messages SET state = 'expired', reason = 'validity-passed' WHERE id = ${late}`,
    );
    expect(await bundle.ask({ verb: 'requeue', campaign: 'spring' })).toMatchObject({
      affected: 1,
    });
    expect(statesOf(bundle)).toEqual(['cancelled', 'queued']);
    const asked = { campaign: 'spring', state: ['cancelled'] };
    expect(await filtered(bundle, 'requeue', asked)).toMatchObject({ affected: 1 });
    expect(statesOf(bundle)).toEqual(['queued', 'queued']);
  });

  it.each(['{}', '{"states":"queued"}', 'nothing', '{"state":"failed"}'])(
    'cancel and requeue by a filter are refused with a word where the filter is %s',
    async (filter) => {
      const bundle = await paused();
      bundle.drop();
      const { refused, affected } = await bundle.ask({ verb: 'cancel', filter });
      expect(String(refused)).toMatch(/filter/);
      expect(affected).toBe(0);
      expect(statesOf(bundle)).toEqual(['queued']);
    },
  );

  it('a row that names nothing, or two things, is refused by the spool', async () => {
    const { db } = await setup({ isStopped: true });
    const name = /cancel_and_requeue_name_a_message_or_a_campaign/;
    for (const verb of ['cancel', 'requeue', 'retry']) {
      expect(() => db.exec(`INSERT INTO control (verb) VALUES ('${verb}')`)).toThrow(name);
      const two = `INSERT INTO control (verb, campaign, filter) VALUES ('${verb}', 'a', '{"state":"retry"}')`;
      expect(() => db.exec(two)).toThrow(name);
    }
    expect(() => db.exec(`INSERT INTO control (verb) VALUES ('erase')`)).toThrow(/verb_is_known/);
  });

  it('others are sent meanwhile, and nothing that is to be cancelled', async () => {
    const bundle = await setup({ isStopped: true });
    bundle.db.exec(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 6000)
      INSERT INTO messages (recipient, text, campaign) SELECT 447700900000 + i || '', 'Hello', 'spring' FROM n`);
    const other = bundle.drop({ priority: 0 });
    bundle.db.exec(`INSERT INTO control (verb, campaign) VALUES ('cancel', 'spring')`);
    await bundle.start();
    await bundle.until(() => bundle.count('cancelled') === 6_000, 'the end of the cancel');
    await bundle.untilState(other, 'await-receipt');
    expect(bundle.sandbox.ledger.counters.requests).toBe(1);
    await bundle.until(
      () => bundle.all('SELECT 1 FROM control WHERE done_at IS NULL').length === 0,
    );
    expect(bundle.all('SELECT affected FROM control')).toEqual([{ affected: 6_000 }]);
  });

  it('go on after a stop in the middle, and take nothing twice', async () => {
    const bundle = await setup({ isStopped: true });
    bundle.db.exec(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 6000)
      INSERT INTO messages (recipient, text, campaign) SELECT 447700900000 + i || '', 'Hello', 'spring' FROM n;
      INSERT INTO control (verb, campaign) VALUES ('cancel', 'spring')`);
    await bundle.start();
    await bundle.until(() => bundle.count('cancelled') > 0, 'the first slice');
    await bundle.stop();
    await bundle.start();
    await bundle.until(() => bundle.count('cancelled') === 6_000, 'the end of the cancel');
    await bundle.until(
      () => bundle.all('SELECT 1 FROM control WHERE done_at IS NULL').length === 0,
    );
    expect(bundle.all('SELECT affected FROM control')).toEqual([{ affected: 6_000 }]);
    expect(bundle.sandbox.ledger.counters.requests).toBe(0);
  });
});

describe('retry', () => {
  it('retry sends now what waits for its next attempt or for a later time, and keeps its attempts', async () => {
    const bundle = await setup({ retry: { firstDelayMs: 3_600_000 } });
    const failed = bundle.drop({ recipient: '999100500001' });
    await bundle.untilState(failed, 'retry');
    const scheduled = bundle.drop({ send_at: bundle.clock.now() + 3_600 });
    expect(await bundle.ask({ verb: 'retry', message_id: scheduled })).toMatchObject({
      affected: 1,
    });
    await bundle.untilState(scheduled, 'await-receipt');
    expect(await filtered(bundle, 'retry', { state: 'retry' })).toMatchObject({ affected: 1 });
    await bundle.until(() => bundle.attempts(failed).length === 2, 'the second attempt');
    await bundle.untilState(failed, 'retry');
    expect(bundle.message(failed)['attempts']).toBe(2);
  });

  it('retry of a message that waits for no time is refused with a word', async () => {
    const bundle = await paused();
    const waiting = bundle.drop();
    const { refused } = await bundle.ask({ verb: 'retry', message_id: waiting });
    expect(String(refused)).toContain('it waits for no time');
    expect(await bundle.ask({ verb: 'retry', message_id: 999 })).toMatchObject({
      refused: 'there is no such message',
    });
  });
});

describe('the pause of everything', () => {
  it('the pause of everything holds all accounts over a restart until it is resumed, and ends no other pause', async () => {
    const bundle = await setup();
    await bundle.ask({ verb: 'pause', account: '*' });
    expect(await bundle.ask({ verb: 'pause', account: '*' })).toMatchObject({
      refused: 'everything is paused already',
    });
    const id = bundle.drop();
    expect(bundle.health().stopped).toEqual(['all paused']);
    await bundle.stop();
    await bundle.start();
    await bundle.ask({ verb: 'pause', account: 'main' });
    expect(bundle.message(id)['state']).toBe('queued');
    await bundle.ask({ verb: 'resume', account: '*' });
    expect(bundle.health().stopped).toEqual(['main paused (operator)']);
    await bundle.ask({ verb: 'resume', account: 'main' });
    await bundle.untilState(id, 'await-receipt');
    expect(bundle.lines('account.paused')[0]).toMatchObject({ account: '*' });
  });

  it('the pause of everything is of no sender', async () => {
    const bundle = await setup();
    const { refused } = await bundle.ask({ verb: 'pause', account: '*', sender: 'Acme' });
    expect(String(refused)).toContain('a sender is of one account');
  });
});
