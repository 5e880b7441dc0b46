/**
 * Prepares statements: those that give one column, and one for many rows.
 *
 * `Bulk`: `VALUES (?,?),(?,?),…` prepared for a few sizes. better-sqlite3 costs about
 * half a microsecond a call, and SQLite's own work per statement more, so that rows written one by one
 * cost a third again.
 */
import type { Database, RunResult, Statement } from 'better-sqlite3';

const SIZES = [64, 16, 4, 1] as const;
/** The place of the rows in the SQL. */
const ROW = /(?<=VALUES )\(\?(?:, \?)*\)/;

export type SqlValue = string | number | null;

/** A statement whose rows are the value of their one column. */
export function pluck<Values extends unknown[], T>(
  db: Database,
  sql: string,
): Statement<Values, T> {
  return db.prepare(sql).pluck() as Statement<Values, T>;
}

export class Bulk {
  readonly #db: Database;
  readonly #sql: string;
  readonly #row: string;
  readonly #width: number;
  readonly #statements = new Map<number, Statement>();

  /** `sql` is written for one row, `… VALUES (?, ?) …`. */
  constructor(db: Database, sql: string) {
    const [row] = ROW.exec(sql) ?? [];
    if (row === undefined) throw new Error(`no row of values in: ${sql}`);
    this.#db = db;
    this.#sql = sql;
    this.#row = row;
    this.#width = row.split('?').length - 1;
  }

  /** Writes rows given as one flat list; returns how many changed, and the id of the last one that was inserted. */
  run(values: readonly SqlValue[]): RunResult {
    const result: RunResult = { changes: 0, lastInsertRowid: 0 };
    let from = 0;
    for (const size of SIZES) {
      const step = size * this.#width;
      while (values.length - from >= step) {
        const isWhole = from === 0 && values.length === step;
        const rows = isWhole ? values : values.slice(from, from + step);
        const { changes, lastInsertRowid } = this.#statement(size).run(rows);
        result.changes += changes;
        result.lastInsertRowid = lastInsertRowid;
        from += step;
      }
    }
    return result;
  }

  /* Prepared when it is first needed: an update of messages has its triggers compiled into it. */
  #statement(size: number): Statement {
    const known = this.#statements.get(size);
    if (known !== undefined) return known;
    const rows = Array<string>(size).fill(this.#row).join(',');
    const made = this.#db.prepare(this.#sql.replace(this.#row, rows));
    this.#statements.set(size, made);
    return made;
  }
}
