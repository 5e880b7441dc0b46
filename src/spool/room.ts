/**
 * Tells a lack of room from a broken disk. SQLite has an error of its own for a full disk, but reports a full quota as
 * an I/O error without its number; so this module writes a file of its own next to the spool and reads the error.
 */
import { randomBytes } from 'node:crypto';
import { closeSync, constants as open, fsyncSync, openSync, unlinkSync, writeSync } from 'node:fs';
import { constants } from 'node:os';
import Sqlite from 'better-sqlite3';
import { isFull } from './open.ts';

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
