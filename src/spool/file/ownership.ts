/**
 * Lets one daemon own a spool, by two locks: each is an open write transaction on a small database. They end with the
 * process, however it ends, and no file has to be cleaned up.
 *
 * The first is in the daemon's own folder and named by device and inode of the spool, so that links and second
 * names lead to the same one, and nobody else can remove it. The second is next to the spool, for daemons of older
 * versions and of other users. Members may write there: it can keep a daemon out, and never lets one in.
 *
 * Always holds: the lock next to the spool is never truncated, and only opened when it is a plain file.
 */
import { lstatSync, rmSync, statSync } from 'node:fs';
import Sqlite, { type Database } from 'better-sqlite3';
import { codeOf } from '../../core/text/error-code.ts';
import type { Remembered } from '../../core/spool-state/rollback.ts';
import type { DaemonFact } from '../../core/account/stops.ts';
import { SpoolError } from '../sql/spool-errors.ts';
import { lastRunOf, Memory } from './run-memory.ts';
import { explain, isBusy } from './open.ts';
import type { OwnFolder } from './own-folder.ts';
import { type FileId, fileIdOf, isSameFile, refuseUnsafeFiles } from './plain-files.ts';
import { shareDatabase } from './permissions.ts';

/** Others that look whether the lock is free hold up a commit for a moment. */
const COMMIT_WAIT_MS = 2_000;

/** A small database with an open write transaction. */
interface DatabaseLock {
  readonly path: string;
  readonly id: FileId | null;
  readonly db: Database;
}

export class Ownership {
  readonly id: FileId;
  readonly locks: readonly DatabaseLock[];
  readonly memory: Memory;
  readonly #path: string;

  private constructor(path: string, id: FileId, locks: readonly DatabaseLock[], memory: Memory) {
    this.#path = path;
    this.id = id;
    this.locks = locks;
    this.memory = memory;
  }

  /**
   * Takes the spool at `path`, making an empty file where there is none. Throws SpoolError: `owned-by-another` at
   * once when somebody has it, `unsafe-file` when it or a file next to it is no plain file.
   */
  static take(path: string, own: OwnFolder): Ownership {
    const locks: DatabaseLock[] = [];
    try {
      const first = targetOf(path);
      if (first !== null) locks.push(lock(path, own.lockOf(first)));
      refuseUnsafeFiles(path);
      shareDatabase(path, { make: true });
      const id = fileIdOf(path);
      if (first === null && id !== null) locks.push(lock(path, own.lockOf(id)));
      if (id === null || (first !== null && !isSameFile(id, first))) throw exchanged(path);
      const shared = lock(path, `${path}.lock`);
      locks.push(shared);
      const memory = new Memory(own);
      /* Daemons of older versions kept their memory in the shared lock: it is taken over once. */
      if (memory.isNew) memory.remember(...rememberedIn(shared.db));
      return new Ownership(path, id, locks, memory);
    } catch (error) {
      for (const { db } of locks) db.close();
      throw explain(error, path);
    }
  }

  /** Whether the spool and the locks are still the files that were taken. */
  get isIntact(): boolean {
    return [{ path: this.#path, id: this.id }, ...this.locks].every(({ path, id }) => {
      const found = fileIdOf(path);
      return found !== null && id !== null && isSameFile(found, id);
    });
  }

  release(): void {
    for (const { db } of this.locks) db.close();
  }
}

/* Through links: two names of one spool meet at one lock. */
function targetOf(path: string): FileId | null {
  try {
    return statSync(path, { bigint: true, throwIfNoEntry: false }) ?? null;
  } catch (error) {
    if (codeOf(error) === 'ELOOP') return null;
    throw error;
  }
}

function exchanged(path: string): SpoolError {
  return new SpoolError(
    'unsafe-file',
    `${path} was exchanged for another file while the daemon took it. Look who may write there.`,
  );
}

function lock(spool: string, path: string): DatabaseLock {
  shareDatabase(path, { make: true });
  try {
    const db = lockedAnyway(path);
    return { path, id: fileIdOf(path), db };
  } catch (error) {
    if (!isBusy(error)) throw explain(error, path);
    const message = `Another daemon owns the spool ${spool}.`;
    throw new SpoolError('owned-by-another', message, { cause: error });
  }
}

/* What is no database any more is no lock of anybody's: a lock that was ever committed to answers "busy". */
function lockedAnyway(path: string): Database {
  try {
    return locked(path);
  } catch (error) {
    const code = error instanceof Sqlite.SqliteError ? error.code : '';
    if (code !== 'SQLITE_NOTADB' && !code.startsWith('SQLITE_CORRUPT')) throw error;
    rmSync(path);
    shareDatabase(path, { make: true });
    return locked(path);
  }
}

/*
 * EXCLUSIVE: a commit keeps the lock, and after it nobody can even read the file: it answers "busy" also where
 * somebody wrote over it. No journal file: one that another user's process leaves behind when it is killed could
 * not be opened.
 */
function locked(path: string): Database {
  const db = new Sqlite(path, { timeout: 0 });
  try {
    db.pragma('locking_mode = EXCLUSIVE');
    db.pragma('journal_mode = MEMORY');
    db.exec('BEGIN IMMEDIATE');
    db.pragma(`busy_timeout = ${COMMIT_WAIT_MS}`);
    holdExclusively(db);
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

/* A commit that writes turns the reserved lock into an exclusive one, which a reader can tell (`isOwned`). */
function holdExclusively(db: Database): void {
  try {
    db.pragma('user_version = 1');
    db.exec('COMMIT');
  } catch (error) {
    if (!(error instanceof Sqlite.SqliteError)) throw error;
    if (db.inTransaction) db.exec('ROLLBACK');
  }
  db.exec('BEGIN IMMEDIATE');
}

/* A table of older versions; where there is none, or another one, nothing is known. */
function rememberedIn(db: Database): readonly Remembered[] {
  try {
    return db.prepare('SELECT identity, nonce, seq FROM states').all() as readonly Remembered[];
  } catch (error) {
    if (error instanceof Sqlite.SqliteError) return [];
    throw error;
  }
}

/** What is known of the daemon of the spool at `path`, open as `db`. */
export function daemonOf(db: Sqlite.Database, path: string): DaemonFact {
  const { hasRun, beganAt, endedAt } = lastRunOf(db);
  const isRunning = isOwned(path);
  return { isRunning, hasRun: hasRun || isRunning, since: isRunning ? beganAt : endedAt };
}

/** Whether a daemon holds the lock next to the spool at `path`. */
export function isOwned(path: string): boolean {
  const lock = `${path}.lock`;
  const found = lstatSync(lock, { throwIfNoEntry: false });
  /* A link, or what is no file, is nobody's lock. */
  if (found?.isFile() !== true || found.nlink !== 1) return false;
  try {
    const db = new Sqlite(lock, { readonly: true, fileMustExist: true, timeout: 0 });
    try {
      db.prepare('SELECT count(*) FROM sqlite_master').get();
    } finally {
      db.close();
    }
    return false;
  } catch (error) {
    if (isBusy(error)) return true;
    if (error instanceof Sqlite.SqliteError) return false;
    throw error;
  }
}
