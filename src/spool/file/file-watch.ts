/**
 * Notices that the spool or a lock was deleted, replaced or overwritten while it is open, by looking at the files once a
 * second. Renames our -wal and -shm on demand, so that they do not meet another spool.
 *
 * Always holds: no file of SQLite's is opened or closed here, which would drop locks. A look costs a few stats and short
 * reads, and never comes between two statements of a transaction.
 */
import { pluck } from '../sql/bulk.ts';
import { fstatSync, readSync, renameSync } from 'node:fs';
import Sqlite, { type Database, type Statement } from 'better-sqlite3';
import { codeOf } from '../../core/text/error-code.ts';
import {
  type Header,
  overwritten,
  type RawLook,
  type WalIndex,
} from '../../core/spool-state/overwritten.ts';
import { SpoolError } from '../sql/spool-errors.ts';
import { isBusy } from './open.ts';
import type { Ownership } from './ownership.ts';
import {
  type FileId,
  fileIdOf,
  isSameFile,
  type OpenFile,
  openFilesAt,
  realPathOf,
} from './plain-files.ts';

const LOOK_EVERY_MS = 1_000;
const ENDS = ['', '-wal', '-shm'] as const;
type End = (typeof ENDS)[number];

export interface FileChange {
  /** `spool`: what SQLite has open is not the spool any more. `lock`: it is, but it is no longer locked. */
  readonly kind: 'spool' | 'lock';
  /** Which file, and what happened to it. */
  readonly found: string;
}

interface WatchedFile {
  readonly path: string;
  readonly id: FileId;
  /** SQLite's descriptor; null = the system does not tell. */
  readonly fd: number | null;
}

export class FileWatch {
  readonly #files: Readonly<Record<End, WatchedFile>>;
  readonly #locks: Ownership['locks'];
  readonly #schemaVersion: Statement<[], number>;
  readonly #onChange: (change: FileChange) => void;
  readonly #timer: NodeJS.Timeout;
  #last: RawLook | null;
  /** The first change; a spool that is gone does not come back. */
  #found: FileChange | null = null;

  /** `onChange` is called once. The spool has been read, so that SQLite has its three files open. */
  constructor(
    db: Database,
    path: string,
    ownership: Ownership,
    onChange: (change: FileChange) => void,
  ) {
    const real = realPathOf(path);
    this.#files = { '': held(real), '-wal': held(`${real}-wal`), '-shm': held(`${real}-shm`) };
    if (!isSameFile(this.#files[''].id, ownership.id)) {
      throw new SpoolError(
        'unsafe-file',
        `${path} was exchanged for another file after it was locked.`,
      );
    }
    this.#locks = ownership.locks;
    this.#schemaVersion = pluck(db, 'PRAGMA schema_version');
    this.#last = this.#lookRaw();
    this.#onChange = onChange;
    this.#timer = setInterval(() => this.check(), LOOK_EVERY_MS).unref();
  }

  /** Looks now, and reports a change as the timer does; true = nothing changed. Before a checkpoint of ours. */
  check(): boolean {
    if (this.#found !== null) return false;
    this.#found = this.#look();
    if (this.#found === null) return true;
    clearInterval(this.#timer);
    this.#onChange(this.#found);
    return false;
  }

  /** Ends the watch with a last look; false = the spool must not be closed. */
  mayClose(): boolean {
    this.check();
    clearInterval(this.#timer);
    return this.#found?.kind !== 'spool';
  }

  /* What changed since the spool was opened; null = nothing. */
  #look(): FileChange | null {
    for (const end of ENDS) {
      const what = changeOf(this.#files[end]);
      if (what !== null) return { kind: 'spool', found: what };
    }
    const written = this.#overwritten();
    if (written !== null) {
      const { path } = this.#files[written === 'spool' ? '' : '-wal'];
      return { kind: 'spool', found: `${path} was written over by another program` };
    }
    for (const { path, id } of this.#locks) {
      const what = id === null ? null : changeOf({ path, id });
      if (what !== null) return { kind: 'lock', found: what };
    }
    return null;
  }

  /**
   * Renames -wal and -shm where they are still ours; the new names. Whoever opens the spool then begins without
   * them. Throws errors of the system.
   */
  setAside(now: Date): readonly string[] {
    const stamp = now.toISOString().replaceAll(/[-:]|\.\d+/g, '');
    return (['-wal', '-shm'] as const).flatMap((end) => {
      const { path } = this.#files[end];
      if (changeOf(this.#files[end]) !== null) return [];
      const aside = `${path}.aside-${stamp}`;
      renameSync(path, aside);
      return [aside];
    });
  }

  #overwritten(): 'spool' | '-wal' | null {
    const last = this.#last;
    this.#last = this.#lookRaw();
    if (last === null || this.#last === null) return null;
    return overwritten(last, this.#last, () => this.#seenSchemaVersion());
  }

  /* 0 = it cannot be read any more. */
  #seenSchemaVersion(): number {
    try {
      return this.#schemaVersion.get() ?? 0;
    } catch (error) {
      if (isBusy(error)) return Infinity;
      if (error instanceof Sqlite.SqliteError) return 0;
      throw error;
    }
  }

  /* Null = the system does not tell which descriptors are SQLite's. */
  #lookRaw(): RawLook | null {
    const [spool, wal, shm] = ENDS.map((end) => descriptorOf(this.#files[end]));
    if (spool === undefined || wal === undefined || shm === undefined) return null;
    return spool === null || wal === null || shm === null ? null : lookAt(spool, wal, shm);
  }
}

function held(path: string): WatchedFile {
  const [open] = openFilesAt(path) ?? [];
  const id = open ?? fileIdOf(path);
  if (id === null)
    throw new SpoolError('unsafe-file', `${path} is gone, just after it was opened.`);
  return { path, id: { dev: id.dev, ino: id.ino }, fd: open?.fd ?? null };
}

function changeOf({ path, id }: Pick<WatchedFile, 'path' | 'id'>): string | null {
  const found = fileIdOf(path);
  if (found === null) return `${path} was deleted or moved away`;
  return isSameFile(found, id) ? null : `${path} was replaced by another file`;
}

/* Another connection of ours may have been the one that opened it, and be closed by now. */
function descriptorOf({ path, id, fd }: WatchedFile): number | null {
  if (fd === null) return null;
  const isIt = (file: OpenFile): boolean => isSameFile(file, id);
  return isOpenAs(fd, id) ? fd : (openFilesAt(path)?.find(isIt)?.fd ?? null);
}

function isOpenAs(fd: number, id: FileId): boolean {
  try {
    return isSameFile(fstatSync(fd, { bigint: true }), id);
  } catch (error) {
    if (codeOf(error) === 'EBADF') return false;
    throw error;
  }
}

const MAGIC = 'SQLite format 3\0';
const HEADER_BYTES = 100;
const INDEX_BYTES = 132;
const SALT_AT = { wal: 16, index: 32 } as const;
const SALT_BYTES = 8;

/* By SQLite's own descriptors. */
function lookAt(spool: number, wal: number, shm: number): RawLook {
  const before = readIndex(shm);
  const { atimeNs, mtimeNs, ctimeNs } = fstatSync(spool, { bigint: true });
  const header = readHeader(spool);
  const walSalt = readWalSalt(wal);
  const times = { accessedNs: atimeNs, modifiedNs: mtimeNs, changedNs: ctimeNs };
  return { before, ...times, header, walSalt, after: readIndex(shm) };
}

/* Integers of the database file are big-endian, sqlite.org/fileformat2.html section 1.3. */
function readHeader(fd: number): Header | null {
  const bytes = readBytes(fd, 0, HEADER_BYTES);
  if (bytes.length < HEADER_BYTES || bytes.toString('latin1', 0, MAGIC.length) !== MAGIC)
    return null;
  return {
    changes: bytes.readUInt32BE(24),
    schemaVersion: bytes.readUInt32BE(40),
    applicationId: bytes.readUInt32BE(68),
  };
}

/* Those of the -shm are in the order of the machine, which is little-endian wherever the daemon runs. */
function readIndex(fd: number): WalIndex {
  const bytes = Buffer.alloc(INDEX_BYTES);
  readSync(fd, bytes, 0, INDEX_BYTES, 0);
  return {
    frames: bytes.readUInt32LE(16),
    salt: bytes.toString('hex', SALT_AT.index, SALT_AT.index + SALT_BYTES),
    copied: bytes.readUInt32LE(96),
    copying: bytes.readUInt32LE(128),
  };
}

function readWalSalt(fd: number): string | null {
  const bytes = readBytes(fd, SALT_AT.wal, SALT_BYTES);
  return bytes.length < SALT_BYTES ? null : bytes.toString('hex');
}

function readBytes(fd: number, from: number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  return bytes.subarray(0, readSync(fd, bytes, 0, length, from));
}
