/**
 * Prepares statements: those that give one column, and one for many rows.
 *
 * `Bulk`: `VALUES (?,?),(?,?),…` prepared for a few sizes. better-sqlite3 costs about
 * half a microsecond a call, and SQLite's own work per statement more, so that rows written one by one
 * cost a third again.
 */
import type { Database, RunResult, Statement } from 'better-sqlite3';

const SIZES = [64, 16, 4, 1] as const;

export type SqlValue = string | number | null;

/** A statement whose rows are the value of their one column. */
export function pluck<Values extends unknown[], T>(
  db: Database,
  sql: string,
): Statement<Values, T> {
  return db.prepare(sql).pluck() as Statement<Values, T>;
}

export class Bulk {
  readonly #width: number;
  readonly #prepare: (size: number) => Statement;
  readonly #statements = new Map<number, Statement>();

  /** `sql` receives the rows' placeholders: `(?,?),(?,?)` for width 2 and two rows. */
  constructor(db: Database, width: number, sql: (values: string) => string) {
    this.#width = width;
    const row = `(${Array<string>(width).fill('?').join(',')})`;
    this.#prepare = (size) => db.prepare(sql(Array<string>(size).fill(row).join(',')));
  }

  /** Writes rows given as one flat list; returns how many changed, and the id of the last one that was inserted. */
  run(values: readonly SqlValue[]): RunResult {
    let changes = 0;
    let lastInsertRowid: RunResult['lastInsertRowid'] = 0;
    this.#each(values, (statement, rows) => {
      const done = statement.run(rows);
      changes += done.changes;
      lastInsertRowid = done.lastInsertRowid;
    });
    return { changes, lastInsertRowid };
  }

  /** Writes rows as `run` does; returns what the one column of its RETURNING clause says of each row that changed. */
  returning(values: readonly SqlValue[]): readonly unknown[] {
    const returned: unknown[] = [];
    this.#each(values, (statement, rows) => returned.push(...statement.pluck().all(rows)));
    return returned;
  }

  #each(
    values: readonly SqlValue[],
    act: (statement: Statement, rows: readonly SqlValue[]) => void,
  ): void {
    let from = 0;
    for (const size of SIZES) {
      const step = size * this.#width;
      while (values.length - from >= step) {
        const isWhole = from === 0 && values.length === step;
        act(this.#statement(size), isWhole ? values : values.slice(from, from + step));
        from += step;
      }
    }
  }

  /* Prepared when it is first needed: an update of messages has its triggers compiled into it. */
  #statement(size: number): Statement {
    const known = this.#statements.get(size);
    if (known !== undefined) return known;
    const made = this.#prepare(size);
    this.#statements.set(size, made);
    return made;
  }
}
