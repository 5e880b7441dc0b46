/**
 * A restored spool while the daemon was stopped, by whatever copies files or databases: by the
 * sandbox's own ledger nothing is sent twice before an operator has said what becomes of what waited then.
 */
import { spawn, spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { expect, it, onTestFinished } from 'vitest';
import { ended, MAIN, type Ended } from '../cli/program.ts';
import type { Program } from './program.ts';
import { Trial } from './trial.ts';

const MESSAGES = 200;
const TIMEOUT_MS = 240_000;

/** How a copy is made; true = the daemon is stopped for it. */
const WAYS = {
  cp: true,
  'the .backup of the sqlite3 shell': false,
  'VACUUM INTO': false,
} as const;
type Way = keyof typeof WAYS;

function copy(way: Way, from: string, to: string): void {
  if (way === 'cp') {
    if (existsSync(`${from}-wal`)) copyFileSync(`${from}-wal`, `${to}-wal`);
    copyFileSync(from, to);
  } else if (way === 'VACUUM INTO') {
    query(from, `VACUUM INTO '${to}'`);
  } else {
    const { stderr } = spawnSync('sqlite3', [from, `.backup ${to}`], { encoding: 'utf8' });
    expect(stderr).toBe('');
  }
}

/** The first value of the first row; null = there is none. */
function query(path: string, sql: string): unknown {
  const db = new Sqlite(path);
  try {
    const statement = db.prepare(sql);
    return statement.reader ? statement.pluck().get() : statement.run();
  } finally {
    db.close();
  }
}

function command(trial: Trial, ...args: readonly string[]): Promise<Ended> {
  const all = [MAIN, '--config', trial.config, ...args];
  const env = { PATH: process.env['PATH'] ?? '', TZ: 'UTC' };
  return ended(spawn(process.execPath, all, { env }));
}

async function stopped(program: Program, signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
  program.kill(signal);
  await program.end();
}

/** A spool that was copied amidst a drain, drained, and put back; and what waited in the copy. */
async function putBack(way: Way): Promise<{ trial: Trial; program: Program; waiting: number }> {
  const trial = await Trial.begin({ messages: MESSAGES, latencyMs: 20, onUncertain: 'hold' });
  onTestFinished(() => trial[Symbol.asyncDispose]());
  const file = join(dirname(trial.path), 'copy.db');
  let program = trial.start();
  await program.line(({ event }) => event === 'message.await-receipt');
  if (WAYS[way]) await stopped(program, 'SIGTERM');
  copy(way, trial.path, file);
  if (WAYS[way]) program = trial.start();
  await trial.accepted(MESSAGES);
  /* A drain notes how far it came; a new run is known however it ends. */
  await stopped(program, WAYS[way] ? 'SIGKILL' : 'SIGTERM');
  for (const end of ['-wal', '-shm']) rmSync(trial.path + end, { force: true });
  copy('cp', file, trial.path);
  const waiting = query(file, `SELECT count(*) FROM messages WHERE state IN ('queued', 'sending')`);
  const next = trial.start();
  await next.line(({ event }) => event === 'daemon.ready');
  return { trial, program: next, waiting: Number(waiting) };
}

const hasShell = spawnSync('sqlite3', ['--version']).status === 0;

it.for(Object.keys(WAYS) as Way[])(
  'by %s sends nothing until somebody says so, and says why',
  { timeout: TIMEOUT_MS },
  async (way, context) => {
    if (way.includes('shell') && !hasShell) context.skip('sqlite3 is not installed');
    const { trial, program, waiting } = await putBack(way);
    expect(waiting).toBeGreaterThan(0);
    const [said] = program.lines.filter(({ event }) => event === 'daemon.restored');
    expect(said).toHaveProperty(
      'detail',
      expect.stringMatching(
        /^the spool is an older state of itself, of about 20\d\d-.* remembers a later/,
      ),
    );
    const { stdout } = await command(trial, 'check', '--offline');
    expect(stdout).toMatch(/warn {2}stopped: this spool is an older state of itself, of about\s/);
    expect(trial.sandbox.ledger.counters.accepted).toBe(MESSAGES);
    const hold = await command(trial, 'resume', '--restored=hold', '--wait', '100s');
    expect(hold).toMatchObject({ code: 0 });
    expect(trial.sandbox.ledger.counters.accepted).toBe(MESSAGES);
    const sql = `SELECT count(*) FROM messages WHERE state = 'uncertain'`;
    expect(query(trial.path, sql)).toBe(waiting);
    await stopped(program, 'SIGTERM');
    const after = trial.start();
    await after.line(({ event }) => event === 'daemon.ready');
    expect(after.lines.map(({ event }) => event)).not.toContain('daemon.restored');
  },
);

it(
  'a spool rolled back that is restarted, killed or not, goes on as ever',
  { timeout: TIMEOUT_MS },
  async () => {
    await using trial = await Trial.begin({ messages: MESSAGES, latencyMs: 5 });
    for (const signal of ['SIGKILL', 'SIGTERM', 'SIGKILL'] as const) {
      const { accepted } = trial.sandbox.ledger.counters;
      const program = trial.start();
      await trial.accepted(Math.min(MESSAGES, accepted + 20));
      await stopped(program, signal);
      expect(program.lines.map(({ event }) => event)).not.toContain('daemon.restored');
      trial.left(program);
    }
    expect((await trial.finish()).complaints).toEqual([]);
  },
);
