/**
 * Makes a connection look at the schema first, in every transaction and for every statement outside one, so that no
 * caller can forget it.
 *
 * Always holds: the look and the statement see the same moment of the file. Statements that read or write no table of
 * the spool (PRAGMA, ATTACH, BEGIN, VACUUM) are left alone.
 */
import type { Database, Statement } from 'better-sqlite3';

const USES_TABLES = /^\s*(?:SELECT|INSERT|REPLACE|UPDATE|DELETE|WITH|VALUES)\b/i;

/** The same connection; `verify` runs first in each of its transactions and throws when there is to be none. */
export function guarded(db: Database, verify: () => void): Database {
  const prepare = db.prepare.bind(db);
  const transaction = db.transaction.bind(db);
  /* A write begins as one: a transaction that reads first cannot write when somebody else wrote meanwhile. */
  const [read, write] = [prepare('BEGIN'), prepare('BEGIN IMMEDIATE')];
  const [commit, rollback] = [prepare('COMMIT'), prepare('ROLLBACK')];

  /* Transactions of ours that are open: cheaper to ask than SQLite. */
  let open = 0;

  function within<T>(begin: Statement, work: () => T): T {
    begin.run();
    try {
      verify();
      const result = work();
      commit.run();
      return result;
    } catch (error) {
      if (db.inTransaction) rollback.run();
      throw error;
    }
  }

  function guardStatement(statement: Statement): Statement {
    if (!USES_TABLES.test(statement.source)) return statement;
    const begin = statement.readonly ? read : write;
    const native = Object.getPrototypeOf(statement) as Statement;
    const isInside = (): boolean => open > 0 || db.inTransaction;
    const inGuard = (name: 'run' | 'get' | 'all') => {
      const call: (...values: unknown[]) => unknown = native[name].bind(statement);
      return (...values: unknown[]): unknown =>
        isInside() ? call(...values) : within(begin, () => call(...values));
    };
    return Object.assign(statement, {
      run: inGuard('run'),
      get: inGuard('get'),
      all: inGuard('all'),
      iterate: () => {
        throw new Error('iterate() would hold a read transaction open: use all() page by page');
      },
    });
  }

  return Object.assign(db, {
    prepare: (sql: string) => guardStatement(prepare(sql)),
    transaction: (work: (...values: unknown[]) => unknown) =>
      transaction((...values: unknown[]) => {
        verify();
        open += 1;
        try {
          return work(...values);
        } finally {
          open -= 1;
        }
      }),
  });
}
