/**
 * Reads and writes files of the daemon's own folder: locks, and what must not be changed by those who insert rows.
 *
 * Always holds: the folder belongs to this user, has mode 0700, is no link, and nobody else may write there. Files are
 * 0600 and are never opened through a link. A file belongs to the spool at a path: members can change the content of
 * the spool (its identity too), a restored backup has another inode, and a copy elsewhere is another spool. The path
 * is taken relative to this folder, so that a folder that holds both can be moved.
 */
import { createHash } from 'node:crypto';
import {
  constants,
  fstatSync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
  type Stats,
} from 'node:fs';
import { homedir } from 'node:os';
import { basename, dirname, isAbsolute, join, relative } from 'node:path';
import { codeOf } from '../../core/text/error-code.ts';
import { SpoolError } from '../sql/spool-errors.ts';
import { quoted } from '../../core/text/escape.ts';
import { withDescriptor } from './descriptor.ts';
import { realPathOf } from './plain-files.ts';

/** Made by the package (tmpfiles.d) for the daemon's user. */
const PACKAGE_FOLDER = '/var/lib/sms-spoold-own';
/** In the spool's folder. */
const NAME = 'sms-spoold-own';
const FOLDER_MODE = 0o700;
const FILE_MODE = 0o600;
const OTHERS_WRITE = 0o022;
const STICKY = 0o1000;
/** Nothing that is kept here comes near it. */
const READ_MAX = 1_048_576;

export interface OwnFolderOptions {
  /** `[spool] own`; null = the default place. */
  readonly own: string | null;
  /** Path of the spool; its folder must be there. */
  readonly spool: string;
  readonly env: NodeJS.ProcessEnv;
  /** Default PACKAGE_FOLDER. */
  readonly packageFolder?: string;
}

export class OwnFolder {
  /** Absolute. */
  readonly path: string;
  /** Why others may replace the folder as a whole, with a remedy; null = they may not. */
  readonly warning: string | null;
  readonly #key: string;

  private constructor(path: string, spool: string) {
    this.path = path;
    this.warning = warningOf(path);
    this.#key = keyOf(relative(path, spool));
  }

  /**
   * The folder for the spool at a path, made if it is missing. Throws SpoolError `unsafe-file` when somebody else
   * owns it or may write there, and errors of the system when it cannot be made.
   */
  static open(options: OwnFolderOptions): OwnFolder {
    const spool = realTargetOf(options.spool);
    const path = options.own ?? chooseFolder(dirname(spool), options);
    makeFolder(path);
    return new OwnFolder(realpathSync(path), spool);
  }

  /** Where the lock of the file with this device and inode is. */
  lockOf({ dev, ino }: { readonly dev: bigint; readonly ino: bigint }): string {
    return join(this.path, `${dev}-${ino}.lock`);
  }

  /** What was written under this name for the spool; null = nothing was. */
  read(name: string): string | null {
    const opened = openPlain(this.#fileOf(name), constants.O_RDONLY);
    if (opened === null) return null;
    return withDescriptor(opened, (fd) => {
      const found = fstatSync(fd);
      return found.isFile() && found.size <= READ_MAX ? readFileSync(fd, 'utf8') : null;
    });
  }

  /** Replaces the file; on disk when it returns. Whoever is killed meanwhile leaves the old one. */
  write(name: string, data: string): void {
    const file = this.#fileOf(name);
    const partial = `${file}.partial`;
    const { O_CREAT, O_EXCL, O_NOFOLLOW, O_WRONLY } = constants;
    rmSync(partial, { force: true });
    const flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW;
    withDescriptor(openSync(partial, flags, FILE_MODE), (fd) => {
      writeFileSync(fd, data);
      fsyncSync(fd);
    });
    renameSync(partial, file);
    withDescriptor(openSync(this.path, constants.O_RDONLY), fsyncSync);
  }

  /**
   * Writes over the beginning of the file, in one call and without fsync: it outlives the process, and perhaps
   * not the machine. For short texts that are written often; `data` has the same length each time.
   */
  overwrite(name: string, data: string): void {
    const { O_CREAT, O_WRONLY } = constants;
    const opened = openPlain(this.#fileOf(name), O_WRONLY | O_CREAT);
    if (opened !== null) withDescriptor(opened, (fd) => writeSync(fd, data, 0));
  }

  /** Nothing is kept under this name any more. */
  remove(name: string): void {
    rmSync(this.#fileOf(name), { force: true });
  }

  #fileOf(name: string): string {
    return join(this.path, `${this.#key}.${name}`);
  }
}

/* A link to a spool leads to the folder, and so to the lock, of that spool; the spool may be missing yet. */
function realTargetOf(spool: string): string {
  try {
    return realpathSync(spool);
  } catch (error) {
    if (codeOf(error) === null) throw error;
    return realPathOf(spool);
  }
}

/* Never where others may write: they could replace the folder, and with it the lock. */
function chooseFolder(
  spoolFolder: string,
  { env, packageFolder = PACKAGE_FOLDER }: OwnFolderOptions,
): string {
  const uid = process.geteuid?.();
  const ofPackage = lstatSync(packageFolder, { throwIfNoEntry: false });
  if (ofPackage?.isDirectory() === true && ofPackage.uid === uid) return packageFolder;
  const found = statSync(spoolFolder);
  if (found.uid === uid && (found.mode & OTHERS_WRITE) === 0) return join(spoolFolder, NAME);
  const ofUser = join(stateHome(env), 'sms-spoold');
  if (canMake(ofUser)) return ofUser;
  throw new SpoolError(
    'unsafe-file',
    `There is no place for the daemon's own folder: others may write to ${spoolFolder}, and ${ofUser} cannot be made. ` +
      `Name a folder that only this user may write in the configuration, as own under [spool]: own = "/var/lib/sms-spoold-own"`,
  );
}

/* XDG Base Directory Specification: a relative path is to be ignored. */
function stateHome(env: NodeJS.ProcessEnv): string {
  const named = env['XDG_STATE_HOME'] ?? '';
  return isAbsolute(named) ? named : join(homedir(), '.local', 'state');
}

const NOT_MADE: readonly unknown[] = ['EACCES', 'EPERM', 'EROFS', 'ENOENT', 'ENOTDIR'];

/* A user without a home (a service, a container) cannot keep anything there. */
function canMake(path: string): boolean {
  try {
    mkdirSync(path, { recursive: true, mode: FOLDER_MODE });
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return true; // is checked afterwards
    if (NOT_MADE.includes(codeOf(error))) return false;
    throw error;
  }
}

function makeFolder(path: string): void {
  try {
    mkdirSync(path, { recursive: true, mode: FOLDER_MODE });
  } catch (cause) {
    if (codeOf(cause) !== 'EEXIST') throw cause;
  }
  const problem = problemOf(path, lstatSync(path));
  if (problem !== null) throw new SpoolError('unsafe-file', `${path} ${problem}`);
}

function problemOf(path: string, found: Stats): string | null {
  const what = `the daemon's own folder ([spool] own)`;
  if (found.isSymbolicLink()) {
    return `is a symbolic link, but must be ${what}. Name the folder itself in [spool] own.`;
  }
  if (!found.isDirectory()) {
    return `is not a folder, but must be ${what}. Name another in [spool] own.`;
  }
  const uid = process.geteuid?.();
  if (uid !== undefined && found.uid !== uid) {
    return (
      `belongs to the user with uid ${found.uid}, but must be ${what} and belong to uid ${uid}. ` +
      `Make it theirs: chown ${uid} ${quoted(path)}`
    );
  }
  if ((found.mode & OTHERS_WRITE) === 0) return null;
  return `may be written by others, but must be ${what}. Look who put what there, then: chmod 0700 ${quoted(path)}`;
}

function warningOf(path: string): string | null {
  const parent = dirname(path);
  const { mode } = statSync(parent);
  if ((mode & OTHERS_WRITE) === 0 || (mode & STICKY) !== 0) return null;
  return (
    `the daemon's own folder ${path} can be replaced by whoever may write to ${parent}, and with it the lock and ` +
    `the day's spend; name a folder elsewhere in [spool] own`
  );
}

/* The name helps a person; the digest tells paths apart. */
function keyOf(path: string): string {
  const name = basename(path).replaceAll(/[^\w.-]/g, '_');
  const digest = createHash('sha256').update(path).digest('hex');
  return `${name.slice(0, 100)}-${digest.slice(0, 16)}`;
}

/* Null = there is no such file. O_NONBLOCK: what is no file does not hold us up. */
function openPlain(file: string, flags: number): number | null {
  const { O_NOFOLLOW, O_NONBLOCK } = constants;
  try {
    return openSync(file, flags | O_NOFOLLOW | O_NONBLOCK, FILE_MODE);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return null;
    throw error;
  }
}
