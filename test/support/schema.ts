// The schema as a new spool has it: the names that it refuses with.
import Sqlite from 'better-sqlite3';
import { bringUp } from '../../src/spool/schema/migrations.ts';

/** Every name of a constraint, of a trigger's refusal, and of the index that refuses a used key. */
export function namesOfRefusals(): readonly string[] {
  const db = new Sqlite(':memory:');
  bringUp(db, 0);
  const sql = db.prepare('SELECT sql FROM sqlite_master WHERE sql IS NOT NULL').pluck().all();
  db.close();
  const names = [
    ...sql
      .join(';\n')
      .matchAll(/CONSTRAINT (\w+)|RAISE\(ABORT, '(\w+)'\)|(idempotency_key_is_used_once)/g),
  ].map((match) => match[1] ?? match[2] ?? match[3] ?? '');
  return [...new Set(names)];
}
