/**
 * Who may use a spool's files: modes as other users meet them, what is not touched, and that looking after
 * them never costs SQLite a lock.
 */
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  linkSync,
  mkdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { describe, expect, it, onTestFinished } from 'vitest';
import { openSpool } from '../../../src/spool/file/open.ts';
import { Ownership } from '../../../src/spool/file/ownership.ts';
import { findWrongPermissions, shareDatabase } from '../../../src/spool/file/permissions.ts';
import { makeFolder, ownFolderOf } from '../../support/spool.ts';

const ENDS = ['', '-wal', '-shm', '.lock'] as const;

/** A spool's place; `mode` of its folder. */
function setup(mode: number): { folder: string; path: string } {
  const folder = join(makeFolder(), 'spool');
  mkdirSync(folder);
  chmodSync(folder, mode);
  return { folder, path: join(folder, 'spool.db') };
}

function setUmask(umask: number): void {
  const before = process.umask(umask);
  onTestFinished(() => void process.umask(before));
}

function modeOf(path: string): string {
  return (statSync(path).mode & 0o7777).toString(8);
}

describe('in a directory of a group', () => {
  it.each([0o022, 0o077, 0o000])('all files are 0660, with the umask %o, too', (umask) => {
    const { path } = setup(0o2770);
    setUmask(umask);
    const ownership = Ownership.take(path, ownFolderOf(path));
    onTestFinished(() => ownership.release());
    const db = openSpool(path, { create: true });
    onTestFinished(() => void db.close());
    expect(ENDS.map((end) => modeOf(path + end))).toEqual(['660', '660', '660', '660']);
    expect(findWrongPermissions(path)).toEqual([]);
  });

  it('what an earlier program left too narrow is opened to the group', () => {
    const { path } = setup(0o2770);
    openSpool(path, { create: true }).close();
    chmodSync(path, 0o640);
    writeFileSync(`${path}-wal`, '', { mode: 0o600 });
    shareDatabase(path, { make: false });
    expect([modeOf(path), modeOf(`${path}-wal`)]).toEqual(['660', '660']);
  });

  it('no file is made where none may be', () => {
    const { path } = setup(0o2770);
    shareDatabase(path, { make: false });
    expect(statSync(path, { throwIfNoEntry: false })).toBeUndefined();
  });

  it('what is behind a link, or has a second name, is left alone', () => {
    const { folder, path } = setup(0o2770);
    const victim = join(folder, 'victim');
    writeFileSync(victim, 'mine', { mode: 0o600 });
    symlinkSync(victim, path);
    linkSync(victim, `${path}-wal`);
    shareDatabase(path, { make: true });
    expect(modeOf(victim)).toBe('600');
    expect(readFileSync(victim, 'utf8')).toBe('mine');
  });

  const isRoot = process.getuid?.() === 0;
  const why = isRoot ? '' : ' (skipped: only root can make one)';

  it.skipIf(!isRoot)(`a file of another user is left alone${why}`, () => {
    const { path } = setup(0o2770);
    writeFileSync(path, '', { mode: 0o600 });
    chownSync(path, 1, 1);
    shareDatabase(path, { make: true });
    expect(modeOf(path)).toBe('600');
  });
});

describe('elsewhere', () => {
  it('the umask decides, and nobody else may read', () => {
    const { path } = setup(0o755);
    setUmask(0o022);
    openSpool(path, { create: true }).close();
    expect(modeOf(path)).toBe('640');
  });
});

/** Another process tries to write. */
function writeElsewhere(path: string): string {
  const script = `
    const { default: Sqlite } = await import('better-sqlite3');
    const db = new Sqlite(process.argv[1], { timeout: 0 });
    try { db.exec('BEGIN IMMEDIATE'); console.log('locked it'); } catch (error) { console.log(error.code); }`;
  const args = ['--input-type=module', '-e', script, path];
  return spawnSync(process.execPath, args, { encoding: 'utf8' }).stdout.trim();
}

it('checking permissions costs no lock that SQLite holds in this process', () => {
  const { path } = setup(0o2770);
  const db = openSpool(path, { create: true });
  onTestFinished(() => void db.close());
  db.exec('BEGIN IMMEDIATE');
  for (const end of ENDS.slice(0, 3)) chmodSync(path + end, 0o600);
  openSpool(path).close();
  expect(modeOf(path)).toBe('660');
  expect(writeElsewhere(path)).toBe('SQLITE_BUSY');
  db.exec('ROLLBACK');
  expect(writeElsewhere(path)).toBe('locked it');
});

describe('what is wrong is found, with a command that mends it:', () => {
  /** Spoils a spool that is well; the faults, before and after its commands were run. */
  function mend(spoil: (place: { folder: string; path: string }) => void) {
    const place = setup(0o2770);
    const db = openSpool(place.path, { create: true });
    onTestFinished(() => void db.close());
    Ownership.take(place.path, ownFolderOf(place.path)).release();
    spoil(place);
    const wrongPermissions = findWrongPermissions(place.path);
    for (const { command } of wrongPermissions) spawnSync('sh', ['-c', command]);
    return { wrongPermissions, after: findWrongPermissions(place.path) };
  }

  it.each(ENDS)('spool.db%s that the group cannot write', (end) => {
    const { wrongPermissions, after } = mend(({ path }) => chmodSync(path + end, 0o640));
    expect(wrongPermissions).toHaveLength(1);
    expect(wrongPermissions[0]?.found).toMatch(/has mode 0640/);
    expect(wrongPermissions[0]?.isBroken).toBe(true);
    expect(after).toEqual([]);
  });

  it('files that everybody reads', () => {
    const { wrongPermissions, after } = mend(({ path }) => chmodSync(path, 0o664));
    expect(wrongPermissions).toMatchObject([{ isBroken: false }]);
    expect(after).toEqual([]);
  });

  it.each([
    ['is not setgid', 0o770],
    ['everybody writes to', 0o2777],
  ])('a directory that %s', (_name, mode) => {
    const { wrongPermissions, after } = mend(({ folder }) => chmodSync(folder, mode));
    expect(wrongPermissions).toMatchObject([{ isBroken: true }]);
    expect(after).toEqual([]);
  });

  it.skipIf(process.getuid?.() !== 0)('a file of another group', () => {
    const { wrongPermissions, after } = mend(({ path }) => chownSync(`${path}-shm`, 0, 1));
    expect(wrongPermissions).toHaveLength(1);
    expect(after).toEqual([]);
  });
});

it('a path with blanks and quotes is one word of the command', () => {
  const folder = join(makeFolder(), "our ' spool");
  mkdirSync(folder);
  chmodSync(folder, 0o2770);
  const path = join(folder, 'spool.db');
  new Sqlite(path).exec('CREATE TABLE t (x)').close();
  chmodSync(path, 0o644);
  const [wrongPermission] = findWrongPermissions(path);
  spawnSync('sh', ['-c', wrongPermission?.command ?? '']);
  expect(findWrongPermissions(path)).toEqual([]);
});
