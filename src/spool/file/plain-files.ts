/**
 * Refuses the files of a spool when they are not what they must be: plain files with one name. A link, a second
 * name, a named pipe or a device in a folder that members may write to would lead the daemon, or a command of
 * root, to a file elsewhere.
 *
 * Always holds: nothing is opened here. `refuseExchangedFiles` looks again once SQLite has the files open,
 * because they may have been exchanged in between.
 */
import {
  fstatSync,
  lstatSync,
  readdirSync,
  readlinkSync,
  realpathSync,
  statSync,
  type BigIntStats,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { codeOf } from '../../core/text/error-code.ts';
import { SpoolError } from '../sql/spool-errors.ts';
import { quoted } from '../../core/text/escape.ts';

/** What names one file on a machine, whatever it is called. */
export interface FileId {
  readonly dev: bigint;
  readonly ino: bigint;
}

/** Endings of the files that SQLite and the daemon keep next to the spool. */
const NEXT_TO_IT = ['-wal', '-shm', '-journal', '.lock'] as const;
/** Of these, what SQLite keeps open. */
const OPENED = ['', '-wal', '-shm'] as const;
/** The same for a database that is not the spool. */
const DATABASE = ['', '-wal', '-shm', '-journal'] as const;
const DESCRIPTORS = '/proc/self/fd';

export function isSameFile(one: FileId, other: FileId): boolean {
  return one.dev === other.dev && one.ino === other.ino;
}

/** The file at a path, a link itself; null = there is none. */
export function fileIdOf(path: string): FileId | null {
  return lstatSync(path, { bigint: true, throwIfNoEntry: false }) ?? null;
}

/** Where the spool at `path` really is: its folder without links. Throws SpoolError when there is no folder. */
export function realPathOf(path: string): string {
  try {
    return join(realpathSync(dirname(path)), basename(path));
  } catch (cause) {
    const code = codeOf(cause);
    if (code !== 'ENOENT' && code !== 'ENOTDIR') throw cause;
    throw missingFolder(path, { cause });
  }
}

/** There is no folder to hold a file at `path`. */
export function missingFolder(path: string, options?: ErrorOptions): SpoolError {
  const message = `The folder ${dirname(path)} does not exist; make it, then run sms-spoold init.`;
  return new SpoolError('no-folder', message, options);
}

/**
 * Throws SpoolError `unsafe-file` unless the spool at `path` and every file next to it is a plain file with one
 * name, or missing, and the spool belongs to the owner of its folder. -wal and -shm may belong to any member:
 * SQLite makes them for whoever opens the spool first.
 */
export function refuseUnsafeFiles(path: string): void {
  const found = lstatSync(path, { bigint: true, throwIfNoEntry: false });
  if (found !== undefined) {
    refuseOtherKind(path, found);
    refuseSecondName(path, found);
    refuseOtherOwner(path, found);
  }
  for (const end of NEXT_TO_IT) refuseUnsafeFile(path + end);
}

/** The same for a database of which we are the only user, such as an archive. */
export function refuseUnsafeDatabase(path: string): void {
  for (const end of DATABASE) refuseUnsafeFile(path + end);
}

/**
 * After SQLite read the spool at `path`: throws unless the files that it has opened are the ones at these paths, and
 * are what they must be. -wal and -shm may be closed.
 */
export function refuseExchangedFiles(path: string): void {
  refuseUnsafeFiles(path);
  const real = realPathOf(path);
  for (const end of OPENED) {
    const opened = openFilesAt(real + end);
    if (opened === null) return;
    const found = fileIdOf(path + end);
    const isFound = (file: FileId): boolean => found !== null && isSameFile(file, found);
    if (opened.every(isFound) && (opened.length > 0 || end !== '')) continue;
    throw new SpoolError(
      'unsafe-file',
      `${path}${end} was exchanged for another file while it was opened. ` +
        `Look who may write to ${dirname(path)}: ls -ld ${quoted(dirname(path))}`,
    );
  }
}

/** A descriptor of this process. */
export interface OpenFile extends FileId {
  readonly fd: number;
}

/** The descriptors that this process has of the file at a path (without links); null = the system does not tell. */
export function openFilesAt(realPath: string): readonly OpenFile[] | null {
  const names = descriptorNames();
  if (names === null) return null;
  return names.flatMap((name) => {
    if (targetOf(name) !== realPath) return [];
    const fd = Number(name);
    const { dev, ino } = fstatSync(fd, { bigint: true });
    return [{ fd, dev, ino }];
  });
}

function descriptorNames(): readonly string[] | null {
  try {
    return readdirSync(DESCRIPTORS);
  } catch (error) {
    if (codeOf(error) !== null) return null;
    throw error;
  }
}

/* Null = it was closed meanwhile: it was the one by which the folder was read. */
function targetOf(name: string): string | null {
  try {
    return readlinkSync(`${DESCRIPTORS}/${name}`);
  } catch (error) {
    if (codeOf(error) !== null) return null;
    throw error;
  }
}

function refuseUnsafeFile(path: string): void {
  const found = lstatSync(path, { bigint: true, throwIfNoEntry: false });
  if (found === undefined) return;
  if (!found.isFile()) {
    throw new SpoolError(
      'unsafe-file',
      `${path} is ${kindOf(found)}, but must be a regular file or missing. ` +
        `Look who made it: ls -ld ${quoted(path)}. Then remove it: rm -r ${quoted(path)}`,
    );
  }
  refuseSecondName(path, found);
}

function refuseOtherKind(path: string, found: BigIntStats): void {
  if (found.isFile()) return;
  throw new SpoolError(
    'unsafe-file',
    found.isDirectory()
      ? `${path} is a directory; spool.path must name a file in one.`
      : `${path} is ${kindOf(found)}, not a regular file; spool.path must name one.`,
  );
}

function refuseSecondName(path: string, { nlink }: BigIntStats): void {
  if (nlink === 1n) return;
  throw new SpoolError(
    'unsafe-file',
    `${path} has ${nlink} names (hard links), but must have one. Find the others and remove them: ` +
      `find ${quoted(dirname(path))} -xdev -samefile ${quoted(path)}`,
  );
}

function refuseOtherOwner(path: string, found: BigIntStats): void {
  const folder = dirname(path);
  const { uid } = statSync(folder, { bigint: true });
  if (found.uid === uid) return;
  throw new SpoolError(
    'unsafe-file',
    `${path} belongs to the user with uid ${found.uid}, but must belong to the owner of its folder, uid ${uid}. ` +
      `Look who made it; if it is yours: chown --reference=${quoted(folder)} ${quoted(path)}`,
  );
}

function kindOf(found: BigIntStats): string {
  if (found.isSymbolicLink()) return 'a symbolic link';
  if (found.isDirectory()) return 'a directory';
  if (found.isFIFO()) return 'a named pipe';
  return found.isSocket() ? 'a socket' : 'a device';
}
