/** A dropped row becomes an accepted message, whoever drops it and whatever it says. */
import { describe, expect, it } from 'vitest';
import { RECIPIENT, setup } from '../support/daemon.ts';
import { SQL_CLIENTS } from '../support/sql-clients.ts';

const INSERT = `INSERT INTO messages (recipient, text) VALUES ('${RECIPIENT}', 'Your table is ready')`;

describe.each(SQL_CLIENTS)('a row dropped by $name while the daemon runs', (client) => {
  const title = client.missing === null ? '' : ` (skipped: ${client.missing})`;

  it.skipIf(client.missing !== null)(
    `a row dropped by $name while the daemon runs is sent${title}`,
    async () => {
      const { path, sandbox, untilState } = await setup();
      expect(client.run(path, [INSERT])).toEqual([null]);
      const row = await untilState(1, 'await-receipt');
      expect(row).toMatchObject({
        reason: 'accepted',
        status: 0,
        attempts: 1,
        parts: 1,
        price: 0.05,
      });
      expect(sandbox.ledger.entries()).toMatchObject([{ to: RECIPIENT, from: 'AcmeInc' }]);
    },
  );
});

describe('rows that wait when the daemon starts', () => {
  it('rows that wait when the daemon starts are sent, each once, whatever their number', async () => {
    const { db, sandbox, start, until, count, all } = await setup({ isStopped: true });
    const rows = 1_500;
    db.exec(
      `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${rows})
       INSERT INTO messages (recipient, text, campaign) SELECT printf('4477009%05d', i), 'x', i % 7 FROM n`,
    );
    await start({ account: { rate: 5_000, concurrency: 32 } });
    await until(() => count('await-receipt') === rows);
    const entries = sandbox.ledger.entries();
    expect(entries).toHaveLength(rows);
    expect(new Set(entries.map((entry) => entry.clientRef)).size).toBe(rows);
    expect(all('SELECT 1 FROM attempts WHERE ended_at IS NULL')).toEqual([]);
    expect(all('SELECT 1 FROM parts')).toHaveLength(rows);
  });

  it('more than are read one by one are found by a scan while it runs', async () => {
    const { db, until, count } = await setup({ account: { rate: 5_000, concurrency: 32 } });
    db.exec(
      `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1200)
       INSERT INTO messages (recipient, text) SELECT printf('4477009%05d', i), 'x' FROM n`,
    );
    await until(() => count('await-receipt') === 1_200);
  });
});

describe('what goes over the wire', () => {
  it('what goes over the wire is what the row says: sender, type, and the time that is left', async () => {
    const { drop, sandbox, clock, untilState } = await setup();
    const id = drop({ text: 'żółć', sender: '12015550123', expires_at: clock.now() + 600 });
    await untilState(id, 'await-receipt');
    const [entry] = sandbox.ledger.entries();
    expect(entry).toMatchObject({ from: '12015550123', type: 'unicode' });
    expect(entry?.ttlMs).toBeGreaterThan(590_000);
    expect(entry?.ttlMs).toBeLessThanOrEqual(600_000);
  });

  it('what goes over the wire keeps ttl within the bounds of the gateway', async () => {
    const { drop, sandbox, clock, until } = await setup();
    drop({ expires_at: clock.now() + 5 });
    drop({ expires_at: clock.now() + 90 * 86_400 });
    await until(() => sandbox.ledger.counters.accepted === 2);
    expect(
      sandbox.ledger
        .entries()
        .map((entry) => entry.ttlMs)
        .sort(),
    ).toEqual([20_000, 604_800_000]);
  });

  it('what goes over the wire has a client-ref that the attempt names', async () => {
    const { drop, sandbox, attempts, untilState } = await setup();
    const id = drop();
    await untilState(id, 'await-receipt');
    expect(attempts(id)).toMatchObject([{ client_ref: sandbox.ledger.entries()[0]?.clientRef }]);
    expect(attempts(id)[0]?.['trace_id']).toMatch(/^[0-9a-f]+$/);
  });

  it('what goes over the wire is signed where a signature is configured, and then has no secret', async () => {
    const secret = 'signature-secret';
    const { drop, untilState } = await setup({
      account: { apiSecret: null, signature: { method: 'sha256', secret } },
      sandbox: { accounts: { sandbox1: { rate: null, signatureSecret: secret } } },
    });
    await untilState(drop(), 'await-receipt');
  });
});

describe('an answer of several parts', () => {
  it('an answer of several parts makes one row a part, and the price is their sum', async () => {
    const { drop, all, untilState } = await setup();
    const id = drop({ text: 'a'.repeat(400) });
    const row = await untilState(id, 'await-receipt');
    expect(row).toMatchObject({ parts: 3, status: 0 });
    expect(row['price']).toBeCloseTo(0.15);
    expect(all('SELECT number, status FROM parts')).toHaveLength(3);
  });

  it.each([
    ['the first accepted, the others refused', '999200600001'],
    ['the first refused, the others accepted', '999300600001'],
    ['the first accepted, the others failed inside', '999200500001'],
  ])(
    'an answer of several parts of which a part was refused is never sent again: %s',
    async (_what, recipient) => {
      const { drop, all, sandbox, advance, until, untilState, attempts } = await setup();
      const id = drop({ recipient });
      expect(await untilState(id, 'await-receipt')).toMatchObject({ reason: 'accepted-in-part' });
      expect(all('SELECT 1 FROM parts WHERE status = 0')).toHaveLength(1);
      advance(75 * 3600);
      const other = drop();
      await untilState(other, 'await-receipt');
      expect(attempts(id)).toHaveLength(1);
      advance(3600);
      await until(() => sandbox.ledger.counters.accepted === 2);
      expect(await untilState(id, 'unconfirmed')).toMatchObject({ reason: 'no-final-receipt' });
    },
  );
});

it('the daemon ends accepted messages as unconfirmed at once where no receipt can come', async () => {
  const { drop, untilState } = await setup({ receipts: { expect: false } });
  expect(await untilState(drop(), 'unconfirmed')).toMatchObject({
    reason: 'receipts-not-expected',
  });
});

it('the daemon sends what was dropped in one transaction, and nothing of one that was rolled back', async () => {
  const { db, drop, untilState, count, sandbox } = await setup();
  db.exec('BEGIN');
  drop();
  db.exec('ROLLBACK');
  db.exec('BEGIN');
  const ids = [drop(), drop()];
  db.exec('COMMIT');
  for (const id of ids) await untilState(id, 'await-receipt');
  expect(count('await-receipt')).toBe(2);
  expect(sandbox.ledger.counters.requests).toBe(2);
});
