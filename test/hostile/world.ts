/**
 * A machine in small, as a hostile member of the spool's group finds it: a folder of the spool (2770, of the daemon's
 * user and the group), a configuration and a secret that the member may not read, and trees of other users that
 * nothing may change. Users are numbers without accounts. Needs root.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  copyFileSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import type { Member } from './member.ts';
import { asUser, CLI, DAEMON, MAIN, MEMBER, ROOT, type User } from './users.ts';

/** Backups and archives that are asked for have names that begin so. */
export const ASKED = 'of-';
export const SECRET = 'the-secret-nobody-else-may-see';
const TIME_MAX_MS = 120_000;
/* Runs several commands, and marks the end of each with its exit code. */
const SEVERAL = `
  const [cli, mark, list] = process.argv.slice(1);
  const { main } = await import(cli);
  for (const args of JSON.parse(list)) {
    process.exitCode = undefined;
    const code = await main(args);
    process.stdout.write(mark + code + mark);
    process.stderr.write(mark + code + mark);
  }
  process.exitCode = 0;`;

export interface Said {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** What all worlds share. */
export interface Ground {
  /** Where the daemon may send. */
  readonly gateway: string;
  readonly member: Member;
  /** A spool with one message, which a world gets a copy of; null = make one. */
  readonly template: string | null;
}

export class World implements AsyncDisposable {
  readonly folder = mkdtempSync(join(tmpdir(), 'sms-spoold-hostile-'));
  /** Of the spool. */
  readonly spool = join(this.folder, 'spool');
  readonly spoolPath = join(this.spool, 'spool.db');
  /** Where the daemon and root write what they are asked for: backups and archives. */
  readonly out = join(this.folder, 'out');
  readonly config = join(this.folder, 'etc/sms-spoold.toml');
  /** Files of root, of the daemon's user and of the member, which only their owners may change. */
  readonly decoy = join(this.folder, 'decoy');
  readonly daemonHome = join(this.folder, 'daemon-home');
  readonly memberHome = join(this.folder, 'member-home');
  /** What came to an address that the member wants things to be sent to. */
  readonly collected: string[] = [];
  readonly #ground: Ground;
  readonly #collector: Server;
  readonly #children = new Set<ChildProcess>();
  #collectorUrl = '';
  #before: ReadonlyMap<string, string> = new Map();

  constructor(ground: Ground) {
    this.#ground = ground;
    this.#collector = createServer((request, response) => {
      this.collected.push(`${request.method ?? ''} ${request.url ?? ''}`);
      response.end('{}');
    });
  }

  async build(): Promise<this> {
    chmodSync(this.folder, 0o755);
    const folder = (path: string, user: User, mode: number): void => {
      mkdirSync(path);
      chownSync(path, user.uid, user.gid);
      chmodSync(path, mode);
    };
    folder(this.spool, DAEMON, 0o2770);
    folder(this.out, DAEMON, 0o700);
    folder(join(this.folder, 'own'), DAEMON, 0o700);
    folder(join(this.folder, 'etc'), ROOT, 0o755);
    folder(this.decoy, ROOT, 0o755);
    folder(this.daemonHome, DAEMON, 0o755);
    folder(this.memberHome, MEMBER, 0o755);
    this.#write(join(this.decoy, 'root.txt'), 'of root\n', ROOT);
    this.#write(join(this.decoy, 'empty'), '', ROOT);
    this.#write(join(this.daemonHome, 'authorized_keys'), 'of the daemon\n', DAEMON);
    this.#write(join(this.daemonHome, 'empty'), '', DAEMON);
    this.#write(join(this.memberHome, 'own.txt'), 'of the member\n', MEMBER, 0o666);
    this.#write(join(this.folder, 'etc/secret'), `${SECRET}\n`, DAEMON);
    this.#write(this.config, configOf(this, this.#ground.gateway), ROOT, 0o644);
    await new Promise<void>((done) => this.#collector.listen(0, '127.0.0.1', done));
    const address = this.#collector.address();
    this.#collectorUrl =
      typeof address === 'object' && address !== null ? `http://127.0.0.1:${address.port}` : '';
    const { template } = this.#ground;
    if (template === null) {
      const [made] = await this.commands(DAEMON, [['init']]);
      if (made?.code !== 0) throw new Error(made?.stderr);
      await this.member(`INSERT INTO messages (recipient, text) VALUES ('447700900001', 'first')`);
      return this;
    }
    copyFileSync(template, this.spoolPath);
    chownSync(this.spoolPath, DAEMON.uid, DAEMON.gid);
    chmodSync(this.spoolPath, 0o660);
    return this;
  }

  get collectorUrl(): string {
    return this.#collectorUrl;
  }

  /** From now on nothing may change outside the spool's folder. */
  remember(): void {
    this.#before = this.#snapshot();
  }

  /** What was created, changed or removed since, or sent to the collector. */
  harm(): readonly string[] {
    const now = this.#snapshot();
    const paths = [...new Set([...this.#before.keys(), ...now.keys()])].sort();
    const changed = paths.filter((path) => this.#before.get(path) !== now.get(path));
    const leaked = readdirSync(this.spool)
      .map((name) => join(this.spool, name))
      .filter((path) => lstatSync(path).isFile() && readFileSync(path).includes(SECRET));
    return [
      ...leaked.map((path) => `${path} holds the secret`),
      ...changed.map(
        (path) => `${path}: ${this.#before.get(path) ?? 'new'} → ${now.get(path) ?? 'gone'}`,
      ),
      ...this.collected,
    ];
  }

  /** Runs SQL as the member does, with constraints off and every function allowed. */
  async member(sql: string): Promise<void> {
    await this.memberScript(`
      const db = new Sqlite(${JSON.stringify(this.spoolPath)}, { timeout: 10_000 });
      db.unsafeMode();
      db.pragma('ignore_check_constraints = ON');
      db.exec(${JSON.stringify(sql)});
      db.close();`);
  }

  /** Runs JavaScript as the member, in the spool's folder. */
  async memberScript(script: string): Promise<void> {
    const { spool, spoolPath, out, decoy, daemonHome, memberHome, collectorUrl } = this;
    const places = { spool, spoolPath, out, decoy, daemonHome, memberHome, collectorUrl };
    await this.#ground.member.run(places, script);
  }

  /**
   * Commands, one after the other in one process, from the spool's folder. Each has ended before the next begins;
   * where the process ends or hangs within one, the rest is missing.
   */
  async commands(
    user: User,
    list: readonly (readonly string[])[],
    isConfigured = true,
  ): Promise<readonly Said[]> {
    const mark = randomUUID();
    const config = isConfigured ? ['--config', this.config] : [];
    const lines = JSON.stringify(list.map((args) => [...config, ...args]));
    const node = ['--input-type=module', '-e', SEVERAL, CLI, mark, lines];
    const whole = await ended(this.#spawn(user, node, isConfigured));
    const out = whole.stdout.split(mark);
    const err = whole.stderr.split(mark);
    const isWhole = out.length === 2 * list.length + 1;
    const said = list.slice(0, (out.length - 1) / 2).map((_args, at) => ({
      code: Number(out[2 * at + 1]),
      signal: null,
      stdout: out[2 * at] ?? '',
      stderr: err[2 * at] ?? '',
    }));
    const isInOrder = isWhole && whole.code === 0;
    return isInOrder ? said : [...said, { ...whole, stdout: out.at(-1) ?? '' }];
  }

  /** The daemon until it is ready or waits, or has ended; then `meanwhile`, and SIGTERM if it still runs. */
  async run(user: User, meanwhile: () => Promise<void>, isConfigured = true): Promise<Said> {
    const config = isConfigured ? ['--config', this.config] : [];
    const child = this.#spawn(user, [MAIN, ...config, 'run'], isConfigured);
    const end = ended(child);
    let text = '';
    const isUp = new Promise<void>((done) => {
      child.stdout?.on('data', (chunk: string) => {
        text += chunk;
        if (/daemon\.(ready|waiting|unconfigured)/.test(text)) done();
      });
    });
    await Promise.race([isUp, end]);
    await meanwhile();
    if (child.exitCode === null) child.kill('SIGTERM');
    return end;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of this.#children) child.kill('SIGKILL');
    await this.memberScript('for (const db of held) db.close()');
    await new Promise<void>((done) => this.#collector.close(() => done()));
    rmSync(this.folder, { recursive: true, force: true });
  }

  #spawn(user: User, args: readonly string[], isConfigured: boolean): ChildProcess {
    const [program = '', ...rest] = asUser(user, [process.execPath, ...args]);
    const account = isConfigured ? {} : { VONAGE_API_KEY: 'k', VONAGE_API_SECRET: SECRET };
    const child = spawn(program, rest, {
      cwd: this.spool,
      /* A home that the member may have prepared. */
      env: { PATH: process.env['PATH'] ?? '', TZ: 'UTC', HOME: this.spool, ...account },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#children.add(child);
    child.once('close', () => this.#children.delete(child));
    return child;
  }

  #write(path: string, text: string, { uid, gid }: User, mode = 0o600): void {
    writeFileSync(path, text, { mode });
    chmodSync(path, mode);
    chownSync(path, uid, gid);
  }

  #snapshot(): ReadonlyMap<string, string> {
    const found = new Map<string, string>();
    for (const tree of ['decoy', 'daemon-home', 'member-home', 'etc', 'out']) {
      look(join(this.folder, tree), found);
    }
    for (const name of readdirSync(this.folder)) found.set(join(this.folder, name), 'there');
    return found;
  }
}

function look(path: string, found: Map<string, string>): void {
  const stats = lstatSync(path);
  const { mode, uid, gid, ino, nlink, mtimeMs } = stats;
  const content = stats.isFile()
    ? createHash('sha256').update(readFileSync(path)).digest('hex')
    : stats.isSymbolicLink()
      ? readlinkSync(path)
      : '';
  /* A backup or an archive that a command was asked for, and made as the daemon's user. */
  if (basename(path).startsWith(ASKED) && uid === DAEMON.uid) return;
  /* A folder changes with what is made in it, and that is looked at by itself. */
  const facts = stats.isDirectory() ? [mode, uid, gid, ino] : [mode, uid, gid, ino, nlink, mtimeMs];
  found.set(path, `${facts.join(' ')} ${content}`);
  if (stats.isDirectory()) for (const name of readdirSync(path)) look(join(path, name), found);
}

function configOf({ folder, spoolPath, spool }: World, gateway: string): string {
  return `[spool]
path = "${spoolPath}"
own = "${join(folder, 'own')}"
[log]
file = "${join(spool, 'status.log')}"
[receipts]
listen = "127.0.0.1:0"
[admin]
listen = "127.0.0.1:0"
[accounts.main]
api_key = "k"
api_secret = { file = "${join(folder, 'etc/secret')}" }
sender = "AcmeInc"
rate = 100
base_url = "${gateway}"
`;
}

function ended(child: ChildProcess): Promise<Said> {
  let [stdout, stderr] = ['', ''];
  child.stdout?.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const timer = setTimeout(() => child.kill('SIGKILL'), TIME_MAX_MS);
  return new Promise((done, failed) => {
    child.once('error', failed);
    child.once('close', (code, signal) => {
      clearTimeout(timer);
      done({ code, signal, stdout, stderr });
    });
  });
}
