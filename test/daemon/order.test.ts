/** Who goes first, as the gateway sees it. */
import { describe, expect, it } from 'vitest';
import type { DropRow } from '../../src/spool/write/insert.ts';
import { accountOf, setup, type Bundle } from '../support/daemon.ts';

const LATER = 1_900_000_000;

/** Drops rows while nothing may go, and lets them go one at a time; gives their references as they arrived. */
async function arrivals(bundle: Bundle, rows: readonly DropRow[]): Promise<readonly string[]> {
  await bundle.ask({ verb: 'pause', account: 'main' });
  const references = new Map<string, string>();
  bundle.db.transaction(() => {
    for (const [index, row] of rows.entries()) {
      const recipient = `4477009${10_000 + index}`;
      references.set(recipient, String(row.reference));
      bundle.drop({ ...row, recipient });
    }
  })();
  await bundle.ask({ verb: 'resume', account: 'main' });
  await bundle.until(() => bundle.count('await-receipt') === rows.length);
  return bundle.sandbox.ledger.entries().map((entry) => references.get(entry.to) ?? '?');
}

describe('within a lane', () => {
  it('the larger priority goes first, then the earliest deadline, its own or its validity’s, then age; NULL and default are one', async () => {
    const bundle = await setup({ account: { concurrency: 1 } });
    const soon = bundle.clock.now() + 3_600;
    const rows: readonly DropRow[] = [
      { reference: 'in years', expires_at: LATER },
      { reference: 'old' },
      { reference: 'low', priority: 0 },
      { reference: 'late', expires_at: soon + 500 },
      { reference: 'urgent', priority: 9, sender: 'AcmeInc' },
      { reference: 'soon', expires_at: soon, sender: 'AcmeInc' },
      { reference: 'young', account: 'main' },
      { reference: 'low and dated', priority: 0, expires_at: soon },
    ];
    expect(await arrivals(bundle, rows)).toEqual([
      'urgent',
      'soon',
      'late',
      'old',
      'young',
      'in years',
      'low and dated',
      'low',
    ]);
  });

  it('a row that comes later and is more urgent overtakes those that wait', async () => {
    const bundle = await setup({ account: { concurrency: 1, rate: 20 } });
    bundle.db.transaction(() => Array.from({ length: 20 }, () => bundle.drop()))();
    await bundle.until(() => bundle.count('await-receipt') > 0);
    const urgent = bundle.drop({ recipient: '447700911111', priority: 9 });
    await bundle.untilState(urgent, 'await-receipt');
    expect(bundle.count('queued')).toBeGreaterThan(5);
    const order = bundle.sandbox.ledger.entries().map((entry) => entry.to);
    expect(order.indexOf('447700911111')).toBeLessThan(10);
  });
});

describe('a lane that waits', () => {
  it('a lane that waits holds up no other', async () => {
    const senders = new Map([['Slow', { rate: 0.1 }]]);
    const bundle = await setup({ account: { senders, concurrency: 1 } });
    bundle.db.transaction(() => {
      for (let times = 0; times < 50; times += 1) bundle.drop({ sender: 'Slow', priority: 9 });
    })();
    await bundle.until(() => bundle.count('await-receipt') === 1);
    const ids = [1, 2, 3].map(() => bundle.drop({ priority: 0 }));
    for (const id of ids) await bundle.untilState(id, 'await-receipt');
    expect(bundle.count('queued')).toBe(49);
  });

  it('a lane that waits of another account holds up none of this one', async () => {
    const bundle = await setup({ isStopped: true });
    const url = bundle.sandbox.url;
    const accounts = [accountOf(url), accountOf('http://127.0.0.1:9', { name: 'dead' })];
    await bundle.start({ accounts });
    const stuck = bundle.drop({ account: 'dead', priority: 9 });
    await bundle.untilState(bundle.drop(), 'await-receipt');
    await bundle.until(() => bundle.account('dead')['reason'] === 'gateway-down');
    expect(await bundle.untilState(stuck, 'queued')).toMatchObject({ attempts: 0 });
    expect(bundle.account()['state']).toBe('active');
  });
});

describe('send_at', () => {
  it('send_at keeps a row until then, and others go meanwhile', async () => {
    const bundle = await setup();
    const id = bundle.drop({ send_at: bundle.clock.now() + 3_600, priority: 9 });
    await bundle.untilState(bundle.drop(), 'await-receipt');
    expect(bundle.message(id)).toMatchObject({ state: 'queued', attempts: 0 });
    bundle.advance(3_601);
    const row = await bundle.untilState(id, 'await-receipt');
    expect(row['due_at']).not.toBeNull();
    const [line] = bundle.lines('message.await-receipt').filter((one) => one['id'] === id);
    expect(Number(line?.['queued_ms'])).toBeLessThan(60_000);
  });

  it('send_at of a few moments is kept to the moment', async () => {
    const bundle = await setup();
    const sendAt = bundle.clock.now() + 0.5;
    const id = bundle.drop({ send_at: sendAt });
    await bundle.untilState(id, 'await-receipt');
    expect(Number(bundle.attempts(id)[0]?.['began_at'])).toBeGreaterThanOrEqual(sendAt);
  });

  it('send_at in the past means now', async () => {
    const bundle = await setup();
    await bundle.untilState(bundle.drop({ send_at: bundle.clock.now() - 60 }), 'await-receipt');
  });

  it('send_at may be moved by the application as long as the row waits', async () => {
    const bundle = await setup();
    const id = bundle.drop({ send_at: bundle.clock.now() + 3_600 });
    bundle.db
      .prepare('UPDATE messages SET send_at = ? WHERE id = ?')
      .run(bundle.clock.now() - 1, id);
    await bundle.untilState(id, 'await-receipt');
  });
});
