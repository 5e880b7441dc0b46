import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { SpoolError } from '../../../src/spool/sql/spool-errors.ts';
import { Ownership } from '../../../src/spool/file/ownership.ts';
import { makeFolder, ownFolderOf } from '../../support/spool.ts';

const MODULE = new URL('../../../src/spool/file/ownership.ts', import.meta.url).href;
const OWN = new URL('../../../src/spool/file/own-folder.ts', import.meta.url).href;
const OWNER = `
const { Ownership } = await import(${JSON.stringify(MODULE)});
const { OwnFolder } = await import(${JSON.stringify(OWN)});
globalThis.kept = Ownership.take(process.argv[1], OwnFolder.open({ own: null, spool: process.argv[1], env: {} }));
process.stdout.write('owned');
setInterval(() => undefined, 1000);
`;

const take = (path: string): Ownership => Ownership.take(path, ownFolderOf(path));

function codeOf(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    if (error instanceof SpoolError) return error.code;
    throw error;
  }
  return 'taken';
}

it('the lock is given to one, and to the next when it is released', () => {
  const path = join(makeFolder(), 'spool.db');
  const ownership = Ownership.take(path, ownFolderOf(path));
  expect(codeOf(() => Ownership.take(path, ownFolderOf(path)))).toBe('owned-by-another');
  ownership.release();
  Ownership.take(path, ownFolderOf(path)).release();
});

it('the lock is gone with its process, however that ends', async () => {
  const path = join(makeFolder(), 'spool.db');
  const owner = spawn(process.execPath, ['--input-type=module', '-e', OWNER, path]);
  await once(owner.stdout, 'data');
  expect(codeOf(() => Ownership.take(path, ownFolderOf(path)))).toBe('owned-by-another');
  owner.kill('SIGKILL');
  await once(owner, 'close');
  Ownership.take(path, ownFolderOf(path)).release();
});

it.skipIf(process.getuid?.() === 0)(
  'the lock of a folder that cannot be written is explained',
  () => {
    const folder = makeFolder();
    chmodSync(folder, 0o500);
    expect(codeOf(() => take(join(folder, 'spool.db')))).toBe('not-accessible');
  },
);

it('the lock of a folder that is not there is explained', () => {
  expect(codeOf(() => take(join(makeFolder(), 'none', 'spool.db')))).toBe('no-folder');
});
