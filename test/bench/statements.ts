/**
 * Loaded into a daemon before it starts (`--import`): counts the SQL statements that it runs, and writes the number
 * into the file SMS_SPOOLD_BENCH_STATEMENTS on each SIGUSR2.
 */
import { writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type Sqlite from 'better-sqlite3';

const file = process.env['SMS_SPOOLD_BENCH_STATEMENTS'];
if (file !== undefined) {
  const Database = createRequire(process.argv[1] ?? '')('better-sqlite3') as typeof Sqlite;
  const statement = Object.getPrototypeOf(new Database(':memory:').prepare('SELECT 1')) as Record<
    string,
    (...values: readonly unknown[]) => unknown
  >;
  let count = 0;
  for (const name of ['run', 'get', 'all', 'iterate']) {
    const original = statement[name];
    statement[name] = function counted(this: unknown, ...values) {
      count += 1;
      return original?.apply(this, [...values]);
    };
  }
  process.on('SIGUSR2', () => writeFileSync(file, String(count)));
}
