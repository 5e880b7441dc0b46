/**
 * Loaded into a program before itself (`node --import`): kills the process, with SIGKILL, once it has run so
 * many statements of SQLite that write to a file, commits among them, as the environment says.
 */
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

function wrap(owner: object, name: string): void {
  const method = Reflect.get(owner, name) as (...args: unknown[]) => unknown;
  const wrapped = function (this: Database | Statement, ...args: unknown[]): unknown {
    const result = Reflect.apply(method, this, args);
    if (!writes(this)) return result;
    hasWritten = !('source' in this && this.source === 'COMMIT');
    left -= 1;
    if (left === 0) process.kill(process.pid, 'SIGKILL');
    return result;
  };
  Object.defineProperty(owner, name, { value: wrapped, writable: true, configurable: true });
}

const made: Database = new Sqlite(':memory:');
wrap(Object.getPrototypeOf(made.prepare('SELECT 1')) as Statement, 'run');
wrap(Sqlite.prototype, 'exec');
made.close();
