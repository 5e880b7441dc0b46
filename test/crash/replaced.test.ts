/**
 * The spool, or a file that SQLite keeps next to it, is deleted, replaced or written over while the daemon sends: it
 * stops within a second, says so in one line, and leaves what is there now untouched. The next start takes that
 * for a restored spool, and by the sandbox's own ledger nothing is sent twice.
 */
import {
  copyFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Line, Program } from './program.ts';
import { Trial } from './trial.ts';

const MESSAGES = 400;
const TIMEOUT_MS = 120_000;
const EXIT_FAILED = 1;
const EXIT_TRY_AGAIN = 75;

interface Replaced extends Line {
  readonly error: string;
  readonly aside: readonly string[];
}

const isReplaced = ({ event }: Line): boolean => event === 'daemon.spool-replaced';
const isReady = ({ event }: Line): boolean => event === 'daemon.ready';

/** What is done to the spool; `copy` is an earlier state of it. */
const WAYS: Readonly<Record<string, (path: string, copy: string) => void>> = {
  'spool.db deleted': (path) => rmSync(path),
  'spool.db, -wal and -shm deleted': (path) =>
    ['', '-wal', '-shm'].forEach((end) => rmSync(path + end)),
  'spool.db moved away': (path) => renameSync(path, `${path}.old`),
  'a copy moved to spool.db': (path, copy) => renameSync(copy, path),
  'a copy written over spool.db': (path, copy) => copyFileSync(copy, path),
  'spool.db emptied': (path) => writeFileSync(path, ''),
  '-wal deleted': (path) => rmSync(`${path}-wal`),
  '-wal replaced': (path) => {
    writeFileSync(`${path}-other`, '');
    renameSync(`${path}-other`, `${path}-wal`);
  },
  '-wal emptied': (path) => writeFileSync(`${path}-wal`, ''),
  '-shm deleted': (path) => rmSync(`${path}-shm`),
  '-shm replaced': (path) => {
    writeFileSync(`${path}-other`, '');
    renameSync(`${path}-other`, `${path}-shm`);
  },
};

async function sending(): Promise<{ trial: Trial; program: Program; copy: string }> {
  const trial = await Trial.begin({ messages: MESSAGES, rate: 40, onUncertain: 'hold' });
  onTestFinished(() => trial[Symbol.asyncDispose]());
  const program = trial.start();
  await trial.accepted(5);
  const copy = `${trial.path}.copy`;
  query(trial.path, `VACUUM INTO '${copy}'`);
  await trial.accepted(25);
  return { trial, program, copy };
}

function query(path: string, sql: string): unknown {
  const db = new Sqlite(path, { timeout: 10_000 });
  try {
    const statement = db.prepare(sql);
    return statement.reader ? statement.pluck().get() : statement.run();
  } finally {
    db.close();
  }
}

describe('a daemon ends by itself, with exit code 1 and one line,', () => {
  it.for(Object.keys(WAYS))(
    'a daemon ends by itself, with exit code 1 and one line, with %s',
    { timeout: TIMEOUT_MS },
    async (way) => {
      const { trial, program, copy } = await sending();
      WAYS[way]?.(trial.path, copy);
      const end = await program.end();
      expect({ ...end, errors: program.errors }).toEqual({
        code: EXIT_FAILED,
        signal: null,
        errors: '',
      });
      const said = program.lines.filter(isReplaced) as unknown as readonly Replaced[];
      expect(said).toHaveLength(1);
      expect(said[0]?.error).toContain(trial.path);
      expect(program.lines.at(-1)?.event).toBe('daemon.spool-replaced');
      /* Nothing is sent once it was said, and what was put out of the way is there under the names that were said. */
      const { accepted } = trial.sandbox.ledger.counters;
      expect(said[0]?.aside.every((file) => existsSync(file))).toBe(true);
      for (const end of ['-wal', '-shm']) {
        const isAside = said[0]?.aside.some((file) =>
          file.startsWith(`${trial.path}${end}.aside-`),
        );
        const isGone = way.includes(`${end} deleted`) || way.includes(`${end} replaced`);
        expect(isAside).toBe(!isGone && !way.includes('-wal and -shm deleted'));
      }
      const next = trial.start();
      await next.line(isReady);
      expect(query(trial.path, 'PRAGMA integrity_check')).toBe('ok');
      const isEmpty = query(trial.path, 'SELECT count(*) FROM messages') === 0;
      expect(next.lines.some(({ event }) => event === 'daemon.restored')).toBe(!isEmpty);
      expect(trial.sandbox.ledger.counters.accepted).toBe(accepted);
    },
  );
});

it(
  'what replaced the spool is not changed by the daemon that ends',
  { timeout: TIMEOUT_MS },
  async () => {
    const { trial, program, copy } = await sending();
    const before = readFileSync(copy);
    renameSync(copy, trial.path);
    expect(await program.end()).toEqual({ code: EXIT_FAILED, signal: null });
    expect(readFileSync(trial.path).equals(before)).toBe(true);
    expect(existsSync(`${trial.path}-wal`)).toBe(false);
  },
);

it(
  'checkpoints, VACUUM, touch and other writers do not end it',
  { timeout: TIMEOUT_MS },
  async () => {
    const { trial, program } = await sending();
    for (const sql of [
      'PRAGMA wal_checkpoint(TRUNCATE)',
      'CREATE TABLE of_an_operator (x)',
      'VACUUM',
      'PRAGMA wal_checkpoint(PASSIVE)',
      'ANALYZE',
    ]) {
      const { accepted } = trial.sandbox.ledger.counters;
      query(trial.path, sql);
      await trial.accepted(accepted + 40);
    }
    expect(program.lines.some(isReplaced)).toBe(false);
    program.kill('SIGTERM');
    expect(await program.end()).toEqual({ code: 0, signal: null });
  },
);

/** Each leads to the same file; returns the path that the second daemon is configured with. */
const NAMES: Readonly<Record<string, (path: string) => string>> = {
  'a hard link': (path) => {
    linkSync(path, `${path}.hard`);
    return `${path}.hard`;
  },
  'a symbolic link': (path) => {
    symlinkSync(path, `${path}.soft`);
    return `${path}.soft`;
  },
  'a symbolic link in another folder': (path) => {
    const folder = mkdtempSync(join(dirname(path), 'other-'));
    symlinkSync(path, join(folder, 'spool.db'));
    return join(folder, 'spool.db');
  },
  'a link to its folder': (path) => {
    const link = `${dirname(path)}-link`;
    symlinkSync(dirname(path), link);
    onTestFinished(() => rmSync(link));
    return join(link, basename(path));
  },
};

const LOCKS: Readonly<Record<string, (lock: string) => void>> = {
  deleted: (lock) => rmSync(lock),
  replaced: (lock) => {
    writeFileSync(`${lock}-other`, '');
    renameSync(`${lock}-other`, lock);
  },
  'written over': (lock) => writeFileSync(lock, 'no database, and long enough for one'.repeat(99)),
};

/** A daemon with four requests open. */
async function waitingForAnswers(): Promise<{ trial: Trial; program: Program }> {
  const trial = await Trial.begin({ latencyMs: 600_000 });
  onTestFinished(() => trial[Symbol.asyncDispose]());
  const program = trial.start();
  await trial.accepted(4);
  return { trial, program };
}

/** Starts another daemon on the spool with this name; it must leave and send nothing. */
async function expectOwned(trial: Trial, name: string): Promise<void> {
  const config = join(dirname(trial.path), 'second.toml');
  const text = readFileSync(trial.config, 'utf8').replace('"spool.db"', JSON.stringify(name));
  writeFileSync(config, text, { mode: 0o600 });
  const second = trial.startWith({ config });
  expect([name, await second.end()]).toEqual([name, { code: EXIT_TRY_AGAIN, signal: null }]);
  expect(trial.sandbox.ledger.counters.requests).toBe(4);
}

it(
  'a second daemon leaves with exit code 75 under every other name of the spool',
  { timeout: TIMEOUT_MS },
  async () => {
    const { trial, program } = await waitingForAnswers();
    for (const make of Object.values(NAMES)) await expectOwned(trial, make(trial.path));
    program.kill('SIGKILL');
    await program.end();
  },
);

it.for(Object.keys(LOCKS))(
  'a second daemon leaves with exit code 75 when the lock next to the spool was %s',
  { timeout: TIMEOUT_MS },
  async (way) => {
    const { trial, program } = await waitingForAnswers();
    LOCKS[way]?.(`${trial.path}.lock`);
    await expectOwned(trial, trial.path);
    program.kill('SIGKILL');
    await program.end();
  },
);

it(
  'a lock that was deleted ends the daemon, which drains first',
  { timeout: TIMEOUT_MS },
  async () => {
    const { trial, program } = await sending();
    rmSync(`${trial.path}.lock`);
    expect(await program.end()).toEqual({ code: EXIT_FAILED, signal: null });
    expect(program.errors).toMatch(/spool\.db\.lock was deleted.* takes its locks again/);
    const own = join(dirname(trial.path), 'sms-spoold-own');
    expect(readdirSync(own).filter((name) => name.endsWith('.lock'))).toHaveLength(1);
    const next = trial.start();
    await next.line(isReady);
    expect(next.lines.map(({ event }) => event)).not.toContain('daemon.restored');
  },
);

it('run leaves with exit code 78 where the spool is a dangling link, and makes nothing', async () => {
  await using trial = await Trial.begin();
  const target = join(dirname(trial.path), 'elsewhere', 'target');
  mkdirSync(dirname(target));
  for (const end of ['', '-wal', '-shm']) rmSync(trial.path + end, { force: true });
  symlinkSync(target, trial.path);
  const program = trial.start();
  expect(await program.end()).toEqual({ code: 78, signal: null });
  expect(program.errors).toMatch(/^sms-spoold: .*spool\.db is a symbolic link.*\n$/);
  expect(readdirSync(dirname(target))).toEqual([]);
});
