/** Commands of root work as the owner of the spool's folder. Users are numbers without accounts; needs root. */
import { spawn, spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import Sqlite from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { MAIN } from './program.ts';

const OWNER = { uid: 65_021, gid: 65_022 } as const;
const isRoot = process.getuid?.() === 0;
const why = isRoot ? '' : ' (skipped: only root can become somebody else)';

let folder: string;
let spool: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sms-spoold-owner-'));
  chmodSync(folder, 0o755);
  spool = join(folder, 'spool');
  mkdirSync(spool);
  if (isRoot) chownSync(spool, OWNER.uid, OWNER.gid);
  chmodSync(spool, 0o2770);
  mkdirSync(join(folder, 'own'), { mode: 0o700 });
  if (isRoot) chownSync(join(folder, 'own'), OWNER.uid, OWNER.gid);
  writeFileSync(join(folder, 'secret'), 'abcd\n', { mode: 0o600 });
  writeFileSync(
    join(folder, 'config.toml'),
    `[spool]\npath = "${spool}/spool.db"\nown = "${folder}/own"\n[accounts.main]\napi_key = "k"\nsender = "x"\nrate = 1\n` +
      `base_url = "http://127.0.0.1:1"\napi_secret = { file = "${folder}/secret" }\n[admin]\nlisten = "127.0.0.1:0"\n`,
    { mode: 0o600 },
  );
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function run(args: readonly string[], main = MAIN) {
  const all = [main, '--config', join(folder, 'config.toml'), ...args];
  const { status, stdout, stderr } = spawnSync(process.execPath, all, {
    cwd: folder,
    env: { PATH: process.env['PATH'] ?? '', TZ: 'UTC', HOME: '/root' },
  });
  return { code: status, stdout, out: stdout.toString(), err: stderr.toString() };
}

const ownersIn = (path: string): readonly string[] =>
  readdirSync(path).map((name) => {
    const { uid, gid } = statSync(join(path, name));
    return `${name} ${uid}:${gid}`;
  });

/* The program and what it needs, as `npm i -g` by root leaves them under a home that is 0700. Returns its main file. */
function privateCopy(top: string): string {
  const checkout = resolve(import.meta.dirname, '../..');
  mkdirSync(join(top, 'node_modules'), { recursive: true, mode: 0o700 });
  const lock = JSON.parse(readFileSync(join(checkout, 'package-lock.json'), 'utf8')) as {
    readonly packages: Readonly<Record<string, { readonly dev?: true }>>;
  };
  const needed = Object.keys(lock.packages).filter(
    (path) => /^node_modules\/(?:@[^/]+\/)?[^/]+$/.test(path) && lock.packages[path]?.dev !== true,
  );
  for (const path of ['dist', 'package.json', ...needed]) {
    const from = join(checkout, path);
    if (existsSync(from)) cpSync(from, join(top, path), { recursive: true });
  }
  return join(top, 'dist/main.js');
}

describe(`a command of root${why}`, () => {
  it.skipIf(!isRoot)(
    'a command of root makes, reads and checks the spool as the owner of its folder, and reads the secret as root',
    () => {
      expect(run(['init'])).toMatchObject({ code: 0, err: '' });
      expect(run(['send', '447700900000', 'x'])).toMatchObject({ code: 0 });
      expect(run(['check', '--offline']).out).not.toMatch(/secret.*cannot be read/);
      expect(ownersIn(spool)).toContain(`spool.db ${OWNER.uid}:${OWNER.gid}`);
      expect(ownersIn(spool).filter((one) => !one.endsWith(`${OWNER.uid}:${OWNER.gid}`))).toEqual(
        [],
      );
    },
  );

  it.skipIf(!isRoot)(
    'a command of root names the command that makes a folder for a backup that the owner may not write',
    () => {
      run(['init']);
      mkdirSync(join(folder, 'root-only'), { mode: 0o700 });
      const file = join(folder, 'root-only/backup.db');
      for (const args of [
        ['backup', file],
        ['prune', '--older-than', '1d', '--archive', file],
      ]) {
        const { code, err } = run(args);
        expect(code).toBe(1);
        expect(err).toContain(
          `install -d -o ${OWNER.uid} -g ${OWNER.gid} -m 0750 ${folder}/root-only/sms-spoold`,
        );
        expect(existsSync(file)).toBe(false);
      }
      const { err } = run(['backup', join(folder, 'none/backup.db')]);
      expect(err).toContain(`install -d -o ${OWNER.uid} -g ${OWNER.gid} -m 0750 ${folder}/none`);
    },
  );

  it.skipIf(!isRoot)('backs up to standard output', () => {
    run(['init']);
    const { code, stdout, err } = run(['backup', '-']);
    expect({ code, err }).toEqual({ code: 0, err: '' });
    const file = join(folder, 'copy.db');
    writeFileSync(file, stdout);
    const db = new Sqlite(file);
    expect(db.pragma('integrity_check', { simple: true })).toBe('ok');
    expect(db.prepare(`SELECT count(*) FROM spool WHERE name = 'backup'`).pluck().get()).toBe(1);
    db.close();
  });

  it.skipIf(!isRoot)('a command of root stays root where the folder is of root', () => {
    chownSync(spool, 0, OWNER.gid);
    expect(run(['init'])).toMatchObject({ code: 0 });
    expect(statSync(join(spool, 'spool.db')).uid).toBe(0);
    expect(run(['backup', join(folder, 'backup.db')])).toMatchObject({ code: 0 });
    expect(statSync(join(folder, 'backup.db')).uid).toBe(0);
  });

  it.skipIf(!isRoot)('imports a file that only root may read', () => {
    run(['init']);
    const file = join(folder, 'rows.csv');
    writeFileSync(file, 'recipient,text\n447700900000,hello\n', { mode: 0o600 });
    expect(run(['import', file])).toMatchObject({ code: 0, err: '' });
  });

  it.skipIf(!isRoot)('a command of root works from a folder that only root may read', async () => {
    const main = privateCopy(join(folder, 'program'));
    expect(run(['init'], main)).toMatchObject({ code: 0, err: '' });
    expect(run(['top', '--once'], main)).toMatchObject({ code: 0, err: '' });
    const daemon = spawn(process.execPath, [main, '--config', join(folder, 'config.toml'), 'run']);
    onTestFinished(() => void daemon.kill('SIGKILL'));
    let said = '';
    for await (const chunk of daemon.stdout) {
      said += String(chunk);
      if (said.includes('daemon.stopped')) break;
      const [, admin] = /"daemon.ready".*"admin":"([^"]+)"/.exec(said) ?? [];
      if (admin === undefined || said.includes('daemon.draining')) continue;
      expect(await (await fetch(`http://${admin}/metrics`)).text()).toContain('sms_spoold');
      daemon.kill('SIGTERM');
    }
    expect(said).toContain('daemon.stopped');
  });

  it.skipIf(!isRoot)('run: the daemon works as the owner, too', () => {
    run(['init']);
    const db = new Sqlite(join(spool, 'spool.db'));
    db.exec('CREATE TRIGGER t AFTER INSERT ON parts BEGIN SELECT 1; END');
    db.close();
    chownSync(join(spool, 'spool.db'), OWNER.uid, OWNER.gid);
    const { code, err } = run(['run']);
    expect(code).toBe(78);
    expect(err).toContain('trigger "t"');
    expect(ownersIn(spool).filter((one) => !one.includes(` ${OWNER.uid}:`))).toEqual([]);
  });
});
