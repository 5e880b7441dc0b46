/**
 * The whole daemon in this process, against the sandbox, on a spool in a folder of its own: a fresh bundle
 * per test, taken down with it. Time can be moved: waits of minutes pass at once, for the daemon alone.
 */
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { AccountConfig, Config } from '../../src/config/config.ts';
import { Daemon } from '../../src/daemon/daemon.ts';
import type { SandboxOptions } from '../../src/sandbox/sandbox-options.ts';
import type { ReceiptOptions } from '../../src/sandbox/receipt-options.ts';
import { startSandbox, type Sandbox } from '../../src/sandbox/sandbox-gateway.ts';
import type { DropRow } from '../../src/spool/write/insert.ts';
import { NOT_AT_WORK } from '../../src/daemon/status-source.ts';
import type { HealthFacts } from '../../src/systemd/pulse.ts';
import { makeFolder, openHandle, type Handle, type Row } from './spool.ts';

export const KEY = 'sandbox1';
export const SECRET = 'sandbox-secret';
/** An ordinary recipient; magic ones are in src/sandbox/magic-recipients.ts. */
export const RECIPIENT = '447700900000';

const DEADLINE_MS = 20_000;
const LOOK_EVERY_MS = 5;

/** What differs from an account that may send a thousand a second, and from the defaults of the rest. */
export interface Over {
  readonly account?: Partial<AccountConfig>;
  readonly accounts?: readonly AccountConfig[];
  readonly messages?: Partial<Config['messages']>;
  readonly retry?: Partial<Config['retry']>;
  readonly receipts?: Partial<Config['receipts']>;
  readonly reconcile?: Partial<Config['reconcile']>;
  readonly notify?: Config['notify'];
  readonly suppress?: Partial<Config['suppress']>;
  readonly fairness?: Partial<Config['fairness']>;
  readonly limits?: Partial<Config['limits']>;
  readonly quiet?: Config['quiet'];
  readonly safety?: Partial<Config['safety']>;
  readonly admin?: Partial<Config['admin']>;
  readonly log?: Partial<Config['log']>;
  readonly spoolPath?: string;
  readonly spool?: Partial<Config['spool']>;
  readonly classify?: Config['classify'];
}

export interface Options extends Over {
  readonly sandbox?: SandboxOptions;
  /** The daemon is started by the test itself. */
  readonly isStopped?: boolean;
}

export type Line = Readonly<Record<string, unknown>>;

/** A wall clock and a monotonic clock that can be moved forward together; the wall clock can also be set. */
export class MovableClock {
  #aheadMs = 0;
  #setByMs = 0;
  readonly now = (): number => (Date.now() + this.#aheadMs + this.#setByMs) / 1000;
  readonly monotonicMs = (): number => performance.now() + this.#aheadMs;

  get isAhead(): boolean {
    return this.#aheadMs + this.#setByMs !== 0;
  }

  /** The wall clock is set forward, or back, and no time passes. */
  set(seconds: number): void {
    this.#setByMs += seconds * 1000;
  }

  advance(seconds: number): void {
    this.#aheadMs += seconds * 1000;
  }
}

export interface Bundle extends Handle {
  readonly path: string;
  readonly sandbox: Sandbox;
  readonly clock: MovableClock;
  /** What went wrong with the daemon itself: must stay empty. */
  readonly fatal: readonly unknown[];
  readonly start: (over?: Over) => Promise<void>;
  /** Where the daemon takes receipts. */
  readonly receiptsUrl: () => string;
  /** Where the daemon tells of itself, without a path. */
  readonly adminUrl: () => string;
  /** The sandbox sends receipts to the daemon from now on. */
  readonly sendReceipts: (options?: ReceiptOptions) => Promise<void>;
  /** As the service manager is told. */
  readonly health: () => HealthFacts;
  readonly turns: () => number;
  /** Why the start waits; null = it does not. */
  readonly waiting: () => string | null;
  /** Drains and lets go of the spool. */
  readonly stop: () => Promise<void>;
  /** Time passes for the daemon, and it notices. */
  readonly advance: (seconds: number) => void;
  readonly until: (check: () => boolean, what?: string) => Promise<void>;
  readonly untilState: (id: number, state: string) => Promise<Row>;
  /** Asks as an operator does and waits for the answer. */
  readonly ask: (request: Readonly<Record<string, string | number>>) => Promise<Row>;
  readonly account: (name?: string) => Row;
  readonly attempts: (id: number) => readonly Row[];
  readonly count: (state: string) => number;
  /** Lines of the status log, or those of one event. */
  readonly lines: (event?: string) => readonly Line[];
  /** The status log as it was written. */
  readonly raw: () => string;
}

export function accountOf(url: string, over: Partial<AccountConfig> = {}): AccountConfig {
  return {
    name: 'main',
    apiKey: KEY,
    apiSecret: SECRET,
    signature: null,
    baseUrl: url,
    sender: 'AcmeInc',
    rate: 1_000,
    concurrency: 10,
    timeoutMs: 2_000,
    senders: new Map(),
    nested: null,
    ...over,
  };
}

export function configOf(path: string, url: string, over: Over = {}): Config {
  const accounts = over.accounts ?? [accountOf(url, over.account)];
  return {
    file: null,
    spool: {
      ...{ path, own: null, retentionMs: null, keysForMs: 7_776_000_000, forgetTextAfterMs: null },
      ...over.spool,
    },
    accounts,
    defaultAccount: accounts[0]?.name ?? null,
    receipts: {
      listen: '127.0.0.1:0',
      path: '/receipts',
      expect: true,
      signatureSecrets: [],
      signatureMethod: 'sha256',
      timeoutMs: 76 * 3_600_000,
      acceptedIsEnough: [],
      resend: null,
      ...over.receipts,
    },
    reconcile: { reports: false, baseUrl: url, ...over.reconcile },
    notify: over.notify ?? null,
    suppress: { automatic: true, ...over.suppress },
    quiet: over.quiet ?? [],
    safety: {
      ...{ perRecipient: null, collapseMs: null, spendPerDay: null, minBalance: null },
      ...{ onlyPrefixes: null, onlySenders: null, maxParts: null, binary: true },
      ...{ zone: 'UTC', ...over.safety },
    },
    admin: { listen: '127.0.0.1:0', hosts: [], ...over.admin },
    messages: {
      validityMs: 86_400_000,
      onUncertain: 'resend',
      uncertainAfterMs: 300_000,
      ...over.messages,
    },
    fairness: { reserve: 0.1, ...over.fairness },
    limits: { lanes: 5_000, ...over.limits },
    retry: {
      maxAttempts: 8,
      firstDelayMs: 5_000,
      factor: 3,
      maxDelayMs: 1_800_000,
      ...over.retry,
    },
    classify: over.classify ?? new Map(),
    log: { level: 'info', file: null, recipients: 'masked', ...over.log },
    warnings: [],
    secretFiles: [],
    secretOrigins: new Map(),
  };
}

export async function setup(options: Options = {}): Promise<Bundle> {
  const path = options.spoolPath ?? join(makeFolder(), 'spool.db');
  const sandbox = await startSandbox({ accounts: { [KEY]: { rate: null } }, ...options.sandbox });
  onTestFinished(() => sandbox.close());
  const handle = openHandle(path);
  const clock = new MovableClock();
  const fatal: unknown[] = [];
  const log: string[] = [];
  let daemon: Daemon | null = null;
  const stop = async (): Promise<void> => {
    const stopping = daemon;
    daemon = null;
    await stopping?.[Symbol.asyncDispose]();
  };
  const start = async (over: Over = {}): Promise<void> => {
    const started = new Daemon(configOf(path, sandbox.url, { ...options, ...over }), {
      clock,
      logOutput: { write: (lines) => void log.push(lines) },
      onFatal: (error) => fatal.push(error),
    });
    daemon = started;
    await started.start();
  };
  onTestFinished(stop);
  const receiptsUrl = (): string => `http://${daemon?.receiptsAddress ?? 'nowhere'}/receipts`;
  const adminUrl = (): string => `http://${daemon?.adminAddress ?? 'nowhere'}`;
  if (options.isStopped !== true) await start();
  const { db, all, message } = handle;

  const lines = (event?: string): readonly Line[] =>
    log
      .join('')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as Line)
      .filter((line) => event === undefined || line['event'] === event);
  const complaint = (what: string): Error => {
    const states = JSON.stringify(
      all('SELECT state, reason, count(*) n FROM messages GROUP BY 1, 2'),
    );
    return new Error(
      `${what} did not come: ${states}, fatal: ${String(fatal)}\n${log.slice(-5).join('')}`,
    );
  };
  const until = async (check: () => boolean, what = 'what is waited for'): Promise<void> => {
    const endsAt = performance.now() + DEADLINE_MS;
    while (!check()) {
      if (performance.now() > endsAt) throw complaint(what);
      await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
    }
  };
  const untilState = async (id: number, state: string): Promise<Row> => {
    await until(() => message(id)['state'] === state, `${state} of ${id}`);
    return message(id);
  };
  const control = (id: number | bigint): Row =>
    all('SELECT * FROM control WHERE id = ?', id)[0] ?? {};
  const ask = async (request: Readonly<Record<string, string | number>>): Promise<Row> => {
    const names = Object.keys(request);
    const sql = `INSERT INTO control (${names.join()}) VALUES (${names.map(() => '?').join()})`;
    const id = db.prepare(sql).run(...Object.values(request)).lastInsertRowid;
    await until(() => control(id)['done_at'] !== null, `an answer to ${JSON.stringify(request)}`);
    return control(id);
  };
  /* A row is dated by the clock of the daemon, which may be ahead. */
  const dropOne = db.transaction((row: DropRow): number => {
    const id = handle.drop(row);
    if (clock.isAhead)
      db.prepare('UPDATE messages SET revision = revision + 1, created_at = ? WHERE id = ?').run(
        clock.now(),
        id,
      );
    return id;
  });
  const drop = (row: DropRow = {}): number => dropOne.immediate(row);
  return {
    ...handle,
    drop,
    path,
    sandbox,
    clock,
    fatal,
    receiptsUrl,
    health: () => daemon?.health ?? NOT_AT_WORK,
    turns: () => daemon?.turns ?? 0,
    waiting: () => daemon?.waiting ?? null,
    adminUrl,
    sendReceipts: (receipts = {}) =>
      sandbox.configure({ receipts: { delayMs: 0, ...receipts, url: receiptsUrl() } }),
    start,
    stop,
    until,
    untilState,
    ask,
    lines,
    raw: () => log.join(''),
    advance: (seconds) => {
      clock.advance(seconds);
      /* Any commit wakes it; one that changes nothing is none. */
      db.exec(`INSERT INTO keys (key, message_id, used_at) VALUES (hex(randomblob(8)), 0, 0)`);
    },
    account: (name = 'main') => all('SELECT * FROM accounts WHERE name = ?', name)[0] ?? {},
    attempts: (id) => all('SELECT * FROM attempts WHERE message_id = ? ORDER BY number', id),
    count: (state) => all('SELECT 1 FROM messages WHERE state = ?', state).length,
  };
}
