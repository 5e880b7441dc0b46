/**
 * Rows that no rule of the schema would take, of an older version or of a client that passes by the rules: each ends with a reason, none is skipped, none stops
 * the daemon, and the rows around it are sent.
 */
import { describe, expect, it } from 'vitest';
import { smuggle as smuggleInto } from '../support/as-daemon.ts';
import { setup, type Bundle } from '../support/daemon.ts';

type Smuggled = Readonly<Record<string, string>>;

const smuggle = ({ db }: Bundle, columns: Smuggled): number => smuggleInto(db, columns);

const CASES: readonly (readonly [string, Smuggled])[] = [
  ['invalid-recipient', { recipient: `'++447700900000'` }],
  ['invalid-recipient', { recipient: `''` }],
  ['invalid-recipient', { recipient: `'44 7700'` }],
  ['invalid-recipient', { recipient: `x'343437373030393030303030'` }],
  ['invalid-sender', { sender: `'Acme, Inc.'` }],
  ['invalid-sender', { sender: `x'41636d65'` }],
  ['empty-text', { text: 'NULL' }],
  ['empty-text', { text: `''` }],
  ['empty-text', { text: `x'00ff'` }],
  ['invalid-recipient', { recipient: `'07700900000'` }],
  ['invalid-recipient', { recipient: `'000447700900000'` }],
  ['invalid-recipient', { recipient: `'447700900000.0'` }],
  ['empty-text', { text: `' ' || char(8203, 65279)` }],
  ['unreadable-text', { text: `CAST(x'436166e9' AS TEXT)` }],
  ['unreadable-text', { text: `CAST(x'eda080' AS TEXT)` }],
  ['unreadable-text', { text: `'Code' || char(0) || '1234'` }],
  ['unreadable-text', { text: `char(0)` }],
  ['unreadable-name', { account: `CAST(x'ff41' AS TEXT)` }],
  ['unreadable-name', { sender: `CAST(x'eda080' AS TEXT)` }],
  ['unreadable-name', { campaign: `CAST(x'ff41' AS TEXT)` }],
  ['unreadable-name', { campaign: `hex(zeroblob(500))` }],
  ['message-too-long', { text: `hex(zeroblob(1601))` }],
  ['invalid-type', { type: `'wappush'` }],
  ['invalid-body', { type: `'binary'`, body: `'zz'` }],
  ['invalid-body', { type: `'binary'` }],
  ['invalid-udh', { type: `'binary'`, body: `'00'`, udh: `'0'` }],
  ['message-too-long', { type: `'binary'`, body: `hex(zeroblob(141))` }],
  ['invalid-message-class', { message_class: '7' }],
  ['invalid-message-class', { message_class: `'flash'` }],
  ['invalid-priority', { priority: '99' }],
  ['invalid-priority', { priority: '-1' }],
  ['invalid-priority', { priority: '4.5' }],
  ['invalid-priority', { priority: `'high'` }],
  ['invalid-send-at', { send_at: '1790000000000' }],
  ['invalid-send-at', { send_at: `'2026-11-23T10:00:00Z'` }],
  ['invalid-send-at', { send_at: '-5' }],
  ['invalid-expires-at', { expires_at: '1790000000000' }],
  ['invalid-expires-at', { expires_at: `'tomorrow'` }],
];

describe('a row that no rule would take', () => {
  it.each(CASES)(
    'a row that no rule would take becomes permanent-failure: %s %j',
    async (reason, columns) => {
      const bundle = await setup();
      const id = smuggle(bundle, columns);
      const good = bundle.drop();
      expect(await bundle.untilState(id, 'permanent-failure')).toMatchObject({
        reason,
        attempts: 0,
      });
      await bundle.untilState(good, 'await-receipt');
      expect(bundle.attempts(id)).toEqual([]);
      expect(bundle.lines('message.permanent-failure')).toMatchObject([
        { id, reason, level: 'warn' },
      ]);
      expect(bundle.fatal).toEqual([]);
    },
  );

  it('a row that no rule would take whose recipient is a blob may expire, be cancelled and be requeued like any other', async () => {
    const bundle = await setup();
    await bundle.ask({ verb: 'pause', account: 'main' });
    const blob = { recipient: `x'343437373030393030303030'` };
    const id = smuggle(bundle, blob);
    await bundle.ask({ verb: 'cancel', message_id: smuggle(bundle, blob) });
    bundle.advance(86_500);
    await bundle.untilState(id, 'expired');
    expect(await bundle.ask({ verb: 'requeue', message_id: id })).toMatchObject({ affected: 1 });
    expect(bundle.raw()).not.toMatch(/447700900000|52,52,55/);
    expect(bundle.fatal).toEqual([]);
  });

  it('a row that no rule would take of every kind at once stops nothing', async () => {
    const bundle = await setup({ isStopped: true });
    for (const [, columns] of CASES) smuggle(bundle, columns);
    const good = [bundle.drop(), bundle.drop({ priority: 9 }), bundle.drop({ priority: 0 })];
    await bundle.start();
    for (const id of good) await bundle.untilState(id, 'await-receipt');
    await bundle.until(() => bundle.count('permanent-failure') === CASES.length);
    expect(bundle.fatal).toEqual([]);
    expect(bundle.sandbox.ledger.counters.requests).toBe(good.length);
  });

  it.each<[string, Smuggled]>([
    ['of an account that is a blob waits for its account', { account: `x'00'` }],
    ['of an account without a name waits for its account', { account: `''` }],
  ])('%s', async (_what, columns) => {
    const bundle = await setup();
    const id = smuggle(bundle, columns);
    await bundle.untilState(bundle.drop(), 'await-receipt');
    expect(bundle.message(id)['state']).toBe('queued');
    bundle.advance(86_500);
    await bundle.untilState(id, 'expired');
    expect(bundle.fatal).toEqual([]);
  });

  it.each<[string, Smuggled]>([
    ['a date that is a text', { created_at: `'yesterday'` }],
    ['a date that is a blob', { created_at: `x'00'` }],
    ['a campaign that is a blob', { campaign: `x'00'` }],
    ['a reference that is a blob', { reference: `x'00ff'` }],
    ['the highest revision', { revision: '9223372036854775807' }],
    ['an infinite revision', { revision: '9e999' }],
    ['a revision that is a text', { revision: `'x'` }],
    ['an unknown wish for uncertainty', { on_uncertain: `'maybe'` }],
    ['a passed-on value that is a blob', { entity_id: `x'41'` }],
  ])('a row that no rule would take that has only %s is sent', async (_what, columns) => {
    const bundle = await setup();
    await bundle.untilState(smuggle(bundle, columns), 'await-receipt');
    expect(bundle.fatal).toEqual([]);
  });
});

it('a row without a sender, where the account has none either, fails with a reason', async () => {
  const bundle = await setup({ account: { sender: null } });
  const id = bundle.drop();
  expect(await bundle.untilState(id, 'permanent-failure')).toMatchObject({ reason: 'no-sender' });
  await bundle.untilState(bundle.drop({ sender: 'AcmeInc' }), 'await-receipt');
});

it('an attempt that another program wrote does not stop the daemon: its message is sent', async () => {
  const bundle = await setup({ isStopped: true });
  const id = bundle.drop();
  bundle.db.exec(
    `INSERT INTO attempts (message_id, number, began_at, client_ref) VALUES (${id}, 1, 1.79e9, 'q');
     INSERT INTO parts (message_id, attempt, number, status) VALUES (${id}, 1, 1, 0)`,
  );
  await bundle.start();
  await bundle.untilState(id, 'await-receipt');
  await bundle.untilState(bundle.drop(), 'await-receipt');
  expect(bundle.fatal).toEqual([]);
});

it('a thousand rows that cannot be sent do not hold up the one behind them', async () => {
  const bundle = await setup({ isStopped: true });
  bundle.db.exec(
    `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000)
     INSERT INTO messages (recipient, text, priority, expires_at)
     SELECT printf('4477009%05d', i), 'x', 9, 1700000000 FROM n`,
  );
  const good = bundle.drop({ priority: 0 });
  await bundle.start();
  await bundle.untilState(good, 'await-receipt');
  await bundle.until(() => bundle.count('expired') === 1_000);
});

describe('a value beyond its bound', () => {
  it.each([
    'reference',
    'entity_id',
    'content_id',
    'account_ref',
    'text',
    'recipient',
    'body',
    'udh',
    'type',
  ])(
    'a value beyond its bound of 1 MB in %s fails as too-long, and the message behind it is sent',
    async (column) => {
      const bundle = await setup();
      const id = smuggle(bundle, { [column]: `hex(zeroblob(500000))` });
      const good = bundle.drop();
      expect(await bundle.untilState(id, 'permanent-failure')).toMatchObject({
        reason: 'too-long',
      });
      await bundle.untilState(good, 'await-receipt');
      expect(bundle.attempts(id)).toEqual([]);
      expect(bundle.fatal).toEqual([]);
    },
  );

  it('a value beyond its bound of 1 MB in many rows stops nothing', async () => {
    const bundle = await setup({ isStopped: true });
    for (let count = 0; count < 40; count += 1) {
      smuggle(bundle, { account_ref: `hex(zeroblob(500000))` });
    }
    const good = bundle.drop();
    await bundle.start();
    await bundle.untilState(good, 'await-receipt');
    await bundle.until(() => bundle.count('permanent-failure') === 40);
    expect(bundle.fatal).toEqual([]);
  });
});
