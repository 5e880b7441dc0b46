/**
 * The daemon as a service of a booted machine of its own: the unit files of systemd/ where the package puts
 * them, a sandbox gateway beside it, and the users of the tests, `app` in the group sms-spool and `stranger`
 * not. Only where the program lies differs from the package: /usr is this machine's, and read-only.
 */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { onTestFinished } from 'vitest';
import { Machine, type RunOptions } from './machine.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const SPOOL = '/var/lib/sms-spoold/spool.db';
const PROGRAM = '/opt/sms-spoold/node /opt/sms-spoold/dist/main.js';
/** Where receipts come in. */
const PORT = 8026;

/* Where this repository's files lie in the machine. */
const BINDS = {
  [process.execPath]: '/opt/sms-spoold/node',
  [resolve(ROOT, 'package.json')]: '/opt/sms-spoold/package.json',
  [resolve(ROOT, 'dist')]: '/opt/sms-spoold/dist',
  [resolve(ROOT, 'node_modules')]: '/opt/sms-spoold/node_modules',
  [import.meta.dirname]: '/opt/test',
} as const;

/* File of systemd/ → where it is installed. */
const INSTALLED = {
  'sms-spoold.service': '/etc/systemd/system/sms-spoold.service',
  'sms-spoold.socket': '/etc/systemd/system/sms-spoold.socket',
  'sms-spoold.sysusers': '/etc/sysusers.d/sms-spoold.conf',
  'sms-spoold.tmpfiles': '/etc/tmpfiles.d/sms-spoold.conf',
  'sms-spoold.logrotate': '/etc/logrotate.d/sms-spoold',
} as const;

const USERS = `u app -
u stranger -
m app sms-spool
`;

/** A configuration that sends to the machine's gateway. */
export const CONFIG = `[spool]
path = "${SPOOL}"
[accounts.main]
api_key = "sandbox1"
api_secret = { credential = "api-secret" }
base_url = "http://127.0.0.1:8028"
sender = "AcmeInc"
rate = 500
[log]
file = "/var/log/sms-spoold/status.log"
`;

export interface Options {
  readonly config?: string;
  /** Receipts come to the socket unit. */
  readonly hasSocket?: boolean;
  /** The daemon is started by the test itself. */
  readonly isStopped?: boolean;
  /** Seconds; left out: the unit's own. */
  readonly watchdogS?: number;
  /** Seconds from the acceptance to the receipt; null = none comes. */
  readonly receiptAfterS?: number | null;
}

/** Why no machine can be booted here; null = one can. Boots one to see. */
export async function whyNoMachine(): Promise<string | null> {
  const machine = await Machine.boot(BINDS);
  if (typeof machine === 'string') return machine;
  const { code } = machine.run('ls /usr/bin/sqlite3 /usr/bin/python3');
  await machine[Symbol.asyncDispose]();
  return code === 0 ? null : 'sqlite3 and python3 are not both in /usr/bin';
}

/** A line of the journal. */
export interface Entry {
  readonly MESSAGE: string;
  readonly PRIORITY: string;
}

export class Installed {
  readonly machine: Machine;

  private constructor(machine: Machine) {
    this.machine = machine;
  }

  /** Booted, installed, and started; taken down with the test. */
  static async setup(options: Options = {}): Promise<Installed> {
    const machine = await Machine.boot(BINDS);
    if (typeof machine === 'string') throw new Error(machine);
    onTestFinished(() => machine[Symbol.asyncDispose]());
    const installed = new Installed(machine);
    installed.#install(options);
    await installed.#startGateway(options.receiptAfterS ?? null);
    if (options.hasSocket === true) installed.systemctl('start sms-spoold.socket');
    if (options.isStopped !== true) installed.systemctl('start sms-spoold');
    return installed;
  }

  /** What systemctl says. Throws when it fails. */
  systemctl(words: string): string {
    return this.machine.say(`systemctl ${words}`);
  }

  /** A property of the unit. */
  property(name: string): string {
    return this.systemctl(`show --property=${name} --value sms-spoold.service`);
  }

  /** A signal for the daemon alone. */
  kill(signal: string): void {
    this.systemctl(`kill --signal=${signal} --kill-whom=main sms-spoold.service`);
  }

  /** The command line, as root. */
  command(words: string): string {
    const credentials = 'CREDENTIALS_DIRECTORY=/run/credentials/sms-spoold.service';
    return this.machine.say(`cd / && ${credentials} ${PROGRAM} ${words}`);
  }

  /** Writes the configuration; the daemon reads it at its start or at a reload. */
  configure(config: string): void {
    this.machine.write('/etc/sms-spoold/sms-spoold.toml', config);
  }

  /** Makes the spool, as the user of the daemon. */
  init(): void {
    this.machine.say(`cd / && ${PROGRAM} init`, { user: 'sms-spoold' });
  }

  /** The gateway takes requests and does not answer them until `thaw`. */
  freezeGateway(): void {
    this.systemctl('kill --signal=STOP gateway.service');
  }

  thawGateway(): void {
    this.systemctl('kill --signal=CONT gateway.service');
  }

  /** What the sqlite3 shell says, run by a user of the group. */
  sql(statement: string, options: RunOptions = { user: 'app' }): string {
    const shell = `umask 022; sqlite3 -batch -cmd '.timeout 20000' ${SPOOL}`;
    return this.machine.say(shell, { ...options, input: `${statement};\n` });
  }

  /** What a Python program says that has `db`, a connection of its own. */
  python(program: string): string {
    const head = `import os, signal, sqlite3\ndb = sqlite3.connect('${SPOOL}', timeout=20)\n`;
    const run = 'umask 022; python3 -';
    return this.machine.say(run, { user: 'app', input: head + program });
  }

  /** A message, dropped by the sqlite3 shell; its id. */
  drop(recipient = '447700900000'): number {
    const insert = `INSERT INTO messages (recipient, text) VALUES ('${recipient}', 'Hello')`;
    return Number(this.sql(`${insert}; SELECT last_insert_rowid()`));
  }

  state(id: number): string {
    return this.sql(`SELECT state FROM messages WHERE id = ${id}`);
  }

  async untilState(id: number, state: string): Promise<void> {
    await this.machine.until(() => this.state(id) === state, `${state} of ${id}`);
  }

  /** Messages that the gateway has accepted so far. */
  accepted(): number {
    const ledger = JSON.parse(this.#askGateway('/ledger?entries=no')) as Ledger;
    return ledger.counters.accepted;
  }

  /** Writes what the gateway has accepted, one message a line, to a file of the machine. */
  saveLedger(path: string): void {
    this.machine.write(path, this.#askGateway('/ledger?format=ndjson'));
  }

  /** Connections to the port for receipts that nobody has accepted yet. */
  waitingConnections(): number {
    const LISTENS = '0A';
    const port = PORT.toString(16).toUpperCase().padStart(4, '0');
    const rows = this.machine
      .say('cat /proc/net/tcp')
      .split('\n')
      .map((row) => row.trim().split(/\s+/));
    const row = rows.find(([, local, , state]) => local?.endsWith(`:${port}`) && state === LISTENS);
    const [, received = '0'] = row?.[4]?.split(':') ?? [];
    return Number.parseInt(received, 16);
  }

  /** What the daemon wrote, in order. */
  journal(): readonly Entry[] {
    const lines = this.machine.say('journalctl --unit=sms-spoold -o json --no-pager');
    const entries = lines.split('\n').map((line) => JSON.parse(line) as Entry & Source);
    return entries.filter(({ _TRANSPORT }) => _TRANSPORT === 'stdout');
  }

  /** The events the daemon wrote, in order. */
  events(): readonly string[] {
    return this.journal().flatMap(({ MESSAGE }) => /"event":"([^"]+)"/.exec(MESSAGE)?.[1] ?? []);
  }

  #askGateway(path: string): string {
    const ask = `console.log(await (await fetch('http://127.0.0.1:8028${path}')).text())`;
    return this.machine.say('/opt/sms-spoold/node --input-type=module -', { input: ask });
  }

  #install({ config = CONFIG, watchdogS }: Options): void {
    const { machine } = this;
    machine.say('mkdir -p /etc/sysusers.d /etc/tmpfiles.d /etc/logrotate.d /etc/sms-spoold');
    machine.say('mkdir -p /etc/systemd/system/sms-spoold.service.d');
    for (const [name, path] of Object.entries(INSTALLED)) machine.write(path, shipped(name));
    machine.write('/etc/systemd/system/sms-spoold.service.d/test.conf', dropIn(watchdogS));
    machine.write('/etc/sysusers.d/test.conf', USERS);
    machine.say('systemd-sysusers && systemd-tmpfiles --create sms-spoold.conf');
    machine.write('/etc/sms-spoold/api-secret', 'sandbox-secret\n', 0o600);
    this.configure(config);
    machine.say('systemctl daemon-reload');
  }

  async #startGateway(receiptAfterS: number | null): Promise<void> {
    const receipts =
      receiptAfterS === null ? '' : `--receipts --receipt-delay ${receiptAfterS * 1_000}`;
    const sandbox = `${PROGRAM} sandbox --rate 1000 ${receipts}`;
    this.machine.say(`systemd-run --quiet --unit=gateway ${sandbox}`);
    const isUp = (): boolean =>
      this.machine.run('journalctl --unit=gateway -o cat').stdout.includes('8028');
    await this.machine.until(isUp, 'the gateway');
  }
}

interface Ledger {
  readonly counters: { readonly accepted: number };
}

interface Source {
  readonly _TRANSPORT: string;
}

function shipped(name: string): string {
  return readFileSync(resolve(ROOT, 'systemd', name), 'utf8');
}

/* The unit as it is but for the place of the program, and the hook. */
function dropIn(watchdogS: number | undefined): string {
  const command = /^ExecStart=(.*)$/m.exec(shipped('sms-spoold.service'))?.[1] ?? '';
  const moved = command.replaceAll('/usr/lib/sms-spoold/', '/opt/sms-spoold/');
  const hooked = moved.replace(' ', ' --import /opt/test/hang.ts ');
  const watchdog = watchdogS === undefined ? '' : `WatchdogSec=${watchdogS}\n`;
  return `[Service]\nExecStart=\nExecStart=${hooked}\n${watchdog}`;
}
