/** What the daemon remembers, compared with the spool: an older state of a spool is detected, and nothing else. */
import { spawnSync } from 'node:child_process';
import fs, {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import Sqlite from 'better-sqlite3';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { backUp } from '../../../src/spool/write/backup-copy.ts';
import type { Remembered } from '../../../src/core/spool-state/rollback.ts';
import { Memory } from '../../../src/spool/file/run-memory.ts';
import { Run } from '../../../src/spool/write/runs.ts';
import { openSpool } from '../../../src/spool/file/open.ts';
import { Ownership } from '../../../src/spool/file/ownership.ts';
import { restoredFrom, type Mark } from '../../../src/spool/write/restored.ts';
import { Spool } from '../../../src/spool/spool.ts';
import { makeFolder, ownFolderOf } from '../../support/spool.ts';

const SRC = new URL('../../../src/spool', import.meta.url).href;
const KILL_AFTER = resolve(import.meta.dirname, '../../crash/kill-after-statements.ts');
/** One run: takes the spool, adds events, and leaves, or is killed as the environment says. */
const RUN = `
const { Ownership } = await import('${SRC}/file/ownership.ts');
const { OwnFolder } = await import('${SRC}/file/own-folder.ts');
const { Spool } = await import('${SRC}/spool.ts');
const [path, events] = process.argv.slice(1);
const ownership = Ownership.take(path, OwnFolder.open({ own: null, spool: path, env: {} }));
const spool = Spool.open(path, ownership);
const row = { at: 1, messageId: null, account: 'main', sender: null, event: 'account.limit' };
const none = { from: null, to: null, reason: null, attempt: null };
if (events > 0)
  spool.transaction(() => spool.events.append(Array(Number(events)).fill({ row: { ...row, ...none } })));
const { mark } = spool.restored;
if (events < 0) process.kill(process.pid, 'SIGKILL');
spool.close();
ownership.release();
process.stdout.write(JSON.stringify({ mark }));
`;

interface RunOptions {
  /** Events that it adds; -1 = it is killed. Default 1. */
  readonly events?: number;
  /** It is killed after so many statements that write. */
  readonly killAfter?: number;
}

/** Starts a process that owns the spool for a moment; the mark that it found; 'killed'. */
function run(path: string, { events = 1, killAfter = 0 }: RunOptions = {}): Mark | 'killed' | null {
  const args = ['--import', KILL_AFTER, '--input-type=module', '-e', RUN, path, String(events)];
  const { signal, stdout, stderr } = spawnSync(process.execPath, args, {
    encoding: 'utf8',
    env: { PATH: process.env['PATH'] ?? '', SMS_SPOOLD_KILL_AFTER: String(killAfter) },
  });
  if (signal === 'SIGKILL') return 'killed';
  if (stderr !== '') throw new Error(stderr);
  return (JSON.parse(stdout) as { mark: Mark | null }).mark;
}

function setup() {
  const path = join(makeFolder(), 'spool.db');
  openSpool(path, { create: true }).close();
  const copy = join(dirname(path), 'copy.db');
  return { path, copy };
}

/** As cp does it, while nobody has the spool open. */
function copyTo(from: string, to: string): void {
  for (const end of ['-wal', '-shm']) rmSync(to + end, { force: true });
  if (existsSync(`${from}-wal`)) copyFileSync(`${from}-wal`, `${to}-wal`);
  copyFileSync(from, to);
}

function exec(path: string, sql: string): void {
  const db = new Sqlite(path);
  db.exec(sql);
  db.close();
}

function markOf(path: string): Mark | null {
  const db = new Sqlite(path);
  const mark = restoredFrom(db);
  db.close();
  return mark;
}

describe('a restored spool', () => {
  it('a restored spool is marked: to a state of before the last run, or of before its end', () => {
    const { path, copy } = setup();
    expect(run(path)).toBeNull();
    copyTo(path, copy);
    expect(run(path, { events: 0 })).toBeNull();
    copyTo(copy, path);
    expect(run(path)).toMatchObject({ lastId: 0, isRolledBack: true });
    const within = setup();
    const ownership = Ownership.take(within.path, ownFolderOf(within.path));
    const spool = Spool.open(within.path, ownership);
    exec(within.path, `VACUUM INTO '${within.copy}'`);
    exec(within.path, `INSERT INTO events (at, event) VALUES (1, 'account.limit')`);
    spool.close();
    ownership.release();
    copyTo(within.copy, within.path);
    expect(run(within.path)).toMatchObject({ isRolledBack: true });
  });

  it('a restored spool is marked once, with a new tag key, and stays so until somebody decides', () => {
    const { path, copy } = setup();
    const key = (): unknown => {
      using db = Object.assign(new Sqlite(path), { [Symbol.dispose]: () => undefined });
      const found = db.prepare(`SELECT value FROM spool WHERE name = 'tag-key'`).pluck().get();
      db.close();
      return found;
    };
    copyTo(path, copy);
    run(path);
    const first = key();
    copyTo(copy, path);
    exec(path, `INSERT INTO messages (recipient, text) VALUES ('447700900000', 'x')`);
    expect(run(path)).toMatchObject({ lastId: 1 });
    const second = key();
    expect(second).not.toBe(first);
    exec(path, `INSERT INTO messages (recipient, text) VALUES ('447700900000', 'x')`);
    expect(run(path)).toMatchObject({ lastId: 1, isRolledBack: true });
    expect(key()).toBe(second);
    exec(path, `DELETE FROM spool WHERE name = 'restored'`);
    expect(run(path)).toBeNull();
  });

  it('a restored spool is marked where the last run was killed, and where a copy came home that others had gone on from', () => {
    const { path, copy } = setup();
    run(path);
    copyTo(path, copy);
    expect(run(path, { events: -1 })).toBe('killed');
    const elsewhere = join(dirname(path), 'elsewhere.db');
    copyTo(copy, elsewhere);
    run(elsewhere, { events: 9 });
    copyTo(elsewhere, path);
    expect(run(path)).toMatchObject({ isRolledBack: true });
  });

  it('a restored spool is marked where its copy is of a version that knew nothing of this', () => {
    const { path, copy } = setup();
    exec(path, `DELETE FROM spool WHERE name = 'identity'`);
    copyTo(path, copy);
    expect(run(path)).toBeNull();
    expect(run(path)).toBeNull();
    copyTo(copy, path);
    expect(run(path)).toMatchObject({ isRolledBack: true });
  });

  it('a spool restored from a backup of ours is known as that backup', () => {
    const { path, copy } = setup();
    run(path);
    const db = openSpool(path);
    backUp(db, copy);
    db.close();
    run(path);
    copyTo(copy, path);
    const mark = run(path);
    expect(mark).toMatchObject({ lastId: 0 });
    expect(mark).not.toHaveProperty('isRolledBack');
    expect(run(path)).not.toHaveProperty('isRolledBack');
  });
});

describe('how far a run came', () => {
  it('how far a run came is noted once a second without fsync, every ten seconds on disk, and no longer than the spool is open', () => {
    vi.useFakeTimers();
    onTestFinished(() => void vi.useRealTimers());
    const { path } = setup();
    const { memory } = Ownership.take(path, ownFolderOf(path));
    const db = openSpool(path);
    Run.begin(db, memory, 1);
    const seqs = (): readonly number[] => memory.recall().map(({ seq }) => seq);
    expect(seqs()).toEqual([0]);
    const syncs = vi.spyOn(fs, 'fsyncSync');
    onTestFinished(() => syncs.mockRestore());
    for (let second = 1; second < 10; second += 1) {
      db.exec(`INSERT INTO events (at, event) VALUES (1, 'account.limit')`);
      expect(seqs().at(-1)).toBe(second - 1);
      vi.advanceTimersByTime(1_000);
      expect(seqs()).toEqual([0, second]);
    }
    expect(syncs).not.toHaveBeenCalled();
    vi.advanceTimersByTime(1_000);
    expect(seqs()).toEqual([9]);
    db.close();
    vi.advanceTimersByTime(20_000);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('how far a run came is known when the process is killed: a -wal that was deleted then is found out', () => {
    const { path } = setup();
    run(path);
    const ownership = Ownership.take(path, ownFolderOf(path));
    const db = openSpool(path);
    vi.useFakeTimers();
    onTestFinished(() => void vi.useRealTimers());
    Run.begin(db, ownership.memory, 1);
    const copy = join(dirname(path), 'without-wal.db');
    copyFileSync(path, copy);
    db.exec(`INSERT INTO events (at, event) VALUES (1, 'account.limit')`);
    vi.advanceTimersByTime(1_000);
    ownership.release();
    db.close();
    renameSync(copy, path);
    expect(run(path)).toMatchObject({ isRolledBack: true });
  });
});

it('what older versions remember in the lock next to the spool is taken over once', () => {
  const { path, copy } = setup();
  run(path);
  const before = join(dirname(path), 'before.db');
  copyTo(path, before);
  run(path);
  copyTo(path, copy);
  const [{ identity, nonce, seq } = NOTHING] = ownFolderMemory(path);
  rmSync(ownFolderOf(path).path, { recursive: true });
  exec(
    `${path}.lock`,
    `CREATE TABLE states (identity TEXT PRIMARY KEY NOT NULL, nonce TEXT NOT NULL, seq INTEGER NOT NULL);
     INSERT INTO states VALUES ('${identity}', '${nonce}', ${seq})`,
  );
  copyTo(before, path);
  expect(run(path)).toMatchObject({ isRolledBack: true });
  exec(path, `DELETE FROM spool WHERE name = 'restored'`);
  exec(`${path}.lock`, `UPDATE states SET seq = 1000000`);
  expect(run(path)).toBeNull();
});

const NOTHING: Remembered = { identity: '', nonce: '', seq: 0 };

function ownFolderMemory(path: string): readonly Remembered[] {
  return new Memory(ownFolderOf(path)).recall();
}

describe('no spool is taken for a restored one', { timeout: 180_000 }, () => {
  it('no spool is taken for a restored one whatever moment its process was killed at, run after run', () => {
    const { path, copy } = setup();
    exec(path, `DELETE FROM spool WHERE name = 'identity'`);
    let kills = 0;
    for (let statements = 1; ; statements += 1) {
      copyTo(path, copy);
      if (run(path, { killAfter: statements }) === null) break;
      kills += 1;
      expect(run(path, { events: statements % 2 })).toBeNull();
    }
    expect(kills).toBeGreaterThan(15);
    copyTo(copy, path);
    expect(run(path)).toMatchObject({ isRolledBack: true });
  });

  it('a restored spool is marked, whatever moment its process was killed at', () => {
    const { path, copy } = setup();
    copyTo(path, copy);
    expect(run(path)).toBeNull();
    const own = ownFolderOf(path).path;
    const ownCopy = `${own}.copy`;
    cpSync(own, ownCopy, { recursive: true });
    for (let statements = 1; ; statements += 1) {
      copyTo(copy, path);
      rmSync(own, { recursive: true });
      cpSync(ownCopy, own, { recursive: true });
      const killed = run(path, { killAfter: statements });
      const isMarked = markOf(path) !== null;
      exec(path, `INSERT INTO messages (recipient, text) VALUES ('447700900000', 'a new one')`);
      expect(run(path)).toMatchObject({ lastId: isMarked ? 0 : 1, isRolledBack: true });
      if (killed !== 'killed') break;
    }
  });

  it('no spool is taken for a restored one where what is remembered is gone, empty, cut short, or of another kind', () => {
    const { path, copy } = setup();
    const memories = (): readonly string[] =>
      readdirSync(ownFolderOf(path).path, { withFileTypes: true })
        .filter(({ name }) => name.includes('.memory'))
        .map(({ name, parentPath }) => join(parentPath, name));
    const spoils: readonly ((file: string) => void)[] = [
      (file) => rmSync(file),
      (file) => writeFileSync(file, ''),
      (file) => writeFileSync(file, '[{"identity":"abc","non'),
      (file) => writeFileSync(file, '[{"something": 1}, null, 5]'),
    ];
    for (const spoil of spoils) {
      run(path);
      copyTo(path, copy);
      run(path);
      copyTo(copy, path);
      expect(memories()).not.toEqual([]);
      memories().forEach(spoil);
      expect(run(path)).toBeNull();
    }
  });

  it('no spool is taken for a restored one where the lock next to it is gone, empty, no database, or of an older version', () => {
    const { path } = setup();
    const lock = `${path}.lock`;
    const spoils: readonly (() => void)[] = [
      () => rmSync(lock),
      () => writeFileSync(lock, ''),
      () => writeFileSync(lock, 'no database, and long enough to be looked at as one'.repeat(9)),
      () => exec(lock, 'CREATE TABLE states (something)'),
    ];
    for (const spoil of spoils) {
      run(path);
      spoil();
      expect(run(path)).toBeNull();
    }
  });

  it('no spool is taken for a restored one where it was moved, with its lock database or without, and where it came home', () => {
    const { path } = setup();
    run(path);
    const folder = join(dirname(path), 'elsewhere');
    mkdirSync(folder);
    const there = join(folder, 'spool.db');
    renameSync(path, there);
    renameSync(`${path}.lock`, `${there}.lock`);
    expect(run(there)).toBeNull();
    renameSync(there, path);
    expect(run(path)).toBeNull();
    expect(run(path)).toBeNull();
    renameSync(path, there);
    expect(run(there)).toBeNull();
  });

  it('no spool is taken for a restored one where it was made again, and where the one before came back in its place', () => {
    const { path, copy } = setup();
    run(path);
    renameSync(path, copy);
    openSpool(path, { create: true }).close();
    expect(run(path, { events: 5 })).toBeNull();
    const other = join(dirname(path), 'other.db');
    renameSync(path, other);
    renameSync(copy, path);
    expect(run(path, { events: 0 })).toBeNull();
    renameSync(other, path);
    expect(run(path)).toBeNull();
  });

  it('no spool is taken for a restored one where it was made smaller while the daemon was stopped', () => {
    const { path, copy } = setup();
    run(path, { events: 5 });
    exec(path, 'DELETE FROM events');
    exec(path, `VACUUM INTO '${copy}'`);
    renameSync(copy, path);
    expect(run(path)).toBeNull();
  });
});
