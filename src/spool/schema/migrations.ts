/**
 * Brings a spool to the schema this program knows, forward only, one transaction a version.
 *
 * Always holds: a file that is not a spool or comes from a newer program is left untouched. What its tables look like
 * is for `schema-guard` to compare.
 */
import { randomBytes } from 'node:crypto';
import type { Database } from 'better-sqlite3';
import { isFull, SpoolError } from '../sql/spool-errors.ts';
import { FINAL_APART, READY, SCHEMA_1, TURN } from './schema.ts';
import { drawWord, IDENTITY, KeyValues, TAG_KEY } from '../sql/kv.ts';
import { toVersion5 } from './schema-5.ts';

/** "smsp": marks the file as a spool of ours (PRAGMA application_id). */
const APPLICATION_ID = 0x736d7370;

/* Ready rows lie by rank: retries are found apart from first attempts, and rows with a deadline apart from those
 * without, however many there are of the others. */
const RETRIES_APART = `
DROP INDEX messages_ready;
CREATE INDEX messages_ready ON messages(account, sender, campaign, ${TURN}) WHERE ${READY};
ALTER TABLE accounts ADD COLUMN configured_concurrency INTEGER;
ALTER TABLE accounts ADD COLUMN learned_concurrency INTEGER;
`;

/* Until when the gateway asked an account or a sender to wait (Unix seconds); may be over. */
const BLOCKS = `
ALTER TABLE accounts ADD COLUMN blocked_until REAL;
ALTER TABLE senders ADD COLUMN blocked_until REAL;`;

/** Step n brings version n to n + 1. */
export const STEPS: readonly ((db: Database) => void)[] = [
  (db) => {
    db.exec(SCHEMA_1);
    const values = new KeyValues(db);
    values.set(TAG_KEY, randomBytes(32).toString('hex'));
    values.set(IDENTITY, drawWord());
  },
  (db) => void db.exec(RETRIES_APART),
  (db) => void db.exec(FINAL_APART),
  (db) => void db.exec(BLOCKS),
  toVersion5,
];

export const SCHEMA_VERSION = STEPS.length;

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
  return { version };
}

/** A look at what is to be migrated, in the same transaction; throws when it must not be touched. */
export type Compare = (version: number) => void;

/**
 * Runs the missing migrations; returns the version it found. The caller holds no transaction, and foreign keys are off:
 * while a table is made again, what refers to it stays.
 */
export function migrate(db: Database, path: string, compare: Compare): number {
  const run = db.transaction((): number => {
    const { version } = inspect(db, path);
    compare(version);
    bringUp(db, version);
    return version;
  });
  try {
    return run.immediate();
  } catch (error) {
    throw isFull(error) ? noRoom(path, error) : error;
  }
}

/** Runs the migrations from a version on, in the caller's transaction if there is one. */
export function bringUp(db: Database, version: number): void {
  if (version >= SCHEMA_VERSION) return;
  for (const step of STEPS.slice(version)) step(db);
  db.pragma(`application_id = ${APPLICATION_ID}`);
  db.pragma(`user_version = ${SCHEMA_VERSION}`);
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
