/** Operators stop and start accounts and senders. */
import { describe, expect, it } from 'vitest';
import { setup } from '../support/daemon.ts';

describe('a paused account', () => {
  it('a paused account sends nothing until it is resumed, and loses nothing', async () => {
    const bundle = await setup();
    expect(await bundle.ask({ verb: 'pause', account: 'main' })).toMatchObject({ affected: 1 });
    expect(bundle.account()).toMatchObject({ state: 'paused', reason: 'operator' });
    const ids = [bundle.drop(), bundle.drop({ sender: 'Other' })];
    await bundle.ask({ verb: 'pause', account: 'main' });
    expect(bundle.sandbox.ledger.counters.requests).toBe(0);
    expect(await bundle.ask({ verb: 'resume', account: 'main' })).toMatchObject({ affected: 1 });
    for (const id of ids) await bundle.untilState(id, 'await-receipt');
    expect(bundle.account()).toMatchObject({ state: 'active', reason: null });
    expect(bundle.lines('account.paused')).toMatchObject([{ account: 'main', reason: 'operator' }]);
    expect(bundle.lines('account.resumed')).toHaveLength(1);
  });

  it('a paused account is still paused after a restart', async () => {
    const bundle = await setup();
    await bundle.ask({ verb: 'pause', account: 'main' });
    await bundle.stop();
    const id = bundle.drop();
    await bundle.start();
    expect(await bundle.ask({ verb: 'pause', account: 'main' })).toMatchObject({
      affected: 0,
      refused: 'it is paused already',
    });
    expect(bundle.message(id)['state']).toBe('queued');
    await bundle.ask({ verb: 'resume', account: 'main' });
    await bundle.untilState(id, 'await-receipt');
  });

  it('a paused account gives back at full speed what was claimed and had not left, and every row goes in the end', async () => {
    const rows = 1_500;
    const bundle = await setup({ account: { rate: 20_000, concurrency: 32 } });
    const insert = `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${rows})
      INSERT INTO messages (recipient, text) SELECT printf('4477009%05d', i), 'x' FROM n`;
    bundle.db.exec(insert);
    for (const share of [0.1, 0.3, 0.5]) {
      await bundle.until(() => bundle.count('await-receipt') > rows * share);
      await bundle.ask({ verb: 'pause', account: 'main' });
      await bundle.until(() => bundle.count('sending') === 0, 'an end of what was out');
      const { requests } = bundle.sandbox.ledger.counters;
      await bundle.ask({ verb: 'pause', account: 'main' });
      expect(bundle.sandbox.ledger.counters.requests).toBe(requests);
      await bundle.ask({ verb: 'resume', account: 'main' });
    }
    await bundle.until(() => bundle.count('await-receipt') === rows);
    expect(bundle.sandbox.ledger.counters.accepted).toBe(rows);
    expect(bundle.all('SELECT DISTINCT attempts FROM messages')).toEqual([{ attempts: 1 }]);
  });

  it('finishes what is out', async () => {
    const bundle = await setup({ sandbox: { latencyMs: 200 } });
    const id = bundle.drop();
    await bundle.until(() => bundle.sandbox.ledger.counters.open === 1);
    await bundle.ask({ verb: 'pause', account: 'main' });
    await bundle.untilState(id, 'await-receipt');
    expect(bundle.account()['state']).toBe('paused');
  });
});

describe('a paused sender', () => {
  it('a paused sender waits alone, by its own name or as the default, over a restart', async () => {
    const bundle = await setup();
    const pause = { verb: 'pause', account: 'main', sender: 'AcmeInc' };
    expect(await bundle.ask(pause)).toMatchObject({ affected: 1 });
    const waiting = [bundle.drop(), bundle.drop({ sender: 'AcmeInc' })];
    await bundle.untilState(bundle.drop({ sender: 'Other' }), 'await-receipt');
    await bundle.stop();
    await bundle.start();
    await bundle.untilState(bundle.drop({ sender: 'Other' }), 'await-receipt');
    expect(bundle.count('queued')).toBe(2);
    await bundle.ask({ ...pause, verb: 'resume' });
    for (const id of waiting) await bundle.untilState(id, 'await-receipt');
    expect(bundle.all('SELECT state FROM senders')).toEqual([{ state: 'active' }]);
    expect(bundle.lines('sender.paused')).toMatchObject([{ sender: 'AcmeInc' }]);
  });
});

describe('a request that makes no sense', () => {
  it.each([
    [{ verb: 'pause', account: 'nobody' }, 'no account "nobody" is configured'],
    [{ verb: 'resume', account: 'main' }, 'it is active already'],
    [{ verb: 'restored-hold' }, 'this spool was not restored from a backup'],
  ])('a request that makes no sense is answered: %j', async (request, refused) => {
    const bundle = await setup();
    expect(await bundle.ask(request)).toMatchObject({ affected: 0, refused });
  });
});
