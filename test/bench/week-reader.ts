/**
 * A program that always reads: two connections whose read transactions overlap, so that at no moment nobody
 * reads. A process of its own, until it is ended:
 *
 *   node week-reader.ts --spool FILE
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import Sqlite from 'better-sqlite3';

const HOLD_MS = 100;

const { values } = parseArgs({ options: { spool: { type: 'string', default: '' } } });
const connections = [1, 2].map(() => new Sqlite(values.spool, { readonly: true, timeout: 5_000 }));
let held: Sqlite.Database | null = null;
console.log('{"reading":true}');
for (;;) {
  for (const db of connections) {
    db.exec('BEGIN');
    db.prepare('SELECT id, state FROM messages ORDER BY id DESC LIMIT 200').all();
    held?.exec('COMMIT');
    held = db;
    await sleep(HOLD_MS);
  }
}
