/** Who is on the list is not sent to: before a permit is spent, and before an attempt exists. */
import { describe, expect, it } from 'vitest';
import { Suppressions } from '../../src/spool/write/suppressions.ts';
import { smuggle } from '../support/as-daemon.ts';
import { RECIPIENT, setup, type Bundle } from '../support/daemon.ts';

/** Adds to the list as an operator's own SQL does. */
const suppress = ({ db }: Bundle, recipient: string): void =>
  void db
    .prepare('INSERT INTO suppressions (recipient, since) VALUES (?, unixepoch())')
    .run(recipient);

const unsuppress = ({ db }: Bundle, recipient: string): void =>
  void new Suppressions(db).remove(recipient);

const reasonsOf = ({ all }: Bundle, id: number): readonly unknown[] =>
  all('SELECT reason FROM events WHERE message_id = ? ORDER BY seq', id).map(
    (row) => row['reason'],
  );

const requestsOf = ({ sandbox }: Bundle): number => sandbox.ledger.counters.requests;

describe('a message to a suppressed recipient', () => {
  it.each([
    ['447700900007', '447700900007'],
    ['447700900007', '+447700900007'],
    ['+447700900007', '447700900007'],
  ])(
    'a message to a suppressed recipient is never sent: %s on the list, %s in the message',
    async (listed, recipient) => {
      const bundle = await setup();
      suppress(bundle, listed);
      const id = bundle.drop({ recipient });
      expect(await bundle.untilState(id, 'permanent-failure')).toMatchObject({
        reason: 'suppressed',
        attempts: 0,
        last_attempt: 0,
      });
      await bundle.untilState(bundle.drop(), 'await-receipt');
      expect(bundle.attempts(id)).toEqual([]);
      expect(requestsOf(bundle)).toBe(1);
      expect(bundle.lines('message.permanent-failure')).toMatchObject([
        { id, recipient: '4477…007', reason: 'suppressed', level: 'warn' },
      ]);
      expect(bundle.fatal).toEqual([]);
    },
  );

  it('a message to a suppressed recipient is sent once the recipient is off the list; the one that failed stays, until it is requeued', async () => {
    const bundle = await setup();
    suppress(bundle, RECIPIENT);
    const failed = bundle.drop();
    await bundle.untilState(failed, 'permanent-failure');
    const requeue = { verb: 'requeue', message_id: failed };
    expect(await bundle.ask(requeue)).toMatchObject({ refused: 'its recipient is suppressed' });
    unsuppress(bundle, RECIPIENT);
    await bundle.untilState(bundle.drop(), 'await-receipt');
    expect(bundle.message(failed)['state']).toBe('permanent-failure');
    expect(await bundle.ask(requeue)).toMatchObject({ affected: 1 });
    await bundle.untilState(failed, 'await-receipt');
  });

  it('a message to a suppressed recipient that waits for another attempt fails when that comes, with the attempts it has had', async () => {
    const bundle = await setup();
    const waiting = bundle.drop({ recipient: '999100500001' });
    await bundle.untilState(waiting, 'retry');
    suppress(bundle, '999100500001');
    bundle.advance(60);
    expect(await bundle.untilState(waiting, 'permanent-failure')).toMatchObject({
      reason: 'suppressed',
      attempts: 1,
      status: 5,
    });
    expect(bundle.attempts(waiting)).toHaveLength(1);
  });

  it('a message to a suppressed recipient fails for what is wrong with it, or for its age, before anybody asks the list', async () => {
    const bundle = await setup({ isStopped: true });
    suppress(bundle, RECIPIENT);
    const late = bundle.drop({ expires_at: 1_700_000_000 });
    smuggle(bundle.db, { recipient: `x'00ff'` });
    await bundle.start();
    await bundle.until(() => bundle.count('permanent-failure') === 1);
    expect((await bundle.untilState(late, 'expired'))['reason']).toBe('validity-passed');
    expect(bundle.message(2)['reason']).toBe('invalid-recipient');
  });

  it('a message to a suppressed recipient costs no permit: hundreds of them do not hold up the one behind', async () => {
    const bundle = await setup({ isStopped: true, account: { rate: 1 } });
    suppress(bundle, '447700900007');
    const ids = Array.from({ length: 300 }, () =>
      bundle.drop({ recipient: '447700900007', priority: 9 }),
    );
    const good = bundle.drop({ priority: 0 });
    await bundle.start();
    await bundle.untilState(good, 'await-receipt');
    await bundle.until(() => bundle.count('permanent-failure') === ids.length);
    expect(requestsOf(bundle)).toBe(1);
  });
});

describe('a message with an attempt that nobody answered', () => {
  it.each([
    ['comes', { expect: true, timeoutMs: 3_600_000 }],
    ['is expected', { expect: false }],
  ])(
    'a message with an attempt that nobody answered is held, not sent again and not failed, where no receipt %s',
    async (_what, receipts) => {
      const bundle = await setup({ receipts });
      const id = bundle.drop({ recipient: '999600110001' });
      await bundle.untilState(id, 'uncertain');
      suppress(bundle, '999600110001');
      bundle.advance(400);
      await bundle.until(() => reasonsOf(bundle, id).includes('suppressed'), 'a refusal');
      bundle.advance(400);
      bundle.drop();
      await bundle.until(() => requestsOf(bundle) === 2, 'the next message');
      bundle.advance(3_600);
      await bundle.untilState(id, 'unconfirmed');
      const reasons = ['connection-reset', 'resend', 'suppressed', 'unanswered'];
      expect(reasonsOf(bundle, id)).toEqual(reasons);
      expect(bundle.attempts(id)).toHaveLength(1);
      expect(bundle.fatal).toEqual([]);
    },
  );

  it('a message with an attempt that nobody answered may be requeued when the recipient is off the list, as any that may double', async () => {
    const bundle = await setup({ receipts: { expect: false } });
    const id = bundle.drop({ recipient: '999600110001' });
    await bundle.untilState(id, 'uncertain');
    suppress(bundle, '999600110001');
    bundle.advance(400);
    await bundle.untilState(id, 'unconfirmed');
    unsuppress(bundle, '999600110001');
    expect(await bundle.ask({ verb: 'requeue', message_id: id })).toMatchObject({ affected: 1 });
    await bundle.until(() => bundle.attempts(id).length === 2);
    expect(bundle.attempts(id)[1]).toMatchObject({ follows: 1 });
  });
});

it('while a backlog drains, nothing is claimed for a recipient after the commit that suppresses it', async () => {
  const rows = 900;
  const target = '447700900007';
  const bundle = await setup({ sandbox: { latencyMs: 10 }, account: { concurrency: 8 } });
  bundle.db.exec(
    `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${rows})
     INSERT INTO messages (recipient, text)
     SELECT CASE WHEN i % 3 = 0 THEN '${target}' ELSE printf('4477109%05d', i) END, 'x' FROM n`,
  );
  const claimed = (): number =>
    bundle.all(
      'SELECT 1 FROM attempts JOIN messages ON id = message_id WHERE recipient = ?',
      target,
    ).length;
  await bundle.until(() => bundle.count('await-receipt') > rows / 10);
  const before = bundle.db
    .transaction(() => {
      suppress(bundle, target);
      return claimed();
    })
    .immediate();
  await bundle.until(
    () => bundle.count('await-receipt') + bundle.count('permanent-failure') === rows,
  );
  expect(claimed()).toBe(before);
  expect(bundle.count('permanent-failure')).toBe(rows / 3 - before);
  expect(bundle.count('permanent-failure')).toBeGreaterThan(0);
  expect(bundle.sandbox.ledger.counters.accepted).toBe((rows * 2) / 3 + before);
  expect(bundle.fatal).toEqual([]);
});
