/**
 * Loaded into a program before itself (`node --import`): kills the process, with SIGKILL, once it has written so
 * often as the environment says: by a statement of SQLite that writes to a file, by a commit, or by a call that
 * writes, renames or removes a file of its own.
 */
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import Sqlite, { type Database, type Statement } from 'better-sqlite3';

let left = Number(process.env['SMS_SPOOLD_KILL_AFTER']);
/** Whether there is something for a COMMIT to write. */
let hasWritten = false;

/* A transaction that only reads leaves nothing that a kill could cut short. */
function writes(one: Database | Statement): boolean {
  if (!('database' in one)) return !one.memory;
  if (one.database.memory) return false;
  if (one.source !== 'COMMIT') return !one.readonly;
  return hasWritten;
}

function count(): void {
  left -= 1;
  if (left === 0) process.kill(process.pid, 'SIGKILL');
}

function wrap(owner: object, name: string): void {
  const method = Reflect.get(owner, name) as (...args: unknown[]) => unknown;
  const wrapped = function (this: Database | Statement, ...args: unknown[]): unknown {
    const result = Reflect.apply(method, this, args);
    if (!writes(this)) return result;
    hasWritten = !('source' in this && this.source === 'COMMIT');
    count();
    return result;
  };
  Object.defineProperty(owner, name, { value: wrapped, writable: true, configurable: true });
}

const made: Database = new Sqlite(':memory:');
wrap(Object.getPrototypeOf(made.prepare('SELECT 1')) as Statement, 'run');
wrap(Sqlite.prototype, 'exec');
made.close();

for (const name of ['writeFileSync', 'writeSync', 'renameSync', 'rmSync'] as const) {
  const call = fs[name] as (...args: unknown[]) => unknown;
  const counted = (...args: unknown[]): unknown => {
    const result = call(...args);
    count();
    return result;
  };
  Object.defineProperty(fs, name, { value: counted, writable: true, configurable: true });
}
/* The program imports them by their names. */
syncBuiltinESMExports();
