/** H: of a text that was forgotten nothing is left, where CONTRACT.md §8 says so: held by a search for its bytes. */
import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { Archive } from '../../src/spool/write/archive.ts';
import { backUp } from '../../src/spool/write/backup-copy.ts';
import { openSpool } from '../../src/spool/file/open.ts';
import { Pruning } from '../../src/spool/write/retention-deletes.ts';
import { vacuum } from '../../src/spool/file/wal.ts';
import { setup, type Bundle } from '../support/daemon.ts';

const COUNT = 300;
const DAY_S = 86_400;
const marker = (n: number): string => `secret-${String(n).padStart(5, '0')}-end`;
/** Of many lengths, so that rows move about in their pages. */
const textOf = (n: number): string => `${marker(n)} ${'x'.repeat((n * 37) % 400)}`;

/** How many of the markers a file holds. */
function markersIn(...files: readonly string[]): number {
  const bytes = files
    .map((file) => (existsSync(file) ? readFileSync(file, 'latin1') : ''))
    .join('');
  return Array.from({ length: COUNT }, (_, n) => marker(n)).filter((one) => bytes.includes(one))
    .length;
}

/** Messages that were delivered, among others of which nothing is forgotten. */
async function delivered(bundle: Bundle): Promise<void> {
  await bundle.sendReceipts();
  for (let n = 0; n < COUNT; n += 1) {
    bundle.drop({ text: textOf(n) });
    if (n % 3 === 0) bundle.drop({ text: 'kept', send_at: bundle.clock.now() + 9 * DAY_S });
  }
  await bundle.until(() => bundle.count('delivered') === COUNT, 'the deliveries');
}

async function forgotten(bundle: Bundle): Promise<void> {
  bundle.advance(3_610);
  await bundle.until(
    () => bundle.all(`SELECT 1 FROM messages WHERE text LIKE '(forgotten%'`).length === COUNT,
    'the forgetting',
  );
}

describe('a forgotten text', () => {
  it('a forgotten text leaves no byte in the spool, a backup or an archive after a prune while the daemon works', async () => {
    const bundle = await setup({ spool: { forgetTextAfterMs: 3_600_000 } });
    await delivered(bundle);
    expect(markersIn(bundle.path, `${bundle.path}-wal`)).toBe(COUNT);
    await forgotten(bundle);
    const db = openSpool(bundle.path, { busyTimeoutMs: 5_000 });
    const before = bundle.clock.now() + 1;
    const [archiveFile, backupFile] = [`${bundle.path}.archive`, `${bundle.path}.backup`];
    {
      using archive = Archive.open(db, archiveFile);
      const pruning = new Pruning(db, { before, archive, notTold: new Set(['log-cursor']) });
      expect(pruning.batch()).toBeGreaterThan(0);
    }
    expect(vacuum(db, bundle.path)).toBeNull();
    backUp(db, backupFile);
    db.close();
    expect(markersIn(bundle.path, `${bundle.path}-wal`)).toBe(0);
    expect(markersIn(archiveFile)).toBe(0);
    expect(markersIn(backupFile)).toBe(0);
    await bundle.untilState(bundle.drop(), 'delivered');
    expect(bundle.fatal).toEqual([]);
  });

  it('a forgotten text of a message that was pruned is gone as well', async () => {
    const bundle = await setup();
    await delivered(bundle);
    const db = openSpool(bundle.path, { busyTimeoutMs: 5_000 });
    const pruning = new Pruning(db, {
      ...{ before: bundle.clock.now() + 1, archive: null, notTold: new Set(['log-cursor']) },
    });
    await bundle.until(() => {
      while (pruning.batch() > 0);
      return bundle.count('delivered') === 0;
    }, 'the end of the pruning');
    expect(vacuum(db, bundle.path)).toBeNull();
    const file = `${bundle.path}.backup`;
    backUp(db, file);
    db.close();
    expect(markersIn(bundle.path, `${bundle.path}-wal`, file)).toBe(0);
    expect(bundle.count('queued')).toBe(COUNT / 3);
  });

  it('a forgotten text leaves few copies after the daemon’s own round, in the spool and in its -wal', async () => {
    const bundle = await setup({ spool: { forgetTextAfterMs: 3_600_000 } });
    await delivered(bundle);
    await forgotten(bundle);
    await bundle.until(() => {
      bundle.advance(61);
      return markersIn(bundle.path, `${bundle.path}-wal`) < COUNT / 20;
    }, 'a truncated -wal');
  });

  it('a forgotten text is not in the words of the gateway that repeat it', async () => {
    const bundle = await setup({ spool: { forgetTextAfterMs: 3_600_000 } });
    const id = bundle.drop({ text: textOf(1) });
    await bundle.untilState(id, 'await-receipt');
    bundle.db.prepare('UPDATE attempts SET error_text = ?').run(`refused: ${textOf(1)}`);
    await bundle.sendReceipts();
    bundle.advance(77 * 3_600);
    await bundle.untilState(id, 'unconfirmed');
    bundle.advance(3_700);
    await bundle.until(() => bundle.attempts(id)[0]?.['error_text'] === null, 'the forgetting');
  });
});
