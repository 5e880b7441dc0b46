/**
 * Copies a live spool: one moment of it, while others write. The copy is made under another name in the same folder, gets
 * the mark of a backup, is verified, and then gets its own name.
 *
 * Always holds: an existing file is never overwritten; a copy that failed leaves nothing behind.
 */
import { randomBytes } from 'node:crypto';
import {
  closeSync,
  existsSync,
  fsyncSync,
  linkSync,
  openSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import Sqlite, { type Database } from 'better-sqlite3';
import { codeOf } from '../../core/text/error-code.ts';
import { SpoolError } from '../sql/spool-errors.ts';
import { inspect, SCHEMA_VERSION } from '../schema/migrations.ts';
import { refuseMissingFolder, restrict } from '../file/open.ts';
import { markBackup } from './restored.ts';
import { refuseForeignSchema } from '../schema/schema-guard.ts';

/** It holds every text: for its owner alone. */
const MODE = 0o600;

export interface BackupFacts {
  readonly bytes: number;
  readonly messages: number;
  /** Of which moment it is (Unix seconds). */
  readonly at: number;
}

/** Backs `db` up as `file`. Throws SpoolError if that exists, or the copy is not whole. */
export function backUp(db: Database, file: string): BackupFacts {
  refuseWhatIsThere(file);
  refuseMissingFolder(file);
  const name = `.${basename(file)}.${randomBytes(6).toString('hex')}`;
  const partial = join(dirname(file), name);
  closeSync(openSync(partial, 'wx', MODE));
  try {
    const at = Date.now() / 1000;
    /* Unlike a copy of the pages, this leaves out what was deleted or blanked. */
    db.prepare('VACUUM INTO ?').run(partial);
    const messages = finish(partial, at);
    flush(partial);
    giveName(partial, file);
    flush(dirname(file));
    return { at, messages, bytes: statSync(file).size };
  } finally {
    for (const suffix of ['', '-journal', '-wal', '-shm'])
      rmSync(partial + suffix, { force: true });
  }
}

/* Returns how many messages it holds. It is one file, without a -wal. */
function finish(partial: string, at: number): number {
  const made = new Sqlite(partial);
  try {
    restrict(made);
    made.pragma('journal_mode = DELETE');
    made.pragma('synchronous = EXTRA');
    const { version } = inspect(made, partial);
    if (version !== SCHEMA_VERSION) throw new SpoolError('broken', 'The copy has another schema.');
    /* What was copied may have changed since the spool was looked at. */
    refuseForeignSchema(made, partial, version);
    markBackup(made, at);
    /* Values that break a constraint are no damage: clients can switch the constraints off. */
    made.pragma('ignore_check_constraints = ON');
    const found = made.pragma('integrity_check', { simple: true });
    if (found !== 'ok') throw new SpoolError('broken', `The copy is not whole: ${String(found)}`);
    return made.prepare<[], number>('SELECT count(*) FROM messages').pluck().get() ?? 0;
  } finally {
    made.close();
  }
}

function flush(path: string): void {
  const descriptor = openSync(path, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/* A link is refused where somebody made the file meanwhile; some file systems know none. */
function giveName(partial: string, file: string): void {
  try {
    linkSync(partial, file);
  } catch (error) {
    refuseWhatIsThere(file);
    if (!['EPERM', 'ENOTSUP', 'EMLINK'].includes(codeOf(error) ?? '')) throw error;
    renameSync(partial, file);
  }
}

function refuseWhatIsThere(file: string): void {
  if (!existsSync(file)) return;
  throw new SpoolError('not-accessible', `${file} is there already; name another file.`);
}
