/**
 * Makes a new spool, and brings an older one to the schema that this program knows, in one transaction.
 *
 * Always holds: a file that is not a spool or comes from a newer program is left untouched. What its tables look like
 * is for `schema-guard` to compare.
 */
import { randomBytes } from 'node:crypto';
import type { Database } from 'better-sqlite3';
import { isFull, SpoolError } from '../sql/spool-errors.ts';
import { drawWord, IDENTITY, KeyValues, TAG_KEY } from '../sql/kv.ts';
import { toVersion5 } from './migration-from-4.ts';
import { SCHEMA } from './schema.ts';

/** "smsp": marks the file as a spool of ours (PRAGMA application_id). */
const APPLICATION_ID = 0x736d7370;

export const SCHEMA_VERSION = 5;
/** Older ones were never released. */
const MIGRATED_VERSION = 4;

/** What the file is, from its own marks. Throws SpoolError when it must not be touched. */
export function inspect(db: Database, path: string): { version: number } {
  const version = db.pragma('user_version', { simple: true }) as number;
  const applicationId = db.pragma('application_id', { simple: true }) as number;
  const tables = db
    .prepare(`SELECT count(*) FROM sqlite_master WHERE name NOT LIKE 'sqlite_%'`)
    .pluck()
    .get() as number;
  if (version === 0 && applicationId === 0 && tables === 0) return { version: 0 };
  if (applicationId !== APPLICATION_ID) {
    throw new SpoolError(
      'not-a-spool',
      `${path} is an SQLite database, but not a spool of sms-spoold; it was left untouched. ` +
        `Name another file in spool.path, or an empty one to make a spool of.`,
    );
  }
  if (version > SCHEMA_VERSION) {
    throw new SpoolError(
      'newer-schema',
      `${path} has schema version ${version}; this program knows up to ${SCHEMA_VERSION}. ` +
        `Install the newer sms-spoold that made it.`,
    );
  }
  if (version > 0 && version < MIGRATED_VERSION) {
    throw new SpoolError(
      'not-a-spool',
      `${path} has schema version ${version}; this program migrates version ${MIGRATED_VERSION} and reads ` +
        `${SCHEMA_VERSION}. Move the file away and make a new spool: sms-spoold init`,
    );
  }
  return { version };
}

/**
 * Brings the spool to this version. `compare` looks at what is to be migrated, in the same transaction, and throws when
 * it must not be touched. The caller holds no transaction, and foreign keys are off: while a table is made again, what
 * refers to it stays.
 */
export function migrate(db: Database, path: string, compare: (version: number) => void): void {
  const run = db.transaction(() => {
    const { version } = inspect(db, path);
    compare(version);
    bringUp(db, version);
  });
  try {
    run.immediate();
  } catch (error) {
    throw isFull(error) ? noRoom(path, error) : error;
  }
}

/** Brings a file of version 0 (empty) or 4 to this version, in the caller's transaction if there is one. */
export function bringUp(db: Database, version: number): void {
  if (version >= SCHEMA_VERSION) return;
  if (version === 0) makeSchema(db);
  else toVersion5(db);
  db.pragma(`application_id = ${APPLICATION_ID}`);
  db.pragma(`user_version = ${SCHEMA_VERSION}`);
}

function makeSchema(db: Database): void {
  db.exec(SCHEMA);
  const values = new KeyValues(db);
  values.set(TAG_KEY, randomBytes(32).toString('hex'));
  values.set(IDENTITY, drawWord());
}

function noRoom(path: string, cause: unknown): SpoolError {
  return new SpoolError(
    'no-room',
    `${path} cannot be brought to schema version ${SCHEMA_VERSION}: the disk is full. The table of messages is ` +
      `written a second time meanwhile, so that there must be as much free space as the file is large, there and in ` +
      `the folder for temporary files. The spool was left as it was. Make room, then run sms-spoold init.`,
    { cause },
  );
}
