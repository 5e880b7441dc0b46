/**
 * Reads the beginnings of the spool, its -wal and its -shm as they are on disk, for core/overwritten.ts.
 *
 * Always holds: it reads through descriptors that SQLite opened, and opens none: closing it would drop SQLite's
 * locks.
 */
import { fstatSync, readSync } from 'node:fs';
import type { Header, RawLook, WalIndex } from '../core/overwritten.ts';

/** SQLite's own descriptors. */
export interface Descriptors {
  readonly spool: number;
  readonly wal: number;
  readonly shm: number;
}

const MAGIC = 'SQLite format 3\0';
const HEADER_BYTES = 100;
const INDEX_BYTES = 132;
const SALT_AT = { wal: 16, index: 32 } as const;
const SALT_BYTES = 8;

export function lookAt({ spool, wal, shm }: Descriptors): RawLook {
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
