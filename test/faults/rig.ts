/**
 * A sandbox, a spool with messages in a folder of its own, and a configuration for the built daemon that is run on it
 * as a process.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { onTestFinished as onThisFinished, type TestContext } from 'vitest';
import type { SandboxOptions } from '../../src/sandbox/sandbox-options.ts';
import { startSandbox, type Sandbox } from '../../src/sandbox/sandbox-gateway.ts';
import { openSpool, type Database } from '../../src/spool/file/open.ts';
import { Program, type ProgramOptions } from '../crash/program.ts';

const API_KEY = 'abcd1234';
const API_SECRET = 'secret';
const LOOK_EVERY_MS = 10;
const FIRST_RECIPIENT = 447_700_900_000;

export interface RigOptions {
  /** Where the spool's folder is made; default the temporary one of the system. */
  readonly within?: string;
  readonly sandbox?: SandboxOptions;
  /** Further keys of the account, a line each. */
  readonly account?: string;
  /** Where receipts are listened for; default a free port. */
  readonly receipts?: string;
  /** Where the daemon tells of itself. */
  readonly admin?: string;
  /** Further tables of the configuration. */
  readonly tables?: string;
  /** Of the test's own context, where tests run at the same time. */
  readonly onTestFinished?: TestContext['onTestFinished'];
}

export interface Rig {
  readonly folder: string;
  readonly path: string;
  readonly config: string;
  readonly sandbox: Sandbox;
  /** Another program's connection. */
  readonly db: Database;
  readonly drop: (count: number) => void;
  readonly start: (options?: Omit<ProgramOptions, 'config'>) => Program;
  readonly count: (state: string) => number;
  readonly until: (check: () => boolean) => Promise<void>;
}

export async function rigUp(options: RigOptions = {}): Promise<Rig> {
  const { onTestFinished = onThisFinished } = options;
  const folder = mkdtempSync(join(options.within ?? tmpdir(), 'sms-spoold-faults-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const sandbox = await startSandbox({
    accounts: { [API_KEY]: { secret: API_SECRET, rate: null, balance: 1e6 } },
    ...options.sandbox,
  });
  onTestFinished(() => sandbox.close());
  const path = join(folder, 'spool.db');
  const config = join(folder, 'sms-spoold.toml');
  writeFileSync(config, configText(sandbox.url, options), { mode: 0o600 });
  const db = openSpool(path, { create: true, busyTimeoutMs: 5_000 });
  onTestFinished(() => void db.close());
  const insert = db.prepare('INSERT INTO messages (recipient, text) VALUES (?, ?)');
  let dropped = 0;
  return {
    ...{ folder, path, config, sandbox, db },
    drop: (count) => {
      const all = db.transaction(() => {
        for (const end = dropped + count; dropped < end; dropped += 1) {
          insert.run(String(FIRST_RECIPIENT + dropped), `Your order ${dropped} comes tomorrow`);
        }
      });
      all.immediate();
    },
    start: (program = {}) => {
      const started = new Program({ config, ...program });
      onTestFinished(() => started[Symbol.asyncDispose]());
      return started;
    },
    count: (state) =>
      Number(db.prepare('SELECT count(*) FROM messages WHERE state = ?').pluck().get(state)),
    until: async (check) => {
      while (!check()) await sleep(LOOK_EVERY_MS);
    },
  };
}

function configText(
  url: string,
  { account = '', receipts = '127.0.0.1:0', admin = '127.0.0.1:0', tables = '' }: RigOptions,
): string {
  return `
[spool]
path = "spool.db"
[accounts.main]
api_key = "${API_KEY}"
api_secret = "${API_SECRET}"
base_url = "${url}"
sender = "AcmeInc"
rate = 10000
${account}
[receipts]
listen = "${receipts}"
[admin]
listen = "${admin}"
${tables}
`;
}
