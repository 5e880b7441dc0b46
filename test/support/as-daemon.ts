// Changes of rows as the daemon makes them: each UPDATE of messages raises `revision`, as its own do.
import type { Database } from '../../src/spool/file/open.ts';

/** Makes each `UPDATE messages SET …` among the statements one of the daemon's. */
export function asDaemon(sql: string): string {
  return sql.replaceAll(
    /\bUPDATE messages\s+SET\b/g,
    'UPDATE messages SET revision = revision + 1,',
  );
}

/** Runs statements as the daemon would. */
export function execAsDaemon(db: Database, sql: string): void {
  db.exec(asDaemon(sql));
}

/**
 * Puts a row there that no rule would take: as an older version could have left it, or a program that raises
 * `revision` as the daemon does. Values are SQL; gives the row's id.
 */
export function smuggle(db: Database, columns: Readonly<Record<string, string>>): number {
  const set = Object.entries(columns).map(([column, value]) => `${column} = ${value}`);
  const insert = `INSERT INTO messages (recipient, text) VALUES ('447700900000', 'Your table is ready')`;
  return db.transaction(() => {
    const id = Number(db.prepare(insert).run().lastInsertRowid);
    const raised = 'revision' in columns ? [] : ['revision = revision + 1'];
    const sets = [...raised, ...set].join(', ');
    db.exec(`UPDATE messages SET ${sets} WHERE id = ${id}`);
    return id;
  })();
}
