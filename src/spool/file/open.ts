/**
 * Opens a spool: every connection of ours is WAL, synchronous=FULL, trusted_schema=OFF, and waits for nobody
 * (busy timeout 0; whoever can wait tries again asynchronously). Those that write have secure_delete=ON: what a row held
 * before it was changed or deleted is overwritten with zeros.
 *
 * Always holds: once SQLite has the file open, nothing else in the process opens and closes it, its -wal or its -shm,
 * because closing such a descriptor drops SQLite's locks. `stat` opens nothing; `permissions` changes modes before.
 */
import { accessSync, constants, statSync } from 'node:fs';
import { dirname } from 'node:path';
import Sqlite, { type Database, type Statement } from 'better-sqlite3';
import { codeOf } from '../../core/text/error-code.ts';
import { quoted } from '../../core/text/escape.ts';
import { SpoolError } from '../sql/spool-errors.ts';
import { migrate, SCHEMA_VERSION } from '../schema/migrations.ts';
import { fileIdOf, missingFolder, refuseExchangedFiles, refuseUnsafeFiles } from './plain-files.ts';
import { refuseForeignSchema, spoolGuard } from '../schema/schema-guard.ts';
import { shareDatabase } from './permissions.ts';

export type { Database } from 'better-sqlite3';

/**
 * Of a new file; SQLite keeps the size that a file has. A commit writes whole pages to the -wal. A message changes
 * about 17 pages by 100 to 300 bytes each (test/bench/wal.ts), so half of SQLite's default halves what it costs.
 */
const PAGE_BYTES = 2_048;
/** Bytes in the -wal after which a commit of ours copies them to the file; SQLite counts them in pages. */
const CHECKPOINT_BYTES = 4 * 1024 * 1024;

export interface OpenOptions {
  /** Make the file when it is missing, and bring an older schema up to date. */
  readonly create?: boolean;
  /** Nothing will be written. The file must be a spool of the current schema. */
  readonly readonly?: boolean;
  /** Milliseconds to wait for another writer: for commands; the daemon waits asynchronously. Default 0. */
  readonly busyTimeoutMs?: number;
}

/** A connection to the spool at `path`. Throws SpoolError; the file is then as it was. */
export function openSpool(path: string, options: OpenOptions = {}): Database {
  refuseMissing(path, options.create ?? false);
  refuseUnsafeFiles(path);
  if (options.readonly !== true) refuseWhatCannotBeWritten(path);
  let db: Database | null = null;
  try {
    if (options.readonly !== true) shareDatabase(path, { make: options.create ?? false });
    db = new Sqlite(path, {
      timeout: options.busyTimeoutMs ?? 0,
      readonly: options.readonly ?? false,
    });
    return prepare(db, path, options);
  } catch (error) {
    db?.close();
    throw explain(error, path);
  }
}

/** Loads SQLite itself, which is otherwise read from its file when the first database is opened. */
export function loadSqlite(): void {
  new Sqlite(':memory:').close();
}

function prepare(db: Database, path: string, options: OpenOptions): Database {
  restrict(db);
  const guard = spoolGuard(db, path);
  /* In a transaction, so that SQLite itself reads the schema that is compared. */
  const version = db.transaction(() => guard.verify())();
  refuseExchangedFiles(path);
  if (options.readonly !== true) db.pragma('secure_delete = ON');
  if (options.create) {
    db.pragma(`page_size = ${PAGE_BYTES}`);
    db.pragma('journal_mode = WAL');
    if (version < SCHEMA_VERSION) {
      migrate(db, path, (found) => refuseForeignSchema(db, path, found));
    }
  } else if (version < SCHEMA_VERSION) throw outdated(path, version);
  if (options.create) refuseExchangedFiles(path);
  if (options.readonly !== true) {
    db.pragma('synchronous = FULL');
    const pageBytes = db.pragma('page_size', { simple: true }) as number;
    db.pragma(`wal_autocheckpoint = ${CHECKPOINT_BYTES / pageBytes}`);
  }
  return guarded(db, () => guard.verify());
}

/**
 * What the schema of a file says must do nothing: views, defaults and CHECKs call no function that reaches out of
 * SQLite, a foreign key of an operator's own table neither blocks nor follows what we do to ours, and pages that
 * somebody has written by hand are looked at before they are believed.
 */
export function restrict(db: Database): void {
  db.pragma('trusted_schema = OFF');
  db.pragma('foreign_keys = OFF');
  db.pragma('cell_size_check = ON');
}

function outdated(path: string, version: number): SpoolError {
  return new SpoolError(
    'not-a-spool',
    version === 0
      ? `${path} is empty, not a spool yet. Make it one: sms-spoold init`
      : `${path} has schema version ${version}, older than ${SCHEMA_VERSION}. Bring it up to date: sms-spoold init`,
  );
}

function refuseMissing(path: string, create: boolean): void {
  refuseMissingFolder(path);
  if (create || fileIdOf(path) !== null) return;
  const message = `There is no spool at ${path}. Make one: sms-spoold init`;
  throw new SpoolError('not-accessible', message);
}

/** Throws SpoolError when there is no folder to hold a file at `path`. */
export function refuseMissingFolder(path: string): void {
  if (statSync(dirname(path), { throwIfNoEntry: false })?.isDirectory() === true) return;
  throw missingFolder(path);
}

/* SQLite would open such a file for reading and say nothing until the first write. */
function refuseWhatCannotBeWritten(path: string): void {
  try {
    if (statSync(path, { throwIfNoEntry: false }) !== undefined) accessSync(path, constants.W_OK);
  } catch (cause) {
    throw notWritable(path, { cause });
  }
}

function notWritable(path: string, options: ErrorOptions): SpoolError {
  return new SpoolError(
    'not-accessible',
    `${path} cannot be opened for writing. The file must be writable for this user, and so must its ` +
      `folder, where SQLite keeps ${path}-wal and ${path}-shm.`,
    options,
  );
}

/* The system's own word, where the file is made. */
function isForbidden(error: unknown): boolean {
  const code = codeOf(error);
  return code === 'EACCES' || code === 'EPERM' || code === 'EROFS';
}

/** SQLite's errors in an operator's words; anything else comes back as it is. */
export function explain(error: unknown, path: string): unknown {
  if (isForbidden(error)) return notWritable(path, { cause: error });
  if (!(error instanceof Sqlite.SqliteError)) return error;
  const { code } = error;
  const cause = { cause: error };
  if (code === 'SQLITE_NOTADB') {
    return new SpoolError(
      'not-a-spool',
      `${path} is not an SQLite database; it was left untouched. Name another file in spool.path, or put a backup in ` +
        `its place (sms-spoold backup --help).`,
      cause,
    );
  }
  if (code.startsWith('SQLITE_CANTOPEN') || code.startsWith('SQLITE_READONLY')) {
    return notWritable(path, cause);
  }
  if (code.startsWith('SQLITE_CORRUPT'))
    return new SpoolError('broken', damaged(path, error), cause);
  if (code.startsWith('SQLITE_IOERR')) {
    return new SpoolError('io-error', `${path}: SQLite reports ${code}: ${error.message}`, cause);
  }
  return error;
}

function damaged(path: string, { code, message }: { code: string; message: string }): string {
  return (
    `${path} is damaged: SQLite reports ${code}: ${message}. See how far: ` +
    `sqlite3 ${quoted(path)} 'PRAGMA integrity_check'. Then stop the daemon and put a backup in its place ` +
    `(sms-spoold backup --help), or save what can be read: sqlite3 ${quoted(path)} .recover`
  );
}

/** Whether another connection holds what we want right now: try again soon. */
export function isBusy(error: unknown): boolean {
  return error instanceof Sqlite.SqliteError && error.code.startsWith('SQLITE_BUSY');
}

/** Takes the write lock and gives it back. While another program holds it, throws an error that `isBusy` knows. */
export function tryWriteLock(db: Database): void {
  db.exec('BEGIN IMMEDIATE; ROLLBACK');
}

/** `wal` for every spool that a daemon has opened. */
export function journalModeOf(db: Database): string {
  return String(db.pragma('journal_mode', { simple: true }));
}

const WAIT_MS = 20;
const WAIT_MAX_MS = 5_000;

/**
 * Calls `act` until it does not return 'busy', and resolves to what it returns then. Throws SpoolError `locked`
 * when that takes more than five seconds, and the reason of `signal` when it is aborted.
 */
export async function whenFree<T extends object | number>(
  path: string,
  act: () => T | 'busy',
  signal: AbortSignal,
): Promise<T> {
  const endsAtMs = performance.now() + WAIT_MAX_MS;
  do {
    signal.throwIfAborted();
    const done = act();
    if (done !== 'busy') return done;
    await new Promise((resolve) => setTimeout(resolve, WAIT_MS));
  } while (performance.now() < endsAtMs);
  throw new SpoolError('locked', `Another program has held the write lock of ${path} for seconds.`);
}

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
