/**
 * A backup made while the daemon sends, and the spool that is restored from it: by the sandbox's own ledger,
 * nothing is sent until an operator says what becomes of what waited then.
 */
import { spawn } from 'node:child_process';
import { copyFileSync, rmSync, statSync } from 'node:fs';
import { join, dirname } from 'node:path';
import Sqlite from 'better-sqlite3';
import { expect, it, onTestFinished } from 'vitest';
import { askFor } from '../../src/spool/write/insert.ts';
import { openSpool } from '../../src/spool/file/open.ts';
import { ended, MAIN, type Ended } from '../cli/program.ts';
import type { Program } from './program.ts';
import { Trial } from './trial.ts';

const MESSAGES = 400;
const TIMEOUT_MS = 300_000;

function command(trial: Trial, ...args: readonly string[]): Promise<Ended> {
  const all = [MAIN, '--config', trial.config, ...args];
  return ended(
    spawn(process.execPath, all, { env: { PATH: process.env['PATH'] ?? '', TZ: 'UTC' } }),
  );
}

function count(path: string, sql: string): number {
  const db = new Sqlite(path, { readonly: true });
  try {
    return Number(db.prepare(sql).pluck().get());
  } finally {
    db.close();
  }
}

/** A spool that was backed up amidst a drain, drained, and replaced by the backup; and what waited in it. */
async function restored(): Promise<{
  trial: Trial;
  file: string;
  waiting: number;
  program: Program;
}> {
  const trial = await Trial.begin({ messages: MESSAGES, latencyMs: 20 });
  onTestFinished(() => trial[Symbol.asyncDispose]());
  const file = join(dirname(trial.path), 'backup.db');
  const first = trial.start();
  await first.line(({ event }) => event === 'message.await-receipt');
  expect(await command(trial, 'backup', file)).toMatchObject({ code: 0, stderr: '' });
  await trial.accepted(MESSAGES);
  first.kill('SIGTERM');
  expect(await first.end()).toMatchObject({ code: 0 });
  const waiting = count(file, `SELECT count(*) FROM messages WHERE state IN ('queued','sending')`);
  for (const suffix of ['-wal', '-shm']) rmSync(trial.path + suffix, { force: true });
  copyFileSync(file, trial.path);
  const program = trial.start();
  await program.line(({ event }) => event === 'daemon.restored');
  await program.line(({ event }) => event === 'daemon.ready');
  return { trial, file, waiting, program };
}

/** Drops a row that was not there when the backup was made. */
function dropNew(trial: Trial): number {
  const db = openSpool(trial.path, { busyTimeoutMs: 60_000 });
  const insert = db.prepare('INSERT INTO messages (recipient, text) VALUES (?, ?)');
  const id = Number(insert.run('447700999999', 'a new one').lastInsertRowid);
  db.close();
  return id;
}

/** Steps have come and gone in which the daemon could have sent. */
async function stepped(trial: Trial): Promise<void> {
  const db = openSpool(trial.path, { busyTimeoutMs: 60_000 });
  const isOpen = db.prepare('SELECT 1 FROM control WHERE done_at IS NULL').pluck();
  for (const account of ['nobody', 'no one']) {
    askFor(db, [{ verb: 'pause', account, sender: null }]);
    while (isOpen.get() !== undefined) await new Promise((resolve) => setTimeout(resolve, 5));
  }
  db.close();
}

it(
  'a restored spool holds what waited as uncertain, and sends what came after',
  async () => {
    const { trial, file, waiting, program } = await restored();
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(waiting).toBeGreaterThan(0);
    const id = dropNew(trial);
    await stepped(trial);
    expect(trial.sandbox.ledger.counters.accepted).toBe(MESSAGES);
    expect((await command(trial, 'why', String(id))).stdout).toContain('--restored=hold');
    expect((await command(trial, 'stats')).stdout).toMatch(
      /^Stopped:\nthis spool was restored from a backup/,
    );
    expect((await command(trial, 'check', '--offline')).stdout).toMatch(
      /^warn {2}stopped: .*(?:restored|backup)/m,
    );
    const said = await command(trial, 'resume', '--restored=hold', '--wait', '240s');
    expect(said).toMatchObject({ code: 0 });
    expect(said.stdout).toMatch(/^the restored spool: \d+ messages held as uncertain\n$/);
    await program.line(({ event, id: of }) => event === 'message.await-receipt' && of === id);
    expect(trial.sandbox.ledger.counters.accepted).toBe(MESSAGES + 1);
    const uncertain = `SELECT count(*) FROM messages WHERE state = 'uncertain' AND cancel_asked = 0`;
    expect(count(trial.path, uncertain)).toBe(waiting);
    expect((await command(trial, 'resume', '--restored=hold', '--wait', '240s')).code).toBe(1);
  },
  TIMEOUT_MS,
);

it(
  'a restored spool sends what waited again when told to, each marked as a possible duplicate',
  async () => {
    const { trial, waiting, program } = await restored();
    await stepped(trial);
    expect(trial.sandbox.ledger.counters.accepted).toBe(MESSAGES);
    await command(trial, 'resume', '--restored=resend', '--wait', '240s');
    await trial.until(program, ['await-receipt']);
    expect(trial.sandbox.ledger.counters.accepted).toBe(MESSAGES + waiting);
    const marked = `SELECT count(*) FROM attempts WHERE follows IS NOT NULL AND route = 'await-receipt'`;
    expect(count(trial.path, marked)).toBe(waiting);
    expect(trial.sandbox.ledger.entries().length).toBe(MESSAGES + waiting);
    expect(new Set(trial.sandbox.ledger.entries().map(({ clientRef }) => clientRef)).size).toBe(
      MESSAGES + waiting,
    );
  },
  TIMEOUT_MS,
);

it(
  'a restored spool refuses to overwrite a file, and leaves nothing beside it',
  async () => {
    await using trial = await Trial.begin({ messages: 3 });
    const file = join(dirname(trial.path), 'backup.db');
    expect((await command(trial, 'backup', file)).stdout).toMatch(/3 messages, .*; verified\.\n$/);
    const size = statSync(file).size;
    const again = await command(trial, 'backup', file);
    expect(again).toMatchObject({ code: 1 });
    expect(again.stderr).toContain('is there already');
    expect(statSync(file).size).toBe(size);
    expect(count(file, 'SELECT count(*) FROM messages')).toBe(3);
    expect(count(file, `SELECT count(*) FROM spool WHERE name = 'backup'`)).toBe(1);
    expect(count(trial.path, `SELECT count(*) FROM spool WHERE name = 'backup'`)).toBe(0);
  },
  TIMEOUT_MS,
);
