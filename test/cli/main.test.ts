import { spawnSync } from 'node:child_process';
import { copyFileSync, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { makeProgram } from '../../src/cli/program.ts';
import { ownFolderOf } from '../support/spool.ts';
import { MAIN, Program, ended, widestLine } from './program.ts';

const programs: Program[] = [];
function setup(accounts?: string): Program {
  const program = new Program(accounts);
  programs.push(program);
  return program;
}
afterEach(() => {
  for (const program of programs.splice(0)) program[Symbol.dispose]();
});

/** Versions of Node on this machine that are too old, to try for real. */
const OLD_NODES = [...new Set((process.env['PATH'] ?? '').split(delimiter))]
  .map((folder) => join(folder, 'node'))
  .filter((path) => {
    const { stdout } = spawnSync(path, ['--version'], { encoding: 'utf8' });
    const [, major, minor] = /^v(\d+)\.(\d+)/.exec(stdout || '') ?? [];
    const isOld = Number(major) < 22 || (Number(major) === 22 && Number(minor) < 19);
    return Number(major) >= 18 && isOld;
  });

describe('main', () => {
  it('main says in one line that Node is too old, and imports nothing before', () => {
    // Alone in a folder: whatever it imported first would be missing.
    const program = setup();
    const main = join(program.folder, 'main.mjs');
    copyFileSync(MAIN, main);
    const fake = program.write(
      'fake.mjs',
      `Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '22.18.0' } });`,
    );
    const { status, stdout, stderr } = spawnSync(process.execPath, ['--import', fake, main], {
      encoding: 'utf8',
    });
    expect(stdout).toBe('');
    expect(stderr).toMatch(/^sms-spoold: Node 22\.19 or newer is needed, .*\n$/);
    expect(status).toBe(1);
  });

  it.skipIf(OLD_NODES.length === 0)('main says so on an old Node of this machine, too', () => {
    for (const node of OLD_NODES) {
      const { status, stderr } = spawnSync(node, [MAIN, 'list'], { encoding: 'utf8' });
      expect(stderr).toMatch(/^sms-spoold: Node 22\.19 or newer is needed, .*\n$/);
      expect(status).toBe(1);
    }
  });

  it('main is small and has the limits of V8 in its first line', () => {
    const source = readFileSync(MAIN.replace('/dist/main.js', '/src/main.ts'), 'utf8');
    expect(source.split('\n').length).toBeLessThanOrEqual(41);
    const [first] = source.split('\n');
    expect(first).toBe(
      '#!/usr/bin/env -S node --disable-sigusr1 --max-semi-space-size=4 --max-old-space-size=96',
    );
  });
});

describe('help', () => {
  it('groups the commands, shows examples and exit codes, and fits 80 columns', async () => {
    const { code, stdout, stderr } = await setup().run(['--help']);
    expect(code).toBe(0);
    expect(stderr).toBe('');
    for (const word of [
      'Running:',
      'Sending:',
      'Inspecting:',
      'Controlling:',
      'Examples:',
      'Exit codes:',
    ]) {
      expect(stdout).toContain(word);
    }
    for (const { name } of (await makeProgram()).commands.map((command) => ({
      name: command.name(),
    }))) {
      expect(stdout).toContain(`  ${name} `);
    }
    expect(widestLine(stdout)).toBeLessThanOrEqual(80);
  });

  it('help of each command has an example and fits 80 columns', async () => {
    const program = setup();
    for (const command of (await makeProgram()).commands) {
      const { code, stdout } = await program.run([command.name(), '--help']);
      expect(code, command.name()).toBe(0);
      expect(stdout, command.name()).toMatch(new RegExp(`\\$ .*sms-spoold .*${command.name()}`));
      expect(stdout).toContain('--config');
      expect(widestLine(stdout), command.name()).toBeLessThanOrEqual(80);
    }
  });
});

describe('mistakes', () => {
  it('mistakes names the nearest command in one line, with exit code 64', async () => {
    const { code, stderr } = await setup().run(['lisst']);
    expect(stderr).toBe("sms-spoold: unknown command 'lisst' (Did you mean list?)\n");
    expect(code).toBe(64);
  });

  it.each([[[]], [['list', '--limit', 'many']], [['show']], [['show', 'x']], [['list', '--oops']]])(
    'mistakes leaves with 64 for %j',
    async (args) => {
      expect((await setup().run(args)).code).toBe(64);
    },
  );

  it('mistakes leaves with 78 for a bad configuration, and names the key', async () => {
    const program = setup('[accounts.main]\napi_key = 5\n');
    const { code, stdout, stderr } = await program.run(['list']);
    expect(code).toBe(78);
    expect(stderr).toContain('accounts.main.api_key');
    expect(stdout).toBe('');
    expect(stderr).not.toContain('    at ');
  });

  it('mistakes leaves with 78 when the file of --config is not there, before and after the command', async () => {
    const program = setup();
    expect((await program.run(['--config', 'no.toml', 'list'])).code).toBe(78);
    expect((await program.run(['list', '--config', 'no.toml'])).code).toBe(78);
  });

  it('mistakes says in one line that there is no spool', async () => {
    const { code, stderr } = await setup().run(['list']);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^sms-spoold: There is no spool at .*sms-spoold init\n$/);
  });

  it('mistakes leaves with 75 when another program keeps the spool locked', async () => {
    const program = setup().init();
    const db = program.open();
    db.exec('BEGIN IMMEDIATE');
    const { code, stderr } = await program.run(['send', '447700900000', 'Hello']);
    db.exec('ROLLBACK');
    db.close();
    expect(code).toBe(75);
    expect(stderr).toMatch(/^sms-spoold: another program holds a lock on the spool.*\n$/);
  });
});

describe('standard output', () => {
  it('standard output may be closed by its reader without a word', async () => {
    const program = setup().init();
    program.exec(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000)
      INSERT INTO messages (recipient, text) SELECT 447700900000 + i, 'Hello' FROM n`);
    const child = program.start(['list', '--json', '--limit', '5000']);
    child.stdout?.once('data', () => child.stdout?.destroy());
    const { code, stderr } = await ended(child);
    expect(stderr).toBe('');
    expect(code).toBe(0);
  });
});

describe('init', () => {
  it('init makes a spool, then says it is up to date', async () => {
    const program = setup();
    expect((await program.run(['init'])).stdout).toMatch(/^Made the spool .*spool\.db \(schema/);
    expect(program.value('SELECT count(*) FROM messages')).toBe(0);
    expect((await program.run(['init'])).stdout).toMatch(/ is up to date /);
  });

  it('init leaves a file that is no spool as it is', async () => {
    const program = setup();
    program.write('spool.db', 'a shopping list, by no means a database');
    const { code, stderr } = await program.run(['init']);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^sms-spoold: .*is not an SQLite database.*\n$/);
    expect(readFileSync(program.spoolPath, 'utf8')).toBe('a shopping list, by no means a database');
  });
});

describe('run', () => {
  it('run leaves with 75 while another daemon owns the spool', async () => {
    const program = setup().init();
    const { Ownership } = await import('../../src/spool/file/ownership.ts');
    const ownership = Ownership.take(program.spoolPath, ownFolderOf(program.spoolPath));
    const { code, stderr } = await program.run(['run']);
    ownership.release();
    expect(code).toBe(75);
    expect(stderr).toContain('Another daemon owns the spool');
  });
});
