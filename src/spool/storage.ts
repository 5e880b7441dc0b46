/**
 * What a spool takes on its disk, and when it will take less: the file, what of it is free to be used again,
 * the -wal, and what has ended longest ago. For people who ask; nothing here reads more than a few pages.
 */
import { statSync } from 'node:fs';
import type { Database } from 'better-sqlite3';
import { OLDEST_FINAL } from './retention.ts';
import { walSize } from './wal.ts';

export interface Storage {
  readonly fileBytes: number;
  /** Of those, free: what is pruned leaves room that what comes uses. */
  readonly freeBytes: number;
  readonly walBytes: number;
  /** When the message ended that ended first (Unix seconds); null = none has. */
  readonly oldestFinalAt: number | null;
}

/** `db` is the spool at `path`. */
export function storageOf(db: Database, path: string): Storage {
  const pragma = (name: string): number => db.pragma(name, { simple: true }) as number;
  return {
    fileBytes: statSync(path).size,
    freeBytes: pragma('freelist_count') * pragma('page_size'),
    walBytes: walSize(path),
    oldestFinalAt: db.prepare<[], number | null>(OLDEST_FINAL).pluck().get() ?? null,
  };
}
