/**
 * Rows: every column of `messages` × every odd value, with the rules of the schema on and off, next to an honest
 * message. One daemon as a process with the V8 limits of its unit, a gateway that sends receipts, and the commands
 * as processes. What a value of 150 MB needs with the rules off is not held to a bound: SQLite itself needs the memory.
 */
import Sqlite from 'better-sqlite3';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { FINAL } from '../../src/spool/schema/schema.ts';
import type { Database } from '../../src/spool/file/open.ts';
import { ended, MAIN, type Ended } from '../cli/program.ts';
import { withoutTriggers } from '../support/junk.ts';
import { ODD_VALUES } from '../support/odd-values.ts';
import { rigUp, type Rig } from './rig.ts';

/** The unit sets no MemoryMax; 300 MB is what it promises. */
const MEMORY_MAX_MB = 300;
const HUGE = `replace(hex(zeroblob(75000000)), '00', 'ab')`;
/** SQLite takes seconds for each change of a row of 150 MB, and the machine may do other things. */
const HUGE_SILENCE_MS = 300_000;
const TEXTS = ['recipient', 'text', 'sender', 'account', 'type', 'body', 'udh', 'on_uncertain'];
const MORE_TEXTS = ['reference', 'campaign', 'idempotency_key', 'entity_id', 'content_id'];
/** A refusal by a name of the program's, or SQLite's own word about a number as the key of a row. */
const NAMED = /^(?:[a-z]+(?:_[a-z0-9]+)+|datatype mismatch)$/;
/** The highest id leaves none for any other row. */
const LAST_ID = 'id 2^63 - 1';

interface Odd {
  readonly id: number;
  /** Column and value. */
  readonly what: string;
}

interface Tried {
  readonly taken: readonly Odd[];
  readonly refusals: ReadonlySet<string>;
}

function tryAll(db: Database): Tried {
  const columns = db.pragma('table_info(messages)') as readonly { name: string }[];
  const taken: Odd[] = [];
  const refusals = new Set<string>();
  for (const { name } of columns) {
    for (const [value, sql] of Object.entries(ODD_VALUES)) {
      const what = `${name} ${value}`;
      if (what === LAST_ID) continue;
      const answer = insert(db, name, sql);
      if (typeof answer === 'number') taken.push({ id: answer, what });
      else refusals.add(answer);
    }
  }
  return { taken, refusals };
}

/** The id of a row with one odd value, or why it was refused. */
function insert(db: Database, column: string, sql: string): number | string {
  const row = { recipient: `'447700900000'`, text: `'x'`, [column]: sql };
  const values = Object.values(row).join();
  try {
    const insertion = db.prepare(
      `INSERT INTO messages (${Object.keys(row).join()}) VALUES (${values})`,
    );
    return Number(insertion.run().lastInsertRowid);
  } catch (error) {
    if (error instanceof Sqlite.SqliteError) return error.message;
    throw error;
  }
}

/* Another program's connection that takes the triggers away and puts them back. */
function tryAllWithoutRules(path: string): Tried {
  const db = new Sqlite(path);
  let tried: Tried = { taken: [], refusals: new Set() };
  db.pragma('ignore_check_constraints = ON');
  db.pragma('foreign_keys = OFF');
  withoutTriggers(db, () => {
    tried = db.transaction(() => tryAll(db))();
  });
  db.close();
  return tried;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

async function rigWithReceipts(): Promise<Rig> {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}/receipts`;
  return rigUp({ receipts: `127.0.0.1:${port}`, sandbox: { receipts: { url, delayMs: 0 } } });
}

function peakMb(pid: number): number {
  const [, kb = ''] = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(kb) / 1024;
}

function command({ config, folder }: Rig, args: readonly string[]): Promise<Ended> {
  const child = spawn(process.execPath, [MAIN, '--config', config, ...args], { cwd: folder });
  child.stdin.end();
  return ended(child);
}

/* Every 20th odd row, and 20 has no divisor in common with the columns. */
function commandsFor(rows: readonly Odd[], folder: string): readonly (readonly string[])[] {
  const some = rows.filter((_row, index) => index % 20 === 0).map(({ id }) => String(id));
  const [one = '1', two = '2', three = '3'] = some;
  return [
    ['list', '--limit', '1000'],
    ['list', '--limit', '1000', '--json'],
    ...some.slice(0, 8).map((id) => ['show', id]),
    ['why', ...some],
    ['why', ...some, '--json'],
    ['stats'],
    ['stats', '--lanes'],
    ['top', '--once'],
    ['log', '--spool', '-n', '1000'],
    ['check', '--offline'],
    ['prune', '--older-than', '1d', '--dry-run'],
    ['cancel', one],
    ['requeue', two],
    ['retry', three],
    ['backup', join(folder, 'copy.db')],
  ];
}

const WAITS_FOR_ITS_ACCOUNT = `state = 'queued' AND account IS NOT NULL AND account <> 'main'`;
const IS_NO_STATE = `state NOT IN ('queued', 'retry', 'sending', 'uncertain', 'await-receipt')`;
const OPEN = `NOT (${FINAL}) AND NOT (${WAITS_FOR_ITS_ACCOUNT}) AND NOT (${IS_NO_STATE})`;

it('Rows: an odd value in any column is refused by name or ends its message; an honest one is delivered', async () => {
  const rig = await rigWithReceipts();
  const { db } = rig;
  const kept = tryAll(db);
  expect([...kept.refusals].filter((name) => !NAMED.test(name))).toEqual([]);
  const loose = tryAllWithoutRules(rig.path);
  expect(kept.taken.length).toBeGreaterThan(100);
  expect(loose.taken.length).toBeGreaterThan(500);
  const before = db.prepare(
    `INSERT INTO messages (recipient, text) VALUES ('447700900001', 'Hello')`,
  );
  const honest = before.run().lastInsertRowid;
  const program = rig.start();
  const open = db.prepare(`SELECT count(*) FROM messages WHERE ${OPEN}`).pluck();
  const state = db.prepare('SELECT state FROM messages WHERE id = ?').pluck();
  const isDone = (): boolean => state.get(honest) === 'delivered' && open.get() === 0;
  await Promise.race([rig.until(isDone), program.end()]);
  expect({ honest: state.get(honest), open: open.get() }).toEqual({ honest: 'delivered', open: 0 });
  const wrong: string[] = [];
  const odd = [...kept.taken, ...loose.taken];
  for (const args of commandsFor(odd, rig.folder)) {
    const { code, stderr } = await command(rig, args);
    const isBroken = /this is a bug|\b(?:Type|Range|Sqlite)Error\b|^\s+at /m.test(stderr);
    if (isBroken || code === null || ![0, 1].includes(code)) {
      wrong.push(`${args.slice(0, 4).join(' ')}: ${code} ${stderr.slice(0, 600)}`);
    }
  }
  expect(wrong).toEqual([]);
  expect(peakMb(program.pid)).toBeLessThan(MEMORY_MAX_MB);
  program.kill('SIGTERM');
  expect(await program.end()).toMatchObject({ code: 0 });
}, 240_000);

it('Rows: a value of 150 MB is refused by name in each column of text', async () => {
  const { db } = await rigUp();
  for (const column of [...TEXTS, ...MORE_TEXTS, 'account_ref']) {
    expect([column, insert(db, column, HUGE)]).toEqual([column, expect.stringMatching(NAMED)]);
  }
}, 600_000);

it('Rows: a value of 150 MB with the rules off ends no daemon and no command; an honest message is delivered', async () => {
  const rig = await rigWithReceipts();
  const { db } = rig;
  const other = new Sqlite(rig.path);
  withoutTriggers(other, () => {
    for (const column of ['priority', 'text']) insert(other, column, HUGE);
  });
  other.close();
  rig.drop(1);
  const program = rig.start({ silenceMs: HUGE_SILENCE_MS });
  const honest = db.prepare('SELECT state FROM messages ORDER BY id DESC LIMIT 1').pluck();
  const ended = db
    .prepare(`SELECT count(*) FROM messages WHERE state = 'permanent-failure'`)
    .pluck();
  const isDone = (): boolean => honest.get() === 'delivered' && ended.get() === 2;
  await Promise.race([rig.until(isDone), program.end()]);
  expect({ honest: honest.get(), ended: ended.get() }).toEqual({ honest: 'delivered', ended: 2 });
  for (const args of [['list'], ['show', '1'], ['why', '2'], ['stats'], ['top', '--once']]) {
    expect({ args, code: (await command(rig, args)).code }).toEqual({ args, code: 0 });
  }
  program.kill('SIGTERM');
  expect(await program.end()).toMatchObject({ code: 0 });
}, 600_000);
