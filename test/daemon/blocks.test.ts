/** Waits that the gateway asked for are on disk for whoever asks, and hold over a restart. */
import { expect, it } from 'vitest';
import { accountOf, KEY, setup, type Bundle } from '../support/daemon.ts';

const dropMany = ({ db, drop }: Bundle, count: number, sender: string): void =>
  db.transaction(() => {
    for (let row = 0; row < count; row += 1) drop({ sender });
  })();

const blockedUntil = ({ all }: Bundle, sql: string): number =>
  Number(all(`SELECT blocked_until FROM ${sql}`)[0]?.['blocked_until'] ?? 0);

const LONGEST_S = 1_800;

it('the daemon says until when the account is blocked', async () => {
  const bundle = await setup({ sandbox: { accounts: { [KEY]: { rate: 10 } } } });
  const began = bundle.clock.now();
  dropMany(bundle, 40, 'Quick');
  await bundle.until(() => bundle.count('await-receipt') === 40);
  const until = blockedUntil(bundle, `accounts WHERE name = 'main'`);
  expect(until).toBeGreaterThan(began);
  expect(until).toBeLessThan(bundle.clock.now() + LONGEST_S);
  expect(bundle.all(`SELECT 1 FROM senders`)).toEqual([]);
});

it('the daemon says until when a sender is blocked, and no other', async () => {
  const bundle = await setup({ sandbox: { senders: { Slow: { rate: 1 } } } });
  const began = bundle.clock.now();
  dropMany(bundle, 3, 'Slow');
  dropMany(bundle, 3, 'Quick');
  await bundle.until(() => bundle.count('await-receipt') === 6);
  const until = blockedUntil(bundle, `senders WHERE sender = 'Slow'`);
  expect(until).toBeGreaterThan(began);
  expect(until).toBeLessThan(bundle.clock.now() + LONGEST_S);
  expect(bundle.all(`SELECT 1 FROM senders WHERE sender = 'Quick'`)).toEqual([]);
  expect(bundle.account()['blocked_until']).toBeNull();
});

it('the daemon keeps to them after a restart, and no longer than the longest wait whatever the clock did', async () => {
  const bundle = await setup({ isStopped: true });
  const { url } = bundle.sandbox;
  const accounts = [accountOf(url), accountOf(url, { name: 'second' })];
  const now = bundle.clock.now();
  bundle.db.exec(`
    INSERT INTO accounts (name, since, blocked_until) VALUES ('main', ${now}, ${now + 86_400}), ('second', ${now}, ${now - 1});
    INSERT INTO senders (account, sender, since, blocked_until) VALUES ('second', 'Slow', ${now}, ${now + 600});`);
  const held = [
    bundle.drop({ account: 'main' }),
    bundle.drop({ account: 'second', sender: 'Slow' }),
  ];
  await bundle.start({ accounts });
  await bundle.untilState(bundle.drop({ account: 'second' }), 'await-receipt');
  expect(held.map((id) => bundle.message(id)['state'])).toEqual(['queued', 'queued']);
  bundle.advance(601);
  await bundle.untilState(held[1] ?? 0, 'await-receipt');
  expect(bundle.message(held[0] ?? 0)['state']).toBe('queued');
  bundle.advance(1_200);
  await bundle.untilState(held[0] ?? 0, 'await-receipt');
});
