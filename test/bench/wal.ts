/**
 * How many bytes of WAL one message costs, and which tables and indexes they are pages of.
 *
 *   node test/bench/wal.ts [--messages 10000] [--seconds 20] [--objects 12]
 *
 * A reader holds the spool open for the whole run, so that the WAL is never restarted and keeps every page that
 * was written. Four cases: a drain without a limit, a drain at 500 a second, single rows at 30 a second, and the same
 * with a receipt for each.
 * Reports only: the exit code is 0 whatever it finds.
 */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import Sqlite from 'better-sqlite3';
import { startDaemon, waitUntilSettled, type Daemon } from './daemon.ts';
import { recipientOf, textOf } from './rows.ts';
import { startEndpoint } from './servers.ts';
import { temporaryFolder } from './support.ts';
import { table } from './table.ts';

const { values } = parseArgs({
  options: {
    messages: { type: 'string', default: '10000' },
    seconds: { type: 'string', default: '20' },
    /** Print this many tables and indexes of each case. */
    objects: { type: 'string', default: '12' },
  },
});
const RATE = 30;
const WAL_HEADER = 32;
const FRAME_HEADER = 24;
const PAGE_SIZE_AT = 8;

/** The page number of each frame (https://www.sqlite.org/fileformat2.html#walformat), and the bytes of all. */
function framesOf(path: string): { readonly pages: readonly number[]; readonly bytes: number } {
  const descriptor = openSync(path, 'r');
  const { size } = fstatSync(descriptor);
  const header = Buffer.alloc(WAL_HEADER);
  readSync(descriptor, header, 0, WAL_HEADER, 0);
  const frame = FRAME_HEADER + header.readUInt32BE(PAGE_SIZE_AT);
  const pages: number[] = [];
  for (let at = WAL_HEADER; at + frame <= size; at += frame) {
    readSync(descriptor, header, 0, FRAME_HEADER, at);
    pages.push(header.readUInt32BE(0));
  }
  closeSync(descriptor);
  return { pages, bytes: pages.length * frame };
}

interface Written {
  readonly name: string;
  readonly bytes: number;
  readonly objects: ReadonlyMap<string, number>;
}

/** Runs `work` while a reader holds the spool, and returns what was written, per message. */
async function written(
  name: string,
  daemon: Daemon,
  count: number,
  work: () => Promise<void>,
): Promise<Written> {
  const path = daemon.db.name;
  const reader = new Sqlite(path, { readonly: true });
  reader.exec('BEGIN; SELECT count(*) FROM messages');
  reader.prepare('SELECT count(*) FROM messages').get();
  await work();
  const { pages, bytes } = framesOf(`${path}-wal`);
  const owners = new Map(
    (daemon.db.prepare('SELECT pageno, name FROM dbstat').raw().all() as [number, string][]).map(
      ([page, owner]) => [page, owner],
    ),
  );
  reader.close();
  const objects = new Map<string, number>();
  for (const page of pages) {
    const owner = owners.get(page) ?? 'free or header';
    objects.set(owner, (objects.get(owner) ?? 0) + 1 / count);
  }
  return { name, bytes: bytes / count, objects };
}

interface Pace {
  readonly latencyMs: number;
  /** Requests per second. */
  readonly rate: number;
}

async function drain(name: string, pace: Pace): Promise<Written> {
  const messages = Number(values.messages);
  const endpoint = await startEndpoint({ latencyMs: pace.latencyMs });
  const daemon = await startDaemon({
    folder: temporaryFolder(),
    url: endpoint.url,
    concurrency: 64,
    rate: pace.rate,
    backlog: 0,
  });
  daemon.db.exec(`INSERT INTO control (verb, account) VALUES ('pause', 'main')`);
  while (daemon.db.prepare('SELECT 1 FROM control WHERE done_at IS NULL').get() !== undefined) {
    await sleep(20);
  }
  const insert = daemon.db.prepare('INSERT INTO messages (recipient, text) VALUES (?, ?)');
  daemon.db.transaction(() => {
    for (let index = 1; index <= messages; index += 1)
      insert.run(recipientOf(index), textOf(index));
  })();
  daemon.db.pragma('wal_checkpoint(TRUNCATE)');
  const before = daemon.db
    .prepare('SELECT coalesce(max(seq), 0) FROM events')
    .pluck()
    .get() as number;
  const found = await written(name, daemon, messages, async () => {
    daemon.db.exec(`INSERT INTO control (verb, account) VALUES ('resume', 'main')`);
    await waitUntilSettled(daemon, before + 1 + messages);
  });
  await daemon.stop();
  await endpoint.stop();
  return found;
}

async function singleRows(hasReceipts: boolean): Promise<Written> {
  const endpoint = await startEndpoint();
  const daemon = await startDaemon({
    folder: temporaryFolder(),
    url: endpoint.url,
    concurrency: 64,
    rate: 1000,
    backlog: 5_000,
  });
  await waitUntilSettled(daemon, 5_000);
  const count = RATE * Number(values.seconds);
  const insert = daemon.db.prepare('INSERT INTO messages (recipient, text) VALUES (?, ?)');
  const parts = daemon.db.prepare(
    `SELECT p.gateway_id, a.client_ref, m.recipient FROM messages m JOIN attempts a ON a.message_id = m.id
      JOIN parts p ON p.message_id = m.id WHERE m.state = 'await-receipt' AND m.id = ?`,
  );
  daemon.db.pragma('wal_checkpoint(TRUNCATE)');
  const name = hasReceipts ? `${RATE} a second, with receipts` : `${RATE} a second`;
  const found = await written(name, daemon, count, async () => {
    for (let index = 1; index <= count; index += 1) {
      insert.run(recipientOf(5_000 + index), textOf(index));
      await sleep(1000 / RATE);
      if (hasReceipts && index > RATE) {
        const row = parts.raw().get(5_000 + index - RATE) as readonly string[] | undefined;
        if (row === undefined) throw new Error('a message was not accepted within a second');
        const [id = '', ref = '', to = ''] = row;
        const query = new URLSearchParams({
          messageId: id,
          'client-ref': ref,
          msisdn: to,
          'api-key': 'abcd1234',
          status: 'delivered',
          'err-code': '0',
        });
        const answer = await fetch(`${daemon.receiptsUrl}?${query.toString()}`);
        await answer.text();
        if (!answer.ok) throw new Error(`a receipt was answered ${answer.status}`);
      }
    }
    await sleep(500);
  });
  await daemon.stop();
  await endpoint.stop();
  return found;
}

const cases = [
  await drain('drain, as fast as it goes', { latencyMs: 0, rate: 1_000_000 }),
  await drain('drain at 500 a second', { latencyMs: 50, rate: 500 }),
  await singleRows(false),
  await singleRows(true),
];
for (const { name, bytes, objects } of cases) {
  console.log(`\n${name}: ${(bytes / 1000).toFixed(1)} kB of WAL a message\n`);
  const rows = [...objects]
    .sort(([, a], [, b]) => b - a)
    .slice(0, Number(values.objects))
    .map(([owner, count]) => [owner, count.toFixed(2)]);
  console.log(table(['pages of', 'a message'], rows));
}
