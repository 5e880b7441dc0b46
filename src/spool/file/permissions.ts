/**
 * Sets and checks the permissions of a spool's files. In a directory that is setgid and writable for its group, the
 * spool belongs to that group: its files are 0660, whoever makes them and whatever the umask says, because SQLite gives
 * -wal and -shm the mode of the database. Elsewhere the umask decides, but nobody is "other".
 *
 * Always holds: modes are set before SQLite opens the file, on a descriptor opened without following links,
 * and only of a regular file of ours that has no second name. Such a descriptor never drops SQLite's locks.
 */
import {
  chmodSync,
  constants,
  fchmodSync,
  fstatSync,
  openSync,
  statSync,
  type Stats,
} from 'node:fs';
import { dirname } from 'node:path';
import { codeOf } from '../../core/text/error-code.ts';
import { quoted } from '../../core/text/escape.ts';
import { withDescriptor } from './descriptor.ts';

const GROUP_MODE = 0o660;
const SETGID = 0o2000;
const GROUP_WRITES = 0o020;

/** Endings of the files of a database in WAL mode. */
const ENDINGS = ['', '-wal', '-shm'] as const;
/** The spool's, and the small database that says who owns it. */
const FILES = [...ENDINGS, '.lock'] as const;

/**
 * Before SQLite opens the database at `path`: opens the file, its -wal and its -shm to the group where the directory is
 * the group's. `make`: makes the file, empty, when it is missing. Leaves alone what it may not change. Throws when it
 * cannot make the file.
 */
export function shareDatabase(path: string, { make }: { readonly make: boolean }): void {
  const isGroups = isSharedFolder(dirname(path));
  if (make) makeFile(path, isGroups);
  if (!isGroups) return;
  for (const end of ENDINGS) openToGroup(path + end);
}

/** A file or directory that some cannot use as they should, or that more can use than should. */
export interface WrongPermission {
  readonly path: string;
  /** How it is, continuing the path: "has mode 0640: …". */
  readonly found: string;
  /** A command that mends it. */
  readonly command: string;
  /** Whether somebody who should cannot write, or somebody who should not can. */
  readonly isBroken: boolean;
}

/** What is wrong with who may use the spool at `path`. Opens nothing, changes nothing. */
export function findWrongPermissions(path: string): readonly WrongPermission[] {
  const folder = dirname(path);
  const found = statSync(folder, { throwIfNoEntry: false });
  if (found === undefined) return [];
  const ofFolder = folderWrongPermissions(folder, found);
  const within = { folder, mode: found.mode, gid: found.gid };
  const ofFiles = statFiles(path).flatMap(({ name, stats }) =>
    fileWrongPermissions(name, stats, within),
  );
  return [...ofFolder, ...ofFiles];
}

/** The same in sentences, each with its command. */
export function describeWrongPermissions(path: string): readonly string[] {
  return findWrongPermissions(path).map(
    ({ path: name, found, command }) => `${name} ${found}; mend it: ${command}`,
  );
}

/** The existing files of the spool at `path`; others come and go with those who have it open. */
export function spoolFiles(path: string): readonly string[] {
  return statFiles(path).map(({ name }) => name);
}

function statFiles(path: string): readonly { readonly name: string; readonly stats: Stats }[] {
  return FILES.flatMap((end) => {
    const stats = statSync(path + end, { throwIfNoEntry: false });
    return stats?.isFile() === true ? [{ name: path + end, stats }] : [];
  });
}

function isSharedFolder(folder: string): boolean {
  const found = statSync(folder, { throwIfNoEntry: false });
  return found !== undefined && isShared(found);
}

function isShared({ mode }: Pick<Stats, 'mode'>): boolean {
  return (mode & SETGID) !== 0 && (mode & GROUP_WRITES) !== 0;
}

/* Exclusively: it is ours and new, so that SQLite has not opened it. */
function makeFile(path: string, isGroups: boolean): void {
  const { O_CREAT, O_EXCL, O_NOFOLLOW, O_RDWR } = constants;
  try {
    withDescriptor(openSync(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, GROUP_MODE), (fd) => {
      if (isGroups) fchmodSync(fd, GROUP_MODE);
    });
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error;
  }
}

/**
 * Linux' O_PATH, which Node does not name. A descriptor of it stands for the file and does not open it:
 * closing it drops no lock of the process, as closing any other descriptor of the file would.
 */
const O_PATH = 0o10000000;

/* Other systems have no such descriptor: there, what is wrong is found by `check`. */
function openToGroup(path: string): void {
  if (process.platform !== 'linux') return;
  try {
    withDescriptor(openSync(path, O_PATH | constants.O_NOFOLLOW), (fd) => {
      const found = fstatSync(fd);
      const { mode } = found;
      const isOurs = found.isFile() && found.nlink === 1 && found.uid === process.geteuid?.();
      if (isOurs && (mode & GROUP_MODE) !== GROUP_MODE) {
        chmodSync(`/proc/self/fd/${fd}`, (mode & 0o777) | GROUP_MODE);
      }
    });
  } catch (error) {
    if (codeOf(error) === null) throw error; // it is missing, or may not be changed: `check` finds that
  }
}

function folderWrongPermissions(folder: string, { mode }: Stats): readonly WrongPermission[] {
  const wrongPermission = (what: string, change: string): WrongPermission[] => {
    const found = `has mode ${octal(mode)}: ${what}`;
    return [{ path: folder, found, command: `chmod ${change} ${quoted(folder)}`, isBroken: true }];
  };
  if ((mode & 0o002) !== 0) return wrongPermission('every user may replace the spool', 'o-w');
  if ((mode & GROUP_WRITES) === 0 || isShared({ mode })) return [];
  return wrongPermission('what others of the group make there is not for the group', 'g+s');
}

function fileWrongPermissions(
  path: string,
  file: Stats,
  within: Pick<Stats, 'mode' | 'gid'> & { readonly folder: string },
): readonly WrongPermission[] {
  const wrongPermissions: WrongPermission[] = [];
  const name = quoted(path);
  const mode = `has mode ${octal(file.mode)}`;
  const isGroups = isShared(within);
  if (isGroups && file.gid !== within.gid) {
    const found = 'does not belong to the group of its directory';
    const command = `chgrp --reference=${quoted(within.folder)} ${name}`;
    wrongPermissions.push({ path, found, command, isBroken: true });
  }
  if (isGroups && (file.mode & GROUP_MODE) !== GROUP_MODE) {
    const found = `${mode}: the group cannot read and write it`;
    wrongPermissions.push({ path, found, command: `chmod 0660 ${name}`, isBroken: true });
  } else if ((file.mode & 0o006) !== 0) {
    const found = `${mode}: every user sees all messages`;
    wrongPermissions.push({ path, found, command: `chmod o= ${name}`, isBroken: false });
  }
  return wrongPermissions;
}

function octal(mode: number): string {
  return (mode & 0o7777).toString(8).padStart(4, '0');
}
