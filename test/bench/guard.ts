/**
 * What the guard of the daemon's columns costs a message.
 *
 *   node test/bench/guard.ts [--rows 20000] [--rounds 7]
 *
 * Claims and settles rows by the statements of the daemon, in transactions of 128 rows, in turn with and without the
 * triggers that guard `messages`; without fsync, so that the disk does not count. Bar: 2 µs a message. Exit code 1
 * above it.
 */
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import Sqlite from 'better-sqlite3';
import { dropInto } from '../../src/spool/write/insert.ts';
import { Claims } from '../../src/spool/write/claims.ts';
import { openSpool, type Database } from '../../src/spool/file/open.ts';
import { Settlements, type Ended } from '../../src/spool/write/settlements.ts';
import { median, temporaryFolder } from './support.ts';

const BAR_US = 2;
const BATCH = 128;
const GUARDS = ['messages_keep_what_is_the_daemons'];

const { values } = parseArgs({
  options: { rows: { type: 'string' }, rounds: { type: 'string' } },
});
const rows = Number(values.rows ?? 20_000);
const rounds = Number(values.rounds ?? 7);
const folder = temporaryFolder();

/** Microseconds of CPU a message. */
function round(name: string, isGuarded: boolean): number {
  const path = join(folder, `${name}.db`);
  openSpool(path, { create: true }).close();
  /* Not by openSpool: it refuses a spool without the triggers. */
  const db = new Sqlite(path);
  db.pragma('synchronous = OFF');
  if (!isGuarded) for (const guard of GUARDS) db.exec(`DROP TRIGGER ${guard}`);
  fill(db);
  const [claims, settlements] = [new Claims(db), new Settlements(db)];
  const before = process.cpuUsage();
  for (let first = 1; first <= rows; first += BATCH) {
    const ids = Array.from({ length: Math.min(BATCH, rows - first + 1) }, (_, at) => first + at);
    db.transaction(() => {
      const attempts = ids.map((id) => ({ id, number: 1, clientRef: `ref-${id}`, follows: null }));
      claims.write(attempts, 1_790_000_000);
    }).immediate();
    db.transaction(() => settlements.write(ids.map(accepted))).immediate();
  }
  const { user, system } = process.cpuUsage(before);
  db.close();
  return (user + system) / rows;
}

function fill(db: Database): void {
  const drop = dropInto(db);
  db.transaction(() => {
    for (let row = 0; row < rows; row += 1) {
      drop({ recipient: '447700900000', text: 'Your table is ready', reference: `order-${row}` });
    }
  }).immediate();
}

function accepted(id: number): Ended {
  return {
    claim: { id, number: 1, price: null },
    settlement: {
      ...{ to: 'await-receipt', reason: 'accepted', attempts: 1, throttles: 0 },
      ...{ nextAttemptAt: null, dueAt: 1_790_000_300, follows: null },
    },
    end: {
      ...{ endedAt: 1_790_000_001, httpStatus: 200, status: 0, errorText: null, traceId: 't' },
      ...{ route: 'await-receipt', scope: 'message' },
    },
    parts: [],
  };
}

const guarded: number[] = [];
const bare: number[] = [];
round('warm-up', true);
for (let turn = 0; turn < rounds; turn += 1) {
  guarded.push(round(`guarded-${turn}`, true));
  bare.push(round(`bare-${turn}`, false));
}
const cost = median(guarded.map((us, turn) => us - (bare[turn] ?? 0)));
console.log(`with the guard     ${median(guarded).toFixed(2)} µs a message`);
console.log(`without the guard  ${median(bare).toFixed(2)} µs a message`);
console.log(`the guard          ${cost.toFixed(2)} µs a message (bar: ${BAR_US})`);
if (cost > BAR_US) process.exitCode = 1;
