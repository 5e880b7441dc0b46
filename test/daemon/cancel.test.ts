/** Taking messages back, in every state they can be in. */
import { describe, expect, it } from 'vitest';
import { setup, type Bundle } from '../support/daemon.ts';

const cancel = (bundle: Bundle, id: number): ReturnType<Bundle['ask']> =>
  bundle.ask({ verb: 'cancel', message_id: id });

describe('a message that waits', () => {
  it('a message that waits is cancelled at once: queued, scheduled, or for a retry', async () => {
    const bundle = await setup();
    const retried = bundle.drop({ recipient: '999100500001' });
    await bundle.untilState(retried, 'retry');
    await bundle.ask({ verb: 'pause', account: 'main' });
    const queued = bundle.drop();
    const scheduled = bundle.drop({ send_at: bundle.clock.now() + 3_600 });
    const strange = bundle.drop({ account: 'unknown' });
    for (const id of [queued, scheduled, retried, strange]) {
      expect(await cancel(bundle, id)).toMatchObject({ affected: 1, refused: null });
      expect(bundle.message(id)).toMatchObject({ state: 'cancelled', due_at: null });
    }
    await bundle.ask({ verb: 'resume', account: 'main' });
    bundle.advance(3_700);
    await bundle.untilState(bundle.drop(), 'await-receipt');
    expect(bundle.count('cancelled')).toBe(4);
    expect(bundle.lines('message.cancelled')[0]).toMatchObject({
      reason: 'operator',
      from: 'queued',
    });
  });
});

it('cancelling is done for every request before the first claim, however many there are', async () => {
  const bundle = await setup({ isStopped: true });
  const ids = Array.from({ length: 250 }, () => bundle.drop());
  const ask = bundle.db.prepare(`INSERT INTO control (verb, message_id) VALUES ('cancel', ?)`);
  for (const id of ids) ask.run(id);
  await bundle.start();
  await bundle.until(() => bundle.count('cancelled') === ids.length);
  await bundle.untilState(bundle.drop(), 'await-receipt');
  expect(bundle.sandbox.ledger.counters.requests).toBe(1);
});

describe('a message whose request is out', () => {
  const out = async (recipient: string): Promise<{ bundle: Bundle; id: number }> => {
    const bundle = await setup({ sandbox: { latencyMs: 200 } });
    const id = bundle.drop({ recipient });
    await bundle.until(() => bundle.sandbox.ledger.counters.open === 1);
    return { bundle, id };
  };

  it.each([
    ['is retried', '999100500001'],
    ['is throttled', '999100100001'],
  ])(
    'a message whose request is out is cancelled where it would return: it %s',
    async (_what, recipient) => {
      const { bundle, id } = await out(recipient);
      expect(await cancel(bundle, id)).toMatchObject({ affected: 1, refused: null });
      expect(bundle.message(id)['state']).toBe('cancelled');
      expect(bundle.attempts(id)).toHaveLength(1);
    },
  );

  it.each([
    ['accepted', '447700900000', 'await-receipt'],
    ['refused', '999100600001', 'permanent-failure'],
  ])(
    'a message whose request is out is not, when it was %s: the request says so',
    async (_what, recipient, state) => {
      const { bundle, id } = await out(recipient);
      expect(await cancel(bundle, id)).toMatchObject({ affected: 0, refused: `it is ${state}` });
      expect(bundle.message(id)['state']).toBe(state);
    },
  );

  it('a message whose request is out is never sent again when nobody answered', async () => {
    const { bundle, id } = await out('999600110001');
    expect(await cancel(bundle, id)).toMatchObject({ affected: 1, refused: null });
    expect(bundle.message(id)['state']).toBe('uncertain');
    bundle.advance(301);
    bundle.advance(76 * 3600);
    await bundle.untilState(id, 'unconfirmed');
    expect(bundle.attempts(id)).toHaveLength(1);
  });

  it('a message whose request is out is cancelled once, whoever else asks meanwhile', async () => {
    const { bundle, id } = await out('999100500001');
    const answers = await Promise.all([cancel(bundle, id), cancel(bundle, id)]);
    expect(answers).toMatchObject([{ affected: 1 }, { affected: 1 }]);
    expect(bundle.message(id)['state']).toBe('cancelled');
  });
});

describe('an uncertain message', () => {
  it('an uncertain message is not cancelled but never sent again', async () => {
    const bundle = await setup();
    const id = bundle.drop({ recipient: '999600110001' });
    await bundle.untilState(id, 'uncertain');
    expect(await cancel(bundle, id)).toMatchObject({ affected: 1, refused: null });
    bundle.advance(301);
    await bundle.untilState(bundle.drop(), 'await-receipt');
    expect(bundle.message(id)['state']).toBe('uncertain');
    bundle.advance(76 * 3600);
    await bundle.untilState(id, 'unconfirmed');
  });
});

describe('a message that is done with', () => {
  it.each([
    ['447700900000', 'await-receipt'],
    ['999100600001', 'permanent-failure'],
  ])(
    'a message that is done with cannot be taken back, and the request says why: %s',
    async (recipient, state) => {
      const bundle = await setup();
      const id = bundle.drop({ recipient });
      await bundle.untilState(id, state);
      expect(await cancel(bundle, id)).toMatchObject({ affected: 0, refused: `it is ${state}` });
    },
  );

  it('a message that never was cannot be cancelled either', async () => {
    const bundle = await setup();
    expect(await cancel(bundle, 4_711)).toMatchObject({
      affected: 0,
      refused: 'there is no such message',
    });
  });
});

describe('a campaign', () => {
  it('a campaign is cancelled whole, however large, and nothing of it goes meanwhile', async () => {
    const bundle = await setup();
    await bundle.ask({ verb: 'pause', account: 'main' });
    const insert = (campaign: string, rows: number): void => {
      bundle.db.exec(
        `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${rows})
         INSERT INTO messages (recipient, text, campaign)
         SELECT printf('4477009%05d', i), 'x', '${campaign}' FROM n`,
      );
    };
    insert('spring', 2_500);
    insert('autumn', 5);
    const ask = `INSERT INTO control (verb, account, campaign) VALUES (?, ?, ?)`;
    bundle.db.transaction(() => {
      bundle.db.prepare(ask).run('resume', 'main', null);
      bundle.db.prepare(ask).run('cancel', null, 'spring');
    })();
    await bundle.until(() => bundle.count('await-receipt') === 5);
    await bundle.until(
      () => bundle.all('SELECT 1 FROM control WHERE done_at IS NULL').length === 0,
    );
    expect(bundle.count('cancelled')).toBe(2_500);
    expect(bundle.sandbox.ledger.counters.requests).toBe(5);
    const answered = bundle.all(`SELECT affected, refused FROM control WHERE campaign = 'spring'`);
    expect(answered).toEqual([{ affected: 2_500, refused: null }]);
  });

  it('a campaign that is unknown affects nothing, and is answered', async () => {
    const bundle = await setup();
    expect(await bundle.ask({ verb: 'cancel', campaign: 'winter' })).toMatchObject({
      affected: 0,
      refused: null,
    });
  });
});

it('a request that was asked while the daemon was down is done before anything is sent', async () => {
  const bundle = await setup({ isStopped: true });
  const id = bundle.drop();
  bundle.db.prepare(`INSERT INTO control (verb, message_id) VALUES ('cancel', ?)`).run(id);
  await bundle.start();
  await bundle.untilState(id, 'cancelled');
  expect(bundle.sandbox.ledger.counters.requests).toBe(0);
});
