/**
 * Brings a spool of schema version 4 to version 5: makes `messages`, `suppressions` and `control` again and adds the rest.
 *
 * Always holds: each row keeps its id and what is in it, however wrong; ids of pruned rows are not given again;
 * views, tables and indexes of an operator's own stay. The caller has compared the columns of the tables.
 */
import type { Database } from 'better-sqlite3';
import { bounded, HUGE, LIMITS, shown } from './bounded.ts';
import { formed } from './list-triggers.ts';
import { ADDED, CHANGED_TABLES } from './schema.ts';
import { NOW } from './sql-terms.ts';

/* What no program means is replaced by its length, and what waited with it is not sent. */
const IS_TOO_LONG = Object.entries(LIMITS)
  .map(([column, most]) => `octet_length(${column}) > ${most}`)
  .join(' OR ');
const CUT = `
CREATE TEMP TABLE cut AS SELECT id, state FROM messages WHERE state IN ('queued','retry') AND (${IS_TOO_LONG});
INSERT INTO events (at, message_id, event, from_state, to_state, reason)
  SELECT ${NOW}, id, 'message.permanent-failure', state, 'permanent-failure', 'too-long' FROM temp.cut;
DELETE FROM keys WHERE octet_length(key) > ${HUGE}`;
const END_CUT = `
UPDATE messages SET state = 'permanent-failure', reason = 'too-long', due_at = NULL, next_attempt_at = NULL,
  updated_at = ${NOW} WHERE id IN (SELECT id FROM temp.cut);
DROP TABLE temp.cut`;

/* The two dates are made dates where they are none. */
function copied(column: string): string {
  if (column === 'created_at' || column === 'updated_at') {
    return `CASE typeof(${column}) WHEN 'real' THEN ${column}
      ELSE coalesce((julianday(${column}) - 2440587.5) * 86400.0, ${NOW}) END`;
  }
  if (column === 'idempotency_key') return bounded(column, HUGE);
  return isLimited(column) ? shown(column, LIMITS[column]) : column;
}

function isLimited(column: string): column is keyof typeof LIMITS {
  return column in LIMITS;
}

/**
 * In a transaction. Foreign keys must be off, and cannot be switched off in here, where a transaction is open: else
 * dropping the old table deletes what refers to it.
 */
export function toVersion5(db: Database): void {
  const indexes = indexesOfMessages(db);
  db.exec(CUT);
  /* Views and tables of others that name a table of ours go on naming it: the new rename would look into them. */
  db.pragma('legacy_alter_table = ON');
  try {
    rebuild(db, 'messages', copied);
    rebuild(db, 'suppressions', (column) => (column === 'recipient' ? formed(column) : column));
    rebuild(db, 'control', (column) => column);
  } finally {
    db.pragma('legacy_alter_table = OFF');
  }
  db.exec(END_CUT);
  forgetDigests(db);
  db.exec(ADDED);
  const made = new Set(indexesOfMessages(db).map(({ name }) => name));
  for (const { name, sql } of indexes) if (!made.has(name)) db.prepare(sql).run();
}

/* Those of an operator's own too: the caller has seen that they are on plain columns. */
function indexesOfMessages(
  db: Database,
): readonly { readonly name: string; readonly sql: string }[] {
  return db
    .prepare<[], { name: string; sql: string }>(
      `SELECT name, sql FROM sqlite_schema WHERE type = 'index' AND tbl_name = 'messages' AND sql IS NOT NULL`,
    )
    .all();
}

/* They were made without a key: a short text could be found by trying. When a recipient was sent to stays. */
function forgetDigests(db: Database): void {
  const sql = `SELECT 1 FROM sqlite_schema WHERE name = 'recent'`;
  if (db.prepare(sql).get() === undefined) return;
  db.exec(`UPDATE OR REPLACE recent SET digest = '' WHERE digest <> ''`);
}

/*
 * `valueOf` gives SQL for what is copied of a column. Of two suppressions that become one the earlier stays. What was
 * given out of AUTOINCREMENT goes with the old table, and is written again.
 */
function rebuild(
  db: Database,
  table: keyof typeof CHANGED_TABLES,
  valueOf: (column: string) => string,
): void {
  const given = db.prepare('SELECT seq FROM sqlite_sequence WHERE name = ?').pluck().get(table);
  const columns = db
    .prepare<[string], string>('SELECT name FROM pragma_table_info(?)')
    .pluck()
    .all(table);
  const [insert, order] =
    table === 'suppressions' ? ['INSERT OR IGNORE', 'since'] : ['INSERT', 'id'];
  const made = `${table}_of_version_5`;
  db.exec(`CREATE TABLE ${made} ${CHANGED_TABLES[table]};
    ${insert} INTO ${made} (${columns.join()}) SELECT ${columns.map(valueOf).join()} FROM ${table} ORDER BY ${order};
    DROP TABLE ${table};
    ALTER TABLE ${made} RENAME TO ${table}`);
  if (given === undefined) return;
  db.prepare('DELETE FROM sqlite_sequence WHERE name = ?').run(table);
  db.prepare('INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)').run(table, given);
}
