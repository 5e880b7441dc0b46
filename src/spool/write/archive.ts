/**
 * Moves old messages to an archive: an SQLite file with the tables of the spool that messages have rows in. It is no
 * spool, and no daemon starts on it.
 *
 * Always holds: rows are on disk in the archive, and were compared there one by one, before their deletion from the spool
 * commits. If the program stops between the two, the next run copies them again: nothing is lost or doubled. Ids are
 * those of one spool: the archive of another is refused.
 */
import { hash } from 'node:crypto';
import { closeSync, openSync, statSync } from 'node:fs';
import Sqlite, { type Database, type Statement } from 'better-sqlite3';
import { SpoolError } from '../sql/spool-errors.ts';
import { KeyValues, TAG_KEY } from '../sql/kv.ts';
import { refuseUnsafeDatabase } from '../file/plain-files.ts';
import { SCHEMA_VERSION } from '../schema/migrations.ts';
import { explain, refuseMissingFolder, restrict } from '../file/open.ts';
import type { SchemaReference } from '../schema/schema-check.ts';
import { referenceOf, refuseUnlike, SchemaGuard } from '../schema/schema-guard.ts';

/** "smsa" (PRAGMA application_id). */
const APPLICATION_ID = 0x736d7361;
const MODE = 0o600;

/** Table → the column that names the message. */
const TABLES = {
  messages: 'id',
  attempts: 'message_id',
  parts: 'message_id',
  receipts: 'message_id',
  events: 'message_id',
} as const;

interface Ids {
  readonly ids: string;
}

interface TableStatements {
  readonly clear: Statement<[Ids]>;
  readonly copy: Statement<[Ids]>;
  readonly differ: Statement<[Ids], number>;
}

export class Archive implements Disposable {
  readonly #db: Database;
  readonly #tables: readonly TableStatements[];
  readonly #guard: SchemaGuard;

  private constructor(db: Database, file: string) {
    this.#db = db;
    this.#guard = new SchemaGuard(db, 'archive', () => {
      refuseUnlike(archiveSchema(), { db, schema: 'archive', path: file });
      return SCHEMA_VERSION;
    });
    db.transaction(() => this.#guard.verify())();
    this.#tables = Object.entries(TABLES).map(([table, column]) => {
      /* What the spool has no more is left alone: the archive may have it from a run that was cut short. */
      const of = (schema: string): string =>
        `FROM ${schema}.${table} WHERE ${column} IN (SELECT id FROM main.messages
          WHERE id IN (SELECT value FROM json_each(@ids)))`;
      const less = (a: string, b: string): string =>
        `SELECT 1 FROM (SELECT * ${of(a)} EXCEPT SELECT * ${of(b)})`;
      return {
        clear: db.prepare<[Ids]>(`DELETE ${of('archive')}`),
        copy: db.prepare<[Ids]>(`INSERT INTO archive.${table} SELECT * ${of('main')}`),
        differ: db
          .prepare<[Ids], number>(
            `${less('main', 'archive')} UNION ALL ${less('archive', 'main')} LIMIT 1`,
          )
          .pluck(),
      };
    });
  }

  /** Makes the file, or opens one made from the same spool. Throws SpoolError. */
  static open(spool: Database, file: string): Archive {
    refuseMissingFolder(file);
    refuseUnsafeDatabase(file);
    if (statSync(file, { throwIfNoEntry: false }) === undefined) {
      closeSync(openSync(file, 'wx', MODE));
    }
    try {
      prepare(spool, file);
      spool.prepare('ATTACH ? AS archive').run(file);
      /* Unlike FULL: the removal of its journal is on disk too, so that no crash of the machine undoes a commit. */
      spool.pragma('archive.synchronous = EXTRA');
      /* A client that has switched the constraints off can leave anything. */
      spool.pragma('ignore_check_constraints = ON');
      return new Archive(spool, file);
    } catch (error) {
      throw explain(error, file);
    }
  }

  /** Puts messages and all that hangs on them there, in the place of what is there of them. */
  copy(ids: readonly number[]): void {
    const list = { ids: JSON.stringify(ids) };
    this.#db.transaction(() => {
      this.#guard.verify();
      for (const { clear, copy } of this.#tables) {
        clear.run(list);
        copy.run(list);
      }
    })();
  }

  /** Whether the spool and the archive say the same of these. Call it in the transaction that deletes them. */
  holds(ids: readonly number[]): boolean {
    this.#guard.verify();
    const list = { ids: JSON.stringify(ids) };
    return this.#tables.every(({ differ }) => differ.get(list) === undefined);
  }

  [Symbol.dispose](): void {
    this.#db.exec('DETACH archive');
  }
}

/* By a connection of its own: what is made must be named for the file and not for the spool. */
function prepare(spool: Database, file: string): void {
  const made = new Sqlite(file);
  try {
    restrict(made);
    const mark = identityOf(spool);
    const isNew =
      made.prepare('SELECT count(*) FROM sqlite_master').pluck().get() === 0 &&
      made.pragma('application_id', { simple: true }) === 0;
    if (isNew) make(made, mark);
    else refuseWhatIsNotItsOwn(made, file, mark);
  } finally {
    made.close();
  }
}

/* Nothing that the spool says of itself: the statements are the program's own. */
function make(made: Database, mark: string): void {
  made.pragma('synchronous = EXTRA');
  made.transaction(() => {
    for (const { sql } of archiveSchema().needed) made.exec(sql ?? '');
    made.prepare(`INSERT INTO archive (name, value) VALUES ('spool', ?)`).run(mark);
    made.pragma(`application_id = ${APPLICATION_ID}`);
    made.pragma(`user_version = ${SCHEMA_VERSION}`);
  })();
}

const MARKS = 'CREATE TABLE archive (name TEXT PRIMARY KEY NOT NULL, value TEXT NOT NULL)';
const BESIDE_TABLES = ['events_message', 'receipts_message', 'messages_campaign', 'v_messages'];

/*
 * The tables of the spool that messages have rows in. A key may be used again when it is forgotten, by a message that
 * is archived, too: it is unique in the spool only.
 */
function archiveSchema(): SchemaReference {
  const names = [...Object.keys(TABLES), ...BESIDE_TABLES];
  const objects = referenceOf(SCHEMA_VERSION).needed.filter(({ name }) => names.includes(name));
  const needed = objects.map((object) => ({ ...object, sql: object.sql ?? '' }));
  const marks = { type: 'table', name: 'archive', table: 'archive', sql: MARKS };
  const reserved = new Set<string>();
  return {
    needed: [...needed, { ...marks, columns: () => ['name', 'value'] }],
    optional: [],
    reserved,
  };
}

function refuseWhatIsNotItsOwn(made: Database, file: string, mark: string): void {
  if (made.pragma('application_id', { simple: true }) !== APPLICATION_ID) {
    throw notOurs(`${file} is not an archive that prune made; it was left untouched.`);
  }
  if (made.pragma('user_version', { simple: true }) !== SCHEMA_VERSION) {
    throw notOurs(`${file} is an archive of another schema version.`);
  }
  refuseUnlike(archiveSchema(), { db: made, schema: 'main', path: file });
  const found = made.prepare(`SELECT value FROM archive WHERE name = 'spool'`).pluck().get();
  if (found === mark) return;
  throw notOurs(`${file} is the archive of another spool, or of this one before it was restored.`);
}

function notOurs(what: string): SpoolError {
  return new SpoolError('not-a-spool', `${what} Name another file.`);
}

/* A restored spool has another tag key, and gives ids out again. */
function identityOf(spool: Database): string {
  const key = new KeyValues(spool).get(TAG_KEY);
  return hash('sha256', `archive:${String(key)}`, 'hex').slice(0, 32);
}
