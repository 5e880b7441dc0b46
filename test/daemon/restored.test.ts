/** A restored spool: what receipts of before and of the time between say, and what is kept as it is. */
import { copyFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { backUp } from '../../src/spool/write/backup-copy.ts';
import { refUnder } from '../../src/spool/write/claims.ts';
import { KEY, RECIPIENT, setup, type Bundle, type Options } from '../support/daemon.ts';
import type { Row } from '../support/spool.ts';

const OTHER = '447700900999';

async function push(bundle: Bundle, fields: Readonly<Record<string, string>>): Promise<number> {
  const response = await fetch(bundle.receiptsUrl(), {
    method: 'POST',
    body: new URLSearchParams({
      'api-key': KEY,
      msisdn: RECIPIENT,
      status: 'delivered',
      ...fields,
    }),
  });
  await response.arrayBuffer();
  return response.status;
}

const keyOf = ({ all }: Bundle): string =>
  String(all(`SELECT value FROM spool WHERE name = 'tag-key'`)[0]?.['value']);

/** Two bundles: the spool that was backed up, and one that begins with the backup. */
async function restored(
  before: (bundle: Bundle) => Promise<void> | void,
  options: Options = {},
): Promise<{ bundle: Bundle; oldKey: string }> {
  const first = await setup({ isStopped: true });
  await before(first);
  const file = join(dirname(first.path), 'backup.db');
  backUp(first.db, file);
  const second = await setup({ ...options, isStopped: true });
  second.db.close();
  for (const suffix of ['', '-wal', '-shm']) rmSync(second.path + suffix, { force: true });
  const path = join(dirname(second.path), 'restored.db');
  copyFileSync(file, path);
  const bundle = await setup({ ...options, spoolPath: path });
  return { bundle, oldKey: keyOf(first) };
}

const waits = async ({ all, ask }: Bundle, id: number): Promise<Row> => {
  await ask({ verb: 'pause', account: 'nobody' });
  return all('SELECT state, last_attempt FROM messages WHERE id = ?', id)[0] ?? {};
};

describe('a restored spool', () => {
  it('a restored spool says once in the log that nothing is sent, and what to do, and draws a new tag key', async () => {
    const { bundle, oldKey } = await restored((first) => void first.drop());
    expect(bundle.lines('daemon.restored')).toMatchObject([{ level: 'warn' }]);
    expect(bundle.lines('daemon.restored')[0]?.['remedy']).toContain('--restored=hold');
    expect(keyOf(bundle)).not.toBe(oldKey);
    expect(await waits(bundle, 1)).toMatchObject({ state: 'queued', last_attempt: 0 });
  });

  it('a restored spool still waits after a restart, under the same new key', async () => {
    const { bundle } = await restored((first) => void first.drop());
    const key = keyOf(bundle);
    await bundle.stop();
    await bundle.start();
    expect(keyOf(bundle)).toBe(key);
    expect(await waits(bundle, 1)).toMatchObject({ state: 'queued' });
    expect(bundle.lines('daemon.restored')).toHaveLength(2);
  });

  it('a restored spool lets nothing expire meanwhile: it may have gone', async () => {
    const { bundle } = await restored((first) => void first.drop());
    bundle.advance(3 * 86_400);
    expect(await waits(bundle, 1)).toMatchObject({ state: 'queued' });
    await bundle.ask({ verb: 'restored-resend' });
    expect(await bundle.untilState(1, 'uncertain')).toMatchObject({ reason: 'validity-passed' });
    expect(bundle.sandbox.ledger.counters.requests).toBe(0);
  });

  it('a restored spool keeps what is scheduled for later: it cannot have gone', async () => {
    const { bundle } = await restored((first) => {
      first.drop({ send_at: Date.now() / 1000 + 3_600 });
      first.drop();
    });
    expect(await bundle.ask({ verb: 'restored-hold' })).toMatchObject({ affected: 1 });
    expect(bundle.message(1)).toMatchObject({ state: 'queued', last_attempt: 0 });
    expect(bundle.message(2)).toMatchObject({ state: 'uncertain', reason: 'restored' });
  });

  it('a restored spool takes a decision also where another program wrote the attempt that may have gone', async () => {
    const { bundle } = await restored((first) => void first.drop());
    bundle.db.exec(
      `INSERT INTO attempts (message_id, number, began_at, client_ref) VALUES (1, 1, 1.79e9, 'planted')`,
    );
    expect(await bundle.ask({ verb: 'restored-hold' })).toMatchObject({ affected: 1 });
    expect(bundle.message(1)).toMatchObject({ state: 'uncertain', reason: 'restored' });
  });

  it('a restored spool answers what was asked before the backup, and does not do it', async () => {
    const { bundle } = await restored(({ db }) => {
      db.exec(`INSERT INTO control (verb, account) VALUES ('pause', 'main')`);
    });
    expect(bundle.all('SELECT refused FROM control')).toEqual([
      { refused: 'it was open when the backup was made' },
    ]);
    expect(bundle.account()).toMatchObject({ state: 'active' });
  });

  it('a restored spool that was restored by hand twice is asked for a word twice', async () => {
    const { bundle } = await restored((first) => void first.drop());
    await bundle.ask({ verb: 'restored-hold' });
    expect(await bundle.ask({ verb: 'restored-hold' })).toMatchObject({
      refused: 'this spool was not restored from a backup',
    });
  });
});

describe('a receipt of the time between', () => {
  it('a receipt of the time between under the old key settles a message that waited, before any word', async () => {
    const { bundle, oldKey } = await restored((first) => void first.drop());
    await push(bundle, { 'client-ref': refUnder(oldKey, 1, 1), messageId: 'lost-1' });
    expect(bundle.message(1)).toMatchObject({ state: 'delivered' });
    expect(bundle.attempts(1)).toMatchObject([{ number: 1, route: 'uncertain' }]);
    expect(await bundle.ask({ verb: 'restored-resend' })).toMatchObject({ affected: 0 });
    expect(bundle.sandbox.ledger.counters.requests).toBe(0);
  });

  it('settles one that is held, whatever its attempt was', async () => {
    const { bundle, oldKey } = await restored((first) => void first.drop());
    await bundle.ask({ verb: 'restored-hold' });
    expect(bundle.message(1)).toMatchObject({ state: 'uncertain' });
    await push(bundle, { 'client-ref': refUnder(oldKey, 1, 3), messageId: 'lost-1' });
    expect(bundle.message(1)).toMatchObject({ state: 'delivered' });
  });

  it('a receipt of the time between for one that was sent again tells of a duplicate', async () => {
    const { bundle, oldKey } = await restored((first) => void first.drop());
    await bundle.ask({ verb: 'restored-resend' });
    await bundle.untilState(1, 'await-receipt');
    expect(bundle.attempts(1)).toMatchObject([{ number: 1 }, { number: 2, follows: 1 }]);
    await push(bundle, { 'client-ref': refUnder(oldKey, 1, 1), messageId: 'lost-1' });
    expect(bundle.lines('message.duplicate')).toHaveLength(1);
  });

  it('a receipt of the time between counts only if its recipient fits', async () => {
    const { bundle, oldKey } = await restored((first) => void first.drop());
    const ref = { 'client-ref': refUnder(oldKey, 1, 1), messageId: 'lost-1' };
    await push(bundle, { ...ref, msisdn: OTHER });
    expect(bundle.message(1)).toMatchObject({ state: 'queued', last_attempt: 0 });
    expect(bundle.lines('receipt.ignored')).toMatchObject([{ reason: 'other-recipient' }]);
  });

  it('a receipt of the time between says nothing of a message that got the same id afterwards', async () => {
    const { bundle, oldKey } = await restored((first) => void first.drop());
    await bundle.ask({ verb: 'restored-hold' });
    const id = bundle.drop();
    await bundle.untilState(id, 'await-receipt');
    await push(bundle, { 'client-ref': refUnder(oldKey, id, 1), messageId: 'lost-2' });
    expect(bundle.message(id)).toMatchObject({ state: 'await-receipt' });
    expect(bundle.lines('receipt.ignored')).toMatchObject([{ reason: 'unmatched' }]);
  });

  it('about an attempt of before the backup counts as ever', async () => {
    const { bundle } = await restored(async (first) => {
      await first.start();
      await first.untilState(first.drop(), 'await-receipt');
      await first.stop();
    });
    const ref = String(bundle.attempts(1)[0]?.['client_ref']);
    const messageId = String(bundle.all('SELECT gateway_id FROM parts')[0]?.['gateway_id']);
    await push(bundle, { 'client-ref': ref, messageId });
    expect(bundle.message(1)).toMatchObject({ state: 'delivered' });
    expect(bundle.attempts(1)).toHaveLength(1);
  });
});
