/**
 * What a careful application does today: rows in SQLite, p-queue with a concurrency, the official client.
 *
 * Its own small table, 500 rows at a time, one UPDATE a row, WAL as better-sqlite3 sets it up
 * (synchronous=NORMAL): it promises less than the daemon and has the cheaper disk.
 */
import { Auth } from '@vonage/auth';
import { SMS } from '@vonage/sms';
import Sqlite from 'better-sqlite3';
import PQueue from 'p-queue';
import { recipientOf, SENDER, textOf } from '../rows.ts';
import { measure, readTask } from './result.ts';

interface Row {
  readonly id: number;
  readonly recipient: string;
  readonly text: string;
}

const SENT = 2;
const { url, messages, inFlight, store } = readTask();
const db = new Sqlite(store);
db.pragma('journal_mode = WAL');
db.exec(`CREATE TABLE outbox (id INTEGER PRIMARY KEY, recipient TEXT, text TEXT, message_id TEXT,
  state INTEGER DEFAULT 0)`);
db.exec('CREATE INDEX outbox_waiting ON outbox(id) WHERE state = 0');
const drop = db.prepare('INSERT INTO outbox (recipient, text) VALUES (?, ?)');
db.transaction(() => {
  for (let index = 1; index <= messages; index += 1) drop.run(recipientOf(index), textOf(index));
})();

const sms = new SMS(new Auth({ apiKey: 'abcd1234', apiSecret: 'secret' }), { restHost: url });
const waiting = db.prepare(
  'SELECT id, recipient, text FROM outbox WHERE state = 0 ORDER BY id LIMIT 500',
);
const settle = db.prepare(`UPDATE outbox SET state = ${SENT}, message_id = ? WHERE id = ?`);
const queue = new PQueue({ concurrency: inFlight });

async function send({ id, recipient, text }: Row): Promise<void> {
  const { messages: parts } = await sms.send({ to: recipient, from: SENDER, text });
  settle.run(parts[0]?.['message-id'] ?? null, id);
}

await measure(messages, async () => {
  for (;;) {
    const rows = waiting.all() as Row[];
    if (rows.length === 0) return;
    await queue.addAll(rows.map((row) => () => send(row)));
  }
});

const sent = db
  .prepare('SELECT count(*) FROM outbox WHERE state = ? AND message_id IS NOT NULL')
  .pluck();
if (sent.get(SENT) !== messages) throw new Error('not every row was sent');
db.close();
