/** A message expires when its validity has passed before it was sent, wherever it waits. */
import { describe, expect, it } from 'vitest';
import { setup, type Bundle, type Options } from '../support/daemon.ts';

const HOUR = 3_600;
const DAY = 24 * HOUR;

async function paused(options: Options = {}): Promise<Bundle> {
  const bundle = await setup(options);
  await bundle.ask({ verb: 'pause', account: 'main' });
  return bundle;
}

describe('a message that waits', () => {
  it('a message that waits expires at the deadline it names', async () => {
    const bundle = await paused();
    const id = bundle.drop({ expires_at: bundle.clock.now() + HOUR });
    const later = bundle.drop({ expires_at: bundle.clock.now() + 2 * HOUR });
    bundle.advance(HOUR + 6);
    expect(await bundle.untilState(id, 'expired')).toMatchObject({ reason: 'validity-passed' });
    expect(bundle.message(later)['state']).toBe('queued');
    expect(bundle.lines('message.expired')).toMatchObject([{ id, account: 'main', level: 'warn' }]);
  });

  it('a message that waits expires after the configured validity', async () => {
    const bundle = await paused({ messages: { validityMs: HOUR * 1000 } });
    const ids = [bundle.drop(), bundle.drop({ priority: 0 }), bundle.drop({ campaign: 'c' })];
    bundle.advance(HOUR - 60);
    const young = bundle.drop();
    bundle.advance(120);
    for (const id of ids) await bundle.untilState(id, 'expired');
    expect(bundle.message(young)['state']).toBe('queued');
  });

  it('a message that waits in great number expires whole, while nothing is sent', async () => {
    const bundle = await paused();
    bundle.db.exec(
      `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1500)
       INSERT INTO messages (recipient, text, priority) SELECT printf('4477009%05d', i), 'x', i % 3 FROM n`,
    );
    bundle.advance(DAY + 6);
    await bundle.until(() => bundle.count('expired') === 1_500);
    expect(bundle.sandbox.ledger.counters.requests).toBe(0);
  });

  it('a message that waits in a lane that is blocked expires like any other', async () => {
    const bundle = await setup();
    await bundle.ask({ verb: 'pause', account: 'main', sender: 'Blocked' });
    const id = bundle.drop({ sender: 'Blocked' });
    bundle.advance(DAY + 6);
    await bundle.untilState(id, 'expired');
  });

  it('a message that waits that was late when the daemon came up is not sent', async () => {
    const bundle = await setup({ isStopped: true });
    const late = bundle.drop({ expires_at: bundle.clock.now() - 1 });
    const old = bundle.drop();
    bundle.db
      .prepare('UPDATE messages SET revision = revision + 1, created_at = ? WHERE id = ?')
      .run(bundle.clock.now() - DAY, old);
    const fresh = bundle.drop();
    await bundle.start();
    await bundle.untilState(fresh, 'await-receipt');
    await bundle.untilState(late, 'expired');
    await bundle.untilState(old, 'expired');
    expect(bundle.sandbox.ledger.counters.requests).toBe(1);
  });

  it('a message that waits for a retry expires no later than its deadline', async () => {
    const bundle = await setup({ retry: { firstDelayMs: 60_000 } });
    const id = bundle.drop({ recipient: '999100500001', expires_at: bundle.clock.now() + 30 });
    await bundle.untilState(id, 'retry');
    bundle.advance(31);
    await bundle.untilState(id, 'expired');
    expect(bundle.attempts(id)).toHaveLength(1);
  });
});

describe('a scheduled message', () => {
  it('a scheduled message is valid from when it may go, not from when it was dropped', async () => {
    const bundle = await setup({ messages: { validityMs: HOUR * 1000 } });
    const id = bundle.drop({ send_at: bundle.clock.now() + 7 * DAY });
    bundle.advance(7 * DAY + 1);
    expect(await bundle.untilState(id, 'await-receipt')).toMatchObject({ attempts: 1 });
    const [entry] = bundle.sandbox.ledger.entries();
    expect(entry?.ttlMs).toBeGreaterThan(3_500_000);
  });

  it('a scheduled message whose deadline comes first expires at its deadline', async () => {
    const bundle = await setup();
    const now = bundle.clock.now();
    const id = bundle.drop({ send_at: now + 2 * HOUR, expires_at: now + HOUR });
    bundle.advance(HOUR + 6);
    await bundle.untilState(id, 'expired');
    expect(bundle.message(id)['due_at']).toBeNull();
  });
});

describe('a message of an account that is not configured', () => {
  it('a message of an account that is not configured waits, with one warning that names the account, and expires', async () => {
    const bundle = await setup();
    const ids = [1, 2, 3].map(() => bundle.drop({ account: 'marketing' }));
    await bundle.untilState(bundle.drop(), 'await-receipt');
    const warnings = (): number =>
      bundle.lines().filter((line) => line['reason'] === 'unknown-account').length;
    await bundle.until(() => warnings() === 1);
    bundle.drop({ account: 'marketing' });
    await bundle.untilState(bundle.drop(), 'await-receipt');
    expect(warnings()).toBe(1);
    expect(bundle.count('queued')).toBe(4);
    bundle.advance(DAY + 6);
    for (const id of ids) await bundle.untilState(id, 'expired');
  });

  it('a message of an account that is not configured goes when the account has been added', async () => {
    const bundle = await setup();
    const id = bundle.drop({ account: 'marketing' });
    await bundle.until(() => bundle.lines().some((line) => line['account'] === 'marketing'));
    await bundle.stop();
    await bundle.start({ account: { name: 'marketing' } });
    await bundle.untilState(id, 'await-receipt');
  });
});

describe('a row whose date cannot be right', () => {
  it.each([
    ['before 2025', 0],
    ['in 2001, in the past of every deadline', 1_000_000_000],
    ['a day ahead', Date.now() / 1000 + DAY],
  ])(
    'a row whose date cannot be right is dated from when it was first seen: %s',
    async (_what, createdAt) => {
      const bundle = await setup();
      const dated = 'UPDATE messages SET created_at = ?, revision = revision + 1 WHERE id = ?';
      const id = bundle.db.transaction(() => {
        const made = bundle.drop();
        bundle.db.prepare(dated).run(createdAt, made);
        return made;
      })();
      await bundle.untilState(id, 'await-receipt');
      expect(Math.abs(Number(bundle.message(id)['created_at']) - bundle.clock.now())).toBeLessThan(
        60,
      );
    },
  );

  it('a row whose date cannot be right and that waited with many when the daemon came up is dated as well', async () => {
    const bundle = await setup({ isStopped: true });
    bundle.db.exec(
      `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300)
       INSERT INTO messages (recipient, text) SELECT printf('4477009%05d', i), 'x' FROM n;
       UPDATE messages SET created_at = 0.0, revision = revision + 1`,
    );
    await bundle.start();
    await bundle.until(() => bundle.count('await-receipt') === 300);
    expect(bundle.all('SELECT 1 FROM messages WHERE created_at < 1e9')).toEqual([]);
  });
});
