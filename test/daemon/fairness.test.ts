/** Who goes first under a limit, as the gateway sees it: bulk waits, but not for ever, and campaigns share. */
import { describe, expect, it } from 'vitest';
import type { DropRow } from '../../src/spool/write/insert.ts';
import { statisticsOf } from '../../src/spool/read/statistics.ts';
import { setup, type Bundle } from '../support/daemon.ts';

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

const many = (count: number, row: DropRow): readonly DropRow[] =>
  Array.from({ length: count }, () => row);

describe('campaigns', () => {
  it('take turns, whoever was first and whatever lane they are in', async () => {
    const bundle = await setup({ account: { concurrency: 1 } });
    const order = await arrivals(bundle, [
      ...many(30, { reference: 'big', campaign: 'big' }),
      ...many(5, { reference: 'small', campaign: 'small' }),
      ...many(5, { reference: 'other', campaign: 'other', sender: 'Other' }),
    ]);
    expect(order.slice(0, 15).filter((one) => one === 'small')).toHaveLength(5);
    expect(order.slice(0, 15).filter((one) => one === 'other')).toHaveLength(5);
  });
});

describe('priority', () => {
  it('priority is strict but for a tenth, so that bulk does not starve', async () => {
    const bundle = await setup({ account: { concurrency: 1 } });
    const order = await arrivals(bundle, [
      ...many(40, { reference: 'low', priority: 0 }),
      ...many(90, { reference: 'high', priority: 9 }),
    ]);
    const low = order.slice(0, 100).flatMap((one, index) => (one === 'low' ? [index] : []));
    expect(low.length).toBeGreaterThanOrEqual(9);
    expect(low.length).toBeLessThanOrEqual(11);
    expect(Math.max(...low.map((at, index) => at - (low[index - 1] ?? -1)))).toBeLessThan(20);
  });

  it('priority is strict altogether where nothing is reserved', async () => {
    const bundle = await setup({ account: { concurrency: 1 }, fairness: { reserve: 0 } });
    const order = await arrivals(bundle, [
      ...many(10, { reference: 'low', priority: 0 }),
      ...many(50, { reference: 'high', priority: 9 }),
    ]);
    expect(order.slice(0, 50)).toEqual(many(50, {}).map(() => 'high'));
  });
});

it('a row that cannot make its deadline is counted, and expires at its deadline, not before', async () => {
  const senders = new Map([['Slow', { rate: 0.0005 }]]);
  const bundle = await setup({ account: { senders } });
  const expires_at = bundle.clock.now() + 3_000;
  const ids = [1, 2, 3, 4].map(() => bundle.drop({ sender: 'Slow', expires_at }));
  await bundle.until(() => bundle.count('await-receipt') === 1);
  /* Of the other three one might go now, as far as the spool knows, and one in 2,000 seconds. */
  expect(statisticsOf(bundle.db, bundle.clock.now()).late).toBe(1);
  bundle.advance(2_900);
  await bundle.untilState(bundle.drop(), 'await-receipt');
  expect(bundle.count('expired')).toBe(0);
  bundle.advance(101);
  /* The second may go before its deadline, at one in 2,000 seconds; the two behind it cannot. */
  for (const id of ids.slice(2)) await bundle.untilState(id, 'expired');
  const second = (): unknown => bundle.message(ids[1] ?? 0)['state'];
  await bundle.until(() => ['await-receipt', 'expired'].includes(String(second())));
  expect(
    bundle.all(`SELECT 1 FROM attempts JOIN messages ON id = message_id WHERE sender = 'Slow'`)
      .length,
  ).toBeLessThanOrEqual(2);
});
