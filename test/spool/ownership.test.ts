import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { SpoolError } from '../../src/spool/errors.ts';
import { Ownership } from '../../src/spool/ownership.ts';
import { makeFolder } from '../support/spool.ts';

const MODULE = new URL('../../src/spool/ownership.ts', import.meta.url).href;
const OWNER = `
const { Ownership } = await import(${JSON.stringify(MODULE)});
Ownership.take(process.argv[1]);
process.stdout.write('owned');
setInterval(() => undefined, 1000);
`;

function codeOf(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    if (error instanceof SpoolError) return error.code;
    throw error;
  }
  return 'taken';
}

it('is given to one, and to the next when it is released', () => {
  const path = join(makeFolder(), 'spool.db');
  const ownership = Ownership.take(path);
  expect(codeOf(() => Ownership.take(path))).toBe('owned-by-another');
  ownership.release();
  Ownership.take(path).release();
});

it('is gone with its process, however that ends', async () => {
  const path = join(makeFolder(), 'spool.db');
  const owner = spawn(process.execPath, ['--input-type=module', '-e', OWNER, path]);
  await once(owner.stdout, 'data');
  expect(codeOf(() => Ownership.take(path))).toBe('owned-by-another');
  owner.kill('SIGKILL');
  await once(owner, 'close');
  Ownership.take(path).release();
});

it.skipIf(process.getuid?.() === 0)('of a folder that cannot be written is explained', () => {
  const folder = makeFolder();
  chmodSync(folder, 0o500);
  expect(codeOf(() => Ownership.take(join(folder, 'spool.db')))).toBe('not-accessible');
});

it('of a folder that is not there is explained', () => {
  expect(codeOf(() => Ownership.take(join(makeFolder(), 'none', 'spool.db')))).toBe(
    'not-accessible',
  );
});
