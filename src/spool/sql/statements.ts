/**
 * Prepares the statements of a part of the spool and gives each as a function of its values.
 *
 * A part extends `Statements` and names its statements as fields: all are compiled when the part is made, once.
 */
import type { Database, Statement } from 'better-sqlite3';
import { pluck } from './bulk.ts';

/* eslint-disable @typescript-eslint/no-unnecessary-type-parameters -- Only the caller knows the types of its SQL. */
export class Statements {
  protected readonly db: Database;

  constructor(db: Database) {
    this.db = db;
  }

  /** Gives every row. */
  protected selectAll<Values extends unknown[], Row>(sql: string): (...values: Values) => Row[] {
    const statement = this.db.prepare(sql) as Statement<Values, Row>;
    return (...values) => statement.all(...values);
  }

  /** Gives the first row; null = there is none. */
  protected selectFirst<Values extends unknown[], Row>(
    sql: string,
  ): (...values: Values) => Row | null {
    const statement = this.db.prepare(sql) as Statement<Values, Row>;
    return (...values) => statement.get(...values) ?? null;
  }

  /** Gives the one column of every row. */
  protected pluckAll<Values extends unknown[], T>(sql: string): (...values: Values) => T[] {
    const statement = pluck<Values, T>(this.db, sql);
    return (...values) => statement.all(...values);
  }

  /** Gives the one column of the first row; null = there is no row, or it is NULL. */
  protected pluckFirst<Values extends unknown[], T>(sql: string): (...values: Values) => T | null {
    const statement = pluck<Values, T>(this.db, sql);
    return (...values) => statement.get(...values) ?? null;
  }

  /** Gives the one column of the first row, which is a number; 0 = there is no row. */
  protected count<Values extends unknown[]>(sql: string): (...values: Values) => number {
    const statement = pluck<Values, number>(this.db, sql);
    return (...values) => statement.get(...values) ?? 0;
  }

  /** Tells whether there is a row. */
  protected exists<Values extends unknown[]>(sql: string): (...values: Values) => boolean {
    const statement = pluck<Values, unknown>(this.db, sql);
    return (...values) => statement.get(...values) !== undefined;
  }

  /** Writes; gives how many rows changed. */
  protected run<Values extends unknown[]>(sql: string): (...values: Values) => number {
    const statement = this.db.prepare(sql) as Statement<Values>;
    return (...values) => statement.run(...values).changes;
  }
}
