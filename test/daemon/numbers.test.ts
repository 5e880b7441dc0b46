/**
 * One form of a number, through the whole daemon: whatever compares two numbers is not misled by a spelling.
 */
import { describe, expect, it } from 'vitest';
import { smuggle } from '../support/as-daemon.ts';
import { setup, type Bundle } from '../support/daemon.ts';

const SPELLINGS = ['447700900007', '+447700900007', '00447700900007'] as const;
/* A suppression is written by people. */
const WRITTEN = [...SPELLINGS, '+44 7700 900007', '+44 (0)7700-900.007'] as const;

function suppress({ db }: Bundle, recipient: string | number | Buffer): void {
  db.prepare('INSERT INTO suppressions (recipient) VALUES (?)').run(recipient);
}

describe('a suppressed number', () => {
  it.each(WRITTEN)('written as %s is not sent to in any spelling', async (written) => {
    const bundle = await setup();
    suppress(bundle, written);
    for (const recipient of SPELLINGS) {
      const id = bundle.drop({ recipient });
      expect(await bundle.untilState(id, 'permanent-failure')).toMatchObject({
        reason: 'suppressed',
        recipient,
      });
    }
    expect(bundle.sandbox.ledger.counters.requests).toBe(0);
  });

  it('given as a number or as bytes counts as well', async () => {
    const bundle = await setup();
    suppress(bundle, 447700900007);
    suppress(bundle, Buffer.from('447700900008'));
    for (const recipient of ['+447700900007', '00447700900008']) {
      await bundle.untilState(bundle.drop({ recipient }), 'permanent-failure');
    }
  });

  it('a suppressed number that an UPDATE writes is in one form, too', async () => {
    const bundle = await setup();
    suppress(bundle, '447700900001');
    bundle.db.exec(`UPDATE suppressions SET recipient = '+44 7700 900007'`);
    expect(bundle.all('SELECT recipient FROM suppressions')).toEqual([
      { recipient: '447700900007' },
    ]);
  });
});

it.each(SPELLINGS)('collapse knows the number again as %s', async (recipient) => {
  const bundle = await setup({ safety: { collapseMs: 600_000 } });
  await bundle.untilState(bundle.drop({ recipient: SPELLINGS[0] }), 'await-receipt');
  const id = bundle.drop({ recipient });
  expect(await bundle.untilState(id, 'permanent-failure')).toMatchObject({
    reason: 'duplicate-text',
  });
});

it.each(SPELLINGS)('a limit per recipient counts %s with the others', async (recipient) => {
  const bundle = await setup({
    safety: { perRecipient: { messages: 1, windowMs: 3_600_000 } },
  });
  await bundle.untilState(bundle.drop({ recipient: SPELLINGS[0] }), 'await-receipt');
  const id = bundle.drop({ recipient, text: 'Another' });
  await bundle.until(() => bundle.message(id)['reason'] === 'recipient-limit');
});

it.each(SPELLINGS)('%s leaves as digits, and its row keeps its spelling', async (recipient) => {
  const bundle = await setup();
  const id = bundle.drop({ recipient });
  expect(await bundle.untilState(id, 'await-receipt')).toMatchObject({ recipient });
  const [sent] = bundle.sandbox.ledger.entries();
  expect(sent?.to).toBe('447700900007');
});

it('a queued row of an older version with one leading 0 fails as invalid-recipient in its turn', async () => {
  const bundle = await setup({ isStopped: true });
  const old = smuggle(bundle.db, { recipient: `'07700900123'` });
  const delivered = smuggle(bundle.db, { recipient: `'07700900124'`, state: `'delivered'` });
  const good = bundle.drop();
  await bundle.start();
  expect(await bundle.untilState(old, 'permanent-failure')).toMatchObject({
    reason: 'invalid-recipient',
    attempts: 0,
  });
  await bundle.untilState(good, 'await-receipt');
  expect(bundle.message(delivered)).toMatchObject({ state: 'delivered', recipient: '07700900124' });
});
