/**
 * Refuses a spool whose schema is not the one that this program makes, before anything of it is used.
 *
 * Always holds: the comparison reads the marks of the file and the rows of `sqlite_schema`, nothing else. After an
 * open it is made again in each transaction that finds another `PRAGMA schema_version`, before anything else is read,
 * so that no statement of ours meets a trigger, view or table that was not compared.
 */
import { pluck } from '../sql/bulk.ts';
import Sqlite, { type Database, type Statement } from 'better-sqlite3';
import { escapeText, quoted } from '../../core/text/escape.ts';
import { SpoolError } from '../sql/spool-errors.ts';
import { inspect, SCHEMA_VERSION } from './migrations.ts';
import { CHANGED_TABLES, PARTS_BY_GATEWAY_ID, RECENT_TABLE, SCHEMA } from './schema.ts';
import {
  type Difference,
  differenceOf,
  lowerCase,
  type SchemaObject,
  type SchemaReference,
} from './schema-check.ts';

/** One schema of a connection: 'main', or the name under which a file is attached. */
export class SchemaGuard {
  readonly #cookie: Statement<[], number>;
  readonly #compare: () => number;
  /** SQLite's count of changes to the schema, and the version, when they were compared; null = not yet. */
  #compared: { readonly cookie: number; readonly version: number } | null = null;

  /** `compare` returns the version, or throws. */
  constructor(db: Database, schema: 'main' | 'archive', compare: () => number) {
    this.#cookie = pluck(db, `PRAGMA ${schema}.schema_version`);
    this.#compare = compare;
  }

  /**
   * To be called first in a transaction; returns the schema version. Throws SpoolError when the schema is not ours, or
   * not any more.
   */
  verify(): number {
    const cookie = this.#cookie.get() ?? 0;
    if (this.#compared?.cookie === cookie) return this.#compared.version;
    const version = this.#compare();
    this.#compared = { cookie, version };
    return version;
  }
}

/** For the spool at `path`. */
export function spoolGuard(db: Database, path: string): SchemaGuard {
  return new SchemaGuard(db, 'main', () => {
    const { version } = inspect(db, path);
    refuseForeignSchema(db, path, version);
    return version;
  });
}

/** In a transaction. Throws SpoolError when the spool differs from one of that version in any way that matters. */
export function refuseForeignSchema(db: Database, path: string, version: number): void {
  refuseUnlike(referenceOf(version), { db, schema: 'main', path });
}

export interface Compared {
  readonly db: Database;
  readonly schema: 'main' | 'archive';
  readonly path: string;
}

/** The same for any reference. */
export function refuseUnlike(reference: SchemaReference, { db, schema, path }: Compared): void {
  const difference = differenceOf(readSchema(db, schema), reference);
  if (difference !== null) throw new SpoolError('foreign-schema', sentenceOf(difference, path));
}

function sentenceOf({ what, how, statement }: Difference, path: string): string {
  const said = escapeText(`${what} ${how}`);
  return `${path}: ${said}. sms-spoold does not use such a file, and left it untouched. ${remedyOf(statement, path)}`;
}

function remedyOf(statement: string | null, path: string): string {
  if (statement === null) {
    return 'Restore a backup of before the change, or move this file away and make a new spool: sms-spoold init';
  }
  /* A name that somebody else chose must not become part of a command that is pasted into a shell. */
  if (!/^[\w "().;,<>=+*?'|-]*$/.test(statement)) {
    return `To undo the change, run this in the sqlite3 shell: ${escapeText(statement)};`;
  }
  return `To undo the change: sqlite3 ${quoted(path)} ${quoted(`${statement};`)}`;
}

let latest: SchemaReference | null = null;

/** What a spool of a schema version has. */
export function referenceOf(version: number): SchemaReference {
  latest ??= made();
  if (version === SCHEMA_VERSION) return latest;
  return version === 0 ? { ...latest, needed: [], optional: [] } : version4(latest);
}

const NEW_IN_5 = ['set_aside', 'receipts_unmatched_age', 'revision', 'filter', 'up_to', 'as_of'];

/* The migration makes some tables again, with what is on them: their columns are compared, and not their text. */
function version4({ needed, optional, reserved }: SchemaReference): SchemaReference {
  const isChanged = ({ table }: SchemaObject): boolean => table in CHANGED_TABLES;
  const old = needed
    .filter(({ name }) => !NEW_IN_5.includes(name))
    .map((object) => (isChanged(object) ? withoutText(object) : object));
  const trigger = 'control_columns_of_the_daemon';
  const dropped = {
    type: 'trigger',
    name: trigger,
    table: 'control',
    sql: null,
    columns: () => [],
  };
  return {
    needed: old.filter((object) => object.type === 'table' || !isChanged(object)),
    optional: [...optional, ...old, dropped],
    reserved,
  };
}

function withoutText(object: SchemaObject): SchemaObject {
  const columns = object.columns().filter((column) => !NEW_IN_5.includes(column));
  return { ...object, sql: null, columns: () => columns };
}

/** The rows of `sqlite_schema`. Nothing else is read until columns are asked for. */
export function readSchema(
  db: Database,
  schema: 'main' | 'archive' = 'main',
): readonly SchemaObject[] {
  const rows = db
    .prepare<[], Omit<SchemaObject, 'columns'>>(
      `SELECT CAST(type AS TEXT) AS type, CAST(name AS TEXT) AS name, CAST(tbl_name AS TEXT) AS "table",
        CAST(sql AS TEXT) AS sql FROM ${schema}.sqlite_schema ORDER BY rowid`,
    )
    .all();
  return rows.map((row) => ({
    ...row,
    /* A virtual table would load its module to say which columns it has. */
    columns: () =>
      row.sql?.startsWith('CREATE TABLE ') === true ? columnsOf(db, schema, row.name) : [],
  }));
}

function columnsOf(db: Database, schema: string, table: string): readonly string[] {
  if (!/^\w+$/.test(table)) return [];
  const rows = db.pragma(`${schema}.table_xinfo(${table})`) as readonly { readonly name: string }[];
  return rows.map(({ name }) => name);
}

function made(): SchemaReference {
  const db = new Sqlite(':memory:');
  try {
    db.exec(SCHEMA);
    const needed = ownObjects(db);
    const reserved = new Set(needed.map(({ name }) => name));
    /* Made when they are first needed. */
    for (const sql of [RECENT_TABLE, PARTS_BY_GATEWAY_ID]) db.exec(sql);
    const optional = ownObjects(db).filter(({ name }) => !reserved.has(name));
    for (const { name } of optional) reserved.add(name);
    return { needed, optional, reserved };
  } finally {
    db.close();
  }
}

/* Those of SQLite itself, such as sqlite_sequence, are nobody's. */
function ownObjects(db: Database): readonly SchemaObject[] {
  return readSchema(db)
    .filter(({ name }) => !name.startsWith('sqlite_'))
    .map((object) => {
      const columns = object.columns().map(lowerCase);
      return { ...object, name: lowerCase(object.name), columns: () => columns };
    });
}
