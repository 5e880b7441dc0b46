/**
 * The daemon as a process of its own, told by its file and by signals, against a sandbox or whatever the test
 * puts in its place.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { startSandbox, type Sandbox } from '../../src/sandbox/sandbox-gateway.ts';
import { Program, type Line } from '../crash/program.ts';
import { makeFolder, openHandle, type Handle, type Row } from '../support/spool.ts';

export const KEY = 'abcd1234';
export const SECRET = 'the-secret';
/** One message goes at once, and the next in an hour and more: whatever else goes, goes by another rate. */
export const HARDLY = 0.0002;

const LOOK_EVERY_MS = 10;
const DEADLINE_MS = 50_000;

export type Said = Line & Readonly<Record<string, unknown>>;

export interface Account {
  readonly key?: string;
  readonly secret?: string;
  readonly sender?: string;
  readonly rate?: number;
  readonly concurrency?: number;
  /** Further lines. */
  readonly more?: string;
}

export interface File {
  readonly accounts?: Readonly<Record<string, Account>>;
  readonly log?: string;
  readonly spool?: string;
  readonly listen?: string;
  /** Further tables. */
  readonly more?: string;
}

export interface Rig extends Handle {
  readonly folder: string;
  readonly program: Program;
  readonly write: (file: File | string) => void;
  /** Writes the file, asks for a reload and waits for the line that says what came of it. */
  readonly reload: (file: File | string) => Promise<Said>;
  readonly until: (check: () => boolean) => Promise<void>;
  readonly untilState: (state: string, ids: readonly number[]) => Promise<void>;
  readonly said: (event: string) => readonly Said[];
  readonly account: (name?: string) => Row;
}

export async function sandboxFor(accounts: Readonly<Record<string, string>>): Promise<Sandbox> {
  const entries = Object.entries(accounts);
  const sandbox = await startSandbox({
    accounts: Object.fromEntries(entries.map(([key, secret]) => [key, { secret, rate: null }])),
  });
  onTestFinished(() => sandbox.close());
  return sandbox;
}

function textOf(url: string, { accounts = {}, ...file }: File): string {
  const tables = Object.entries(accounts).map(
    ([name, account]) => `
[accounts.${name}]
api_key = "${account.key ?? KEY}"
api_secret = "${account.secret ?? SECRET}"
base_url = "${url}"
sender = "${account.sender ?? 'AcmeInc'}"
rate = ${account.rate ?? 1000}
concurrency = ${account.concurrency ?? 4}
${account.more ?? ''}`,
  );
  return `
[spool]
path = "${file.spool ?? 'spool.db'}"
[receipts]
listen = "${file.listen ?? '127.0.0.1:0'}"
[admin]
listen = "127.0.0.1:0"
[log]
level = "${file.log ?? 'info'}"
${file.more ?? ''}
${tables.join('')}`;
}

/** Starts the daemon by this file; it is ready when this resolves, unless nothing is configured. */
export async function start(url: string, file: File | string): Promise<Rig> {
  const folder = makeFolder();
  mkdirSync(join(folder, 'data'));
  const config = join(folder, 'sms-spoold.toml');
  const write = (next: File | string): void =>
    writeFileSync(config, typeof next === 'string' ? next : textOf(url, next));
  write(file);
  const handle = openHandle(join(folder, 'spool.db'));
  const program = new Program({ config });
  onTestFinished(() => program[Symbol.asyncDispose]());
  await program.line(({ event }) => event === 'daemon.ready' || event === 'daemon.waiting');
  const said = (event: string): readonly Said[] =>
    program.lines.filter((line): line is Said => line.event === event);
  const until = async (check: () => boolean): Promise<void> => {
    const endsAt = performance.now() + DEADLINE_MS;
    while (!check()) {
      const last = JSON.stringify(program.lines.slice(-5));
      if (performance.now() > endsAt) throw new Error(`what is waited for did not come: ${last}`);
      await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
    }
  };
  const reload = async (next: File | string): Promise<Said> => {
    write(next);
    const before = program.lines.length;
    program.kill('SIGHUP');
    const isAnswer = (line: Line): boolean => /^daemon\.(reload|ready)/.test(line.event);
    await until(() => program.lines.slice(before).some(isAnswer));
    return program.lines.slice(before).find((line): line is Said => isAnswer(line)) as Said;
  };
  return {
    ...handle,
    ...{ folder, program, write, reload, until, said },
    untilState: (state, ids) =>
      until(() => ids.every((id) => handle.message(id)['state'] === state)),
    account: (name = 'main') => handle.all('SELECT * FROM accounts WHERE name = ?', name)[0] ?? {},
  };
}
