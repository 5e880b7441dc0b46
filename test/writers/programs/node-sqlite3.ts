/**
 * The part of the `sqlite3` package that Sequelize 6 calls, over better-sqlite3: `sqlite3` itself fetches its
 * binary from outside of the registry.
 */
import Sqlite from 'better-sqlite3';

export const OPEN_READWRITE = 2;
export const OPEN_CREATE = 4;

type Done = (this: Statement, error: unknown, rows?: readonly unknown[]) => void;
type Parameters = readonly unknown[] | Readonly<Record<string, unknown>>;

/** What `this` is in a callback. Sequelize looks for this name. */
class Statement {
  readonly lastID: number;
  readonly changes: number;

  constructor(lastID: number, changes: number) {
    this.lastID = lastID;
    this.changes = changes;
  }
}

export class Database {
  readonly #db: Sqlite.Database;

  constructor(path: string, _mode: number, opened: (error: unknown) => void) {
    this.#db = new Sqlite(path, { fileMustExist: true });
    setImmediate(opened, null);
  }

  serialize(work: () => unknown): void {
    work();
  }

  run(sql: string, parameters: Parameters = [], done?: Done): void {
    this.#execute(sql, parameters, done);
  }

  all(sql: string, ...rest: readonly [Done] | readonly [Parameters, Done]): void {
    if (rest.length === 1) this.#execute(sql, [], rest[0]);
    else this.#execute(sql, rest[0], rest[1]);
  }

  close(done?: (error: unknown) => void): void {
    this.#db.close();
    done?.(null);
  }

  #execute(sql: string, parameters: Parameters, done?: Done): void {
    try {
      const statement = this.#db.prepare(sql);
      const bound = named(parameters);
      if (statement.reader) {
        done?.call(new Statement(0, 0), null, statement.all(bound));
        return;
      }
      const { lastInsertRowid, changes } = statement.run(bound);
      done?.call(new Statement(Number(lastInsertRowid), changes), null);
    } catch (error) {
      done?.call(new Statement(0, 0), error);
    }
  }
}

/* Sequelize writes the names with their sign: better-sqlite3 wants them without. */
function named(parameters: Parameters): unknown {
  if (Array.isArray(parameters)) return parameters;
  return Object.fromEntries(
    Object.entries(parameters).map(([name, value]) => [name.replace(/^\$/, ''), value]),
  );
}
