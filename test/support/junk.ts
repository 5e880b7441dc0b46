/**
 * What a member of the spool's group can write into it to fool a reader: every column of every table holds
 * text with terminal escapes, numbers' columns too.
 */
import type { Database } from 'better-sqlite3';

/** Title and colour sequences, C1, direction marks, separators, a soft hyphen, a tag, a line of its own. */
export const JUNK =
  'x\u001b]0;owned\u0007\u001b[31m\r\u0008\u009b2J\u202e\u2066\u2028\u2029\u200b\u00ad\ufeff\u{e0041}' +
  '\nsms-spoold: forged line';

/** What must not reach a terminal, but for the line feeds between lines. */
export const UNSAFE = /[^\n\P{Cc}]|[\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u;

/** Columns that lead from one table to another, or that no client can change. */
const KEPT = new Set(['id', 'seq', 'message_id', 'attempt', 'number', 'revision']);
/** The daemon's own notes, which a changed value would make another spool of. */
const OWN = new Set(['spool', 'sqlite_sequence']);

interface Named {
  readonly name: string;
}

/** Puts `value` into every column of every row; of messages only into the row `id`. */
export function fillWith(db: Database, value: string, id: number): void {
  db.pragma('ignore_check_constraints = ON');
  withoutTriggers(db, () => {
    const tables = db
      .prepare(`SELECT name FROM sqlite_master WHERE type = 'table'`)
      .all() as readonly Named[];
    for (const { name } of tables) {
      if (OWN.has(name)) continue;
      const columns = (db.pragma(`table_info(${name})`) as readonly Named[])
        .map((column) => column.name)
        .filter((column) => !KEPT.has(column));
      const sets = columns.map((column) => `${column} = :value`).join(', ');
      const where = name === 'messages' ? 'WHERE id = :id' : 'WHERE :id IS NOT NULL';
      db.prepare(`UPDATE ${name} SET ${sets} ${where}`).run({ value, id });
    }
  });
}

/** What triggers refuse to a client is done all the same: a client could take them away, too. */
export function withoutTriggers(db: Database, work: () => void): void {
  const triggers = db
    .prepare(`SELECT name, sql FROM sqlite_master WHERE type = 'trigger'`)
    .all() as readonly (Named & { readonly sql: string })[];
  for (const { name } of triggers) db.exec(`DROP TRIGGER ${name}`);
  work();
  for (const { sql } of triggers) db.exec(sql);
}
