/**
 * A full disk: a small file system in memory, filled by somebody else. Needs the right to mount one; skipped
 * elsewhere.
 */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { remedyOfSpool } from '../../src/core/account/stop-reasons.ts';
import { RECIPIENT, setup } from '../support/daemon.ts';
import { fill, mayMount, mount, skipped } from '../support/full-disk.ts';
import { makeFolder } from '../support/spool.ts';

describe('a full disk', () => {
  it.skipIf(!mayMount)(`a full disk loses nothing, and is said once${skipped}`, async () => {
    const folder = makeFolder();
    expect(mount(folder)).toBe(true);
    const rows = 60;
    const bundle = await setup({
      isStopped: true,
      spoolPath: join(folder, 'spool.db'),
      sandbox: { latencyMs: 20 },
    });
    bundle.db.transaction(() => {
      for (let index = 0; index < rows; index += 1) bundle.drop();
    })();
    bundle.db.pragma('wal_checkpoint(TRUNCATE)');
    await bundle.start({ account: { rate: 100, concurrency: 4 } });
    await bundle.until(() => bundle.count('await-receipt') > 5);
    const empty = fill(folder);
    await bundle.until(() => bundle.lines('daemon.disk-full').length > 0);
    const { requests } = bundle.sandbox.ledger.counters;
    const open = bundle.count('sending');
    expect(open).toBeLessThanOrEqual(4 + 128);
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    expect(bundle.sandbox.ledger.counters.requests).toBeLessThanOrEqual(requests + open);
    expect(bundle.fatal).toEqual([]);
    empty();
    await bundle.until(() => bundle.count('await-receipt') === rows);
    expect(bundle.sandbox.ledger.counters.accepted).toBe(rows);
    expect(bundle.all('SELECT DISTINCT attempts FROM messages')).toEqual([{ attempts: 1 }]);
    expect(bundle.lines('daemon.disk-full')).toMatchObject([{ level: 'error' }]);
    const events = bundle.all('SELECT seq, message_id FROM events ORDER BY seq');
    const lines = bundle.lines('message.await-receipt');
    expect(lines.map((line) => [line['seq'], line['id']])).toEqual(
      events.map((event) => [event['seq'], event['message_id']]),
    );
  });

  it.skipIf(!mayMount)(
    `a full disk at the start is waited for, with one line, and receipts get 503${skipped}`,
    async () => {
      const folder = makeFolder();
      expect(mount(folder)).toBe(true);
      const bundle = await setup({ isStopped: true, spoolPath: join(folder, 'spool.db') });
      const id = bundle.drop();
      bundle.db.pragma('wal_checkpoint(TRUNCATE)');
      const empty = fill(folder);
      const starting = bundle.start();
      await bundle.until(() => bundle.lines('daemon.waiting').length > 0);
      expect(bundle.lines('daemon.waiting')).toMatchObject([
        { reason: 'disk-full', remedy: remedyOfSpool('disk-full', bundle.path) },
      ]);
      const ready = await fetch(`${bundle.adminUrl()}/readyz`);
      expect([ready.status, await ready.text()]).toEqual([
        503,
        expect.stringContaining('disk-full'),
      ]);
      const receipt = `${bundle.receiptsUrl()}?msisdn=${RECIPIENT}&status=delivered&messageId=a`;
      expect((await fetch(receipt)).status).toBe(503);
      empty();
      await starting;
      expect(bundle.lines('daemon.waiting')).toHaveLength(1);
      await bundle.untilState(id, 'await-receipt');
    },
  );
});
