// The statements that production code prepares, recorded while it runs, and how SQLite plans each of them.
import Sqlite from 'better-sqlite3';
import type { Database } from '../../src/spool/file/open.ts';

/** The SQL of every statement that `work` prepares, each once, in the order of first use. */
export function preparedBy(work: () => void): readonly string[] {
  const prepare = Object.getOwnPropertyDescriptor(Sqlite.prototype, 'prepare');
  const seen = new Set<string>();
  Sqlite.prototype.prepare = function record(this: Database, sql: string) {
    seen.add(sql);
    const prepared: unknown = Reflect.apply(prepare?.value as () => unknown, this, [sql]);
    return prepared;
  } as typeof Sqlite.prototype.prepare;
  try {
    work();
  } finally {
    if (prepare !== undefined) Object.defineProperty(Sqlite.prototype, 'prepare', prepare);
  }
  return [...seen];
}

/** The lines of the plan that SQLite has for a statement, whatever its parameters are called. */
export function planOf(db: Database, sql: string): readonly string[] {
  const code = sql.replaceAll(/'(?:[^']|'')*'/g, "''");
  const named = [...code.matchAll(/[@:$](\w+)/g)].map(([, name = '']) => [name, 1] as const);
  const positions = [...code.matchAll(/\?/g)].map(() => 1);
  const values = named.length > 0 ? [...positions, Object.fromEntries(named)] : positions;
  const rows = db.prepare(`EXPLAIN QUERY PLAN ${sql}`).all(...values) as { detail: string }[];
  return rows.map(({ detail }) => detail);
}
