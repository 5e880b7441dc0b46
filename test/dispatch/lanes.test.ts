/** However many senders and campaigns applications name, the lanes in memory are bounded and nobody starves. */
import { describe, expect, it, vi } from 'vitest';
import { Sources } from '../../src/spool/write/sources.ts';
import { accountOf, RECIPIENT, setup } from '../support/daemon.ts';

const ROWS = 600;

describe('many lanes', () => {
  it('rows of more senders than limits.lanes are all sent', async () => {
    const bundle = await setup({ isStopped: true, limits: { lanes: 100 } });
    const drop = bundle.db.prepare(
      'INSERT INTO messages (recipient, text, sender) VALUES (?, ?, ?)',
    );
    for (let index = 0; index < ROWS; index += 1) drop.run(RECIPIENT, 'x', `S${index}`);
    await bundle.start();
    await bundle.until(() => bundle.count('await-receipt') === ROWS, 'acceptance of every row');
  });

  it('rows inserted while limits.lanes is reached are sent as well', async () => {
    const bundle = await setup({ limits: { lanes: 100 } });
    const drop = bundle.db.prepare(
      'INSERT INTO messages (recipient, text, sender) VALUES (?, ?, ?)',
    );
    bundle.db.transaction(() => {
      for (let index = 0; index < ROWS; index += 1) drop.run(RECIPIENT, 'x', `S${index}`);
    })();
    await bundle.until(() => bundle.count('await-receipt') === ROWS, 'acceptance of every row');
  });

  it('exactly limits.lanes of them are read once, and not every two seconds', async () => {
    const scan = vi.spyOn(Sources.prototype, 'scan');
    const bundle = await setup({ isStopped: true, limits: { lanes: 100 } });
    const drop = bundle.db.prepare(
      'INSERT INTO messages (recipient, text, sender) VALUES (?, ?, ?)',
    );
    for (let index = 0; index < 100; index += 1) drop.run(RECIPIENT, 'x', `S${index}`);
    bundle.db.prepare(`INSERT INTO control (verb, account) VALUES ('pause', 'main')`).run();
    await bundle.start();
    await bundle.until(() => scan.mock.calls.length > 0, 'a scan');
    const before = scan.mock.calls.length;
    const turns = bundle.turns();
    bundle.advance(5);
    await bundle.until(() => bundle.turns() >= turns + 3, 'three steps');
    expect(scan.mock.calls.length).toBe(before);
    expect(bundle.count('queued')).toBe(100);
    scan.mockRestore();
  });

  it('a step does not claim for all of many accounts, and none of them is left out', async () => {
    const bundle = await setup({ isStopped: true });
    const names = Array.from({ length: 20 }, (_, index) => `account${index}`);
    const drop = bundle.db.prepare(
      'INSERT INTO messages (recipient, text, account) VALUES (?, ?, ?)',
    );
    for (let row = 0; row < 10; row += 1) for (const name of names) drop.run(RECIPIENT, 'x', name);
    const accounts = names.map((name) => accountOf(bundle.sandbox.url, { name, rate: 1_000 }));
    await bundle.start({ accounts });
    await bundle.until(() => bundle.count('await-receipt') === 200, 'acceptance of every row');
    const most = bundle.db
      .prepare('SELECT max(n) FROM (SELECT count(*) AS n FROM attempts GROUP BY began_at)')
      .pluck()
      .get();
    expect(most).toBeLessThan(80);
  });

  it('a thousand campaigns of a paused sender do not hold up another sender', async () => {
    const bundle = await setup({ limits: { lanes: 100 } });
    await bundle.ask({ verb: 'pause', account: 'main', sender: 'Paused' });
    const drop = bundle.db.prepare(
      'INSERT INTO messages (recipient, text, sender, campaign) VALUES (?, ?, ?, ?)',
    );
    bundle.db.transaction(() => {
      for (let index = 0; index < ROWS; index += 1)
        drop.run(RECIPIENT, 'x', 'Paused', `campaign${index}`);
    })();
    const id = bundle.drop({ sender: 'Free' });
    await bundle.untilState(id, 'await-receipt');
    expect(bundle.count('queued')).toBe(ROWS);
  });
});
