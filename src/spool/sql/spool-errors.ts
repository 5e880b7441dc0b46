/**
 * Declares the error of a spool that cannot be used as it is. Each has a stable `code`; the message names the file, what
 * was expected, and what to do. Tells a full disk from a broken one.
 */
import { randomBytes } from 'node:crypto';
import { closeSync, constants as open, fsyncSync, openSync, unlinkSync, writeSync } from 'node:fs';
import { constants } from 'node:os';
import Sqlite from 'better-sqlite3';
import { codeOf } from '../../core/text/error-code.ts';

export type SpoolErrorCode =
  /** The path is no file of SQLite's, or a file that is not ours. The file is left untouched. */
  | 'not-a-spool'
  /** Made by a newer version of the program. */
  | 'newer-schema'
  /** A link, a second name, another kind of file or another owner where a file of ours must be. */
  | 'unsafe-file'
  /** A table, index, trigger or view of ours is not as the program makes it, or something foreign hangs on one. */
  | 'foreign-schema'
  /** There is no folder to hold it: it may be mounted later. */
  | 'no-folder'
  /** Missing, or not readable or writable for this user. */
  | 'not-accessible'
  /** It is owned no more: a lock was deleted or replaced. */
  | 'lock-lost'
  /** Another program has held its write lock for seconds. */
  | 'locked'
  /** Another daemon owns it. */
  | 'owned-by-another'
  /** The disk is too full for a migration. The file is left as it was. */
  | 'no-room'
  /** SQLite reports damage. */
  | 'broken'
  /** The system reports that it cannot read or write. */
  | 'io-error';

export class SpoolError extends Error {
  override readonly name = 'SpoolError';
  readonly code: SpoolErrorCode;

  constructor(code: SpoolErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** Whether the disk is full: what waits to be written stays in memory and is tried again. */
export function isFull(error: unknown): boolean {
  if (error instanceof Sqlite.SqliteError) return error.code === 'SQLITE_FULL';
  const code = codeOf(error);
  return code === 'ENOSPC' || code === 'EDQUOT';
}

const NOT_OURS: readonly SpoolErrorCode[] = ['not-a-spool', 'newer-schema', 'foreign-schema'];

/** Whether the file is not, or no longer, a spool that this program may use: waiting does not help. */
export function isNotOurs(error: unknown): boolean {
  return error instanceof SpoolError && NOT_OURS.includes(error.code);
}

/** More than a commit of the daemon usually writes. */
const TRIED_BYTES = 1_048_576;
/** By number: Node has no name for a full quota. */
const NO_ROOM: ReadonlySet<unknown> = new Set([-constants.errno.ENOSPC, -constants.errno.EDQUOT]);

/** Whether `error` of the spool at `path` says that there is no room: waiting helps. Writes to the disk. */
export function isOutOfRoom(error: unknown, path: string): boolean {
  if (isFull(error) || NO_ROOM.has(errnoOf(error))) return true;
  return isIoError(error) && NO_ROOM.has(errorOfAWrite(path));
}

function isIoError(error: unknown): boolean {
  const root = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  return root instanceof Sqlite.SqliteError && root.code.startsWith('SQLITE_IOERR');
}

/* The error number of a write next to the spool; null = the write succeeds. */
function errorOfAWrite(path: string): unknown {
  const file = `${path}.room-${randomBytes(8).toString('hex')}`;
  const { O_CREAT, O_EXCL, O_NOFOLLOW, O_WRONLY } = open;
  let fd: number | null = null;
  try {
    fd = openSync(file, O_CREAT | O_EXCL | O_NOFOLLOW | O_WRONLY, 0o600);
    unlinkSync(file);
    const bytes = Buffer.alloc(TRIED_BYTES);
    for (let at = 0; at < bytes.length;) at += writeSync(fd, bytes, at);
    fsyncSync(fd);
    return null;
  } catch (error) {
    return errnoOf(error);
  } finally {
    if (fd !== null) closeSync(fd);
  }
}

/* Of the system; null = the error is none of it. */
function errnoOf(error: unknown): unknown {
  return error instanceof Error && 'errno' in error ? error.errno : null;
}
