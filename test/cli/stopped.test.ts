/** What is stopped, as every command tells it: state × command, from the built program. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Ownership } from '../../src/spool/file/ownership.ts';
import { Program } from './program.ts';
import { ownFolderOf } from '../support/spool.ts';

let program: Program;

beforeEach(() => {
  program = new Program().init();
  program.exec(`INSERT INTO messages (recipient, text) VALUES ('447700900000', 'Hello')`);
});

afterEach(() => program[Symbol.dispose]());

const COMMANDS: readonly (readonly string[])[] = [
  ['stats'],
  ['why', '1'],
  ['check', '--offline'],
  ['top', '--once'],
];

const plain = (text: string): string => text.replaceAll(/\s+/g, ' ');

async function outputs(): Promise<readonly string[]> {
  const runs = await Promise.all(COMMANDS.map((args) => program.run(args)));
  return runs.map(({ stdout }) => plain(stdout));
}

const firstJson = async (...args: readonly string[]): Promise<unknown> =>
  JSON.parse((await program.run([...args, '--json'])).stdout.split('\n')[0] ?? '');

describe('with no daemon running', () => {
  it('the first line of stats, why and check says so, with the command that starts one', async () => {
    const start = `sms-spoold run --config ${program.folder}/sms-spoold.toml`;
    const [stats = '', why = '', check = ''] = await outputs();
    for (const text of [stats, why]) {
      expect(text).toMatch(/^no daemon has run on this spool yet/);
      expect(text).toContain(start);
    }
    expect(check).toMatch(/^warn daemon: no daemon has run on this spool yet/);
    expect(check).toContain(start);
    program.exec(`INSERT OR REPLACE INTO spool (name, value)
      VALUES ('run-times', '{"began_at":1795425300,"ended_at":1795425360}')`);
    const since = 'no daemon runs on this spool since 2026-11-23 09:16:00';
    for (const text of await outputs()) expect(text).toContain(since);
  });

  it('no message is said to go at a time', async () => {
    const { stdout } = await program.run(['why', '1']);
    expect(stdout).toContain('waiting for a daemon to run');
    expect(stdout).not.toContain('goes at');
    expect(await firstJson('why', '1')).toMatchObject({ goes_at: null });
  });

  it('the first document of --json has a key daemon', async () => {
    const daemon = { running: false, has_run: false, since: null };
    for (const args of [['stats'], ['why', '1'], ['check', '--offline']]) {
      expect(await firstJson(...args)).toMatchObject({ daemon });
    }
  });

  it('check exits as it does with one', async () => {
    const without = await program.run(['check', '--offline']);
    const daemon = Ownership.take(program.spoolPath, ownFolderOf(program.spoolPath));
    const running = await program.run(['check', '--offline']);
    daemon.release();
    expect(running.code).toBe(without.code);
    expect(running.stdout).toMatch(/^pass {2}daemon: runs/);
  });
});

/** SQL that makes a state → what every command must say. */
const STATES: readonly (readonly [string, string])[] = [
  [
    `INSERT INTO accounts (name, state, reason, since) VALUES ('main', 'suspended', 'quota-exceeded', 1795425300)`,
    'account main is suspended (quota-exceeded) since 2026-11-23 09:15:00',
  ],
  [
    `INSERT INTO accounts (name, state, reason, since) VALUES ('main', 'suspended', 'spend-limit', 1795425300)`,
    'account main is suspended (spend-limit) since 2026-11-23 09:15:00',
  ],
  [
    `INSERT INTO accounts (name, state, reason, since) VALUES ('main', 'paused', 'operator', 1795425300)`,
    'account main is paused (operator) since 2026-11-23 09:15:00',
  ],
  [
    `INSERT INTO senders (account, sender, state, reason, since) VALUES ('main', 'AcmeInc', 'paused', 'operator', 1795425300)`,
    'sender AcmeInc of account main is paused (operator) since 2026-11-23 09:15:00',
  ],
  [
    `UPDATE messages SET revision = revision + 1, account = 'nope', created_at = 1795425300.0`,
    'account nope is not configured; its messages wait since 2026-11-23 09:15:00',
  ],
  [
    `INSERT INTO spool (name, value) VALUES ('restored', '{"at":1795425300,"lastId":1}')`,
    'this spool was restored from a backup of 2026-11-23 09:15:00; nobody has decided',
  ],
];

describe('the same is said by stats, why, check and top', () => {
  it.each(STATES)('the same is said by stats, why, check and top after %s', async (sql, words) => {
    program.exec(sql);
    const daemon = Ownership.take(program.spoolPath, ownFolderOf(program.spoolPath));
    try {
      for (const text of await outputs()) expect(text).toContain(words);
      const stats = await program.run(['stats', '--json']);
      expect(stats.stdout).toContain('"kind":"stop"');
    } finally {
      daemon.release();
    }
  });
});
