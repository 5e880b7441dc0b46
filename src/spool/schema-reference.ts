/**
 * The schema that this program makes, for each version: read from a database in memory that the program's own
 * migrations have just made. Nothing here comes from a spool.
 */
import Sqlite, { type Database } from 'better-sqlite3';
import { STEPS } from './migrations.ts';
import { PARTS_BY_GATEWAY_ID } from './receipts.ts';
import { RECENT_TABLE } from './recent.ts';
import type { SchemaObject, SchemaReference } from './schema-check.ts';
import { lowerCase } from './sql-tokens.ts';

/** Made when they are first needed. */
const MADE_LATER = [RECENT_TABLE, PARTS_BY_GATEWAY_ID];

const references = new Map<number, SchemaReference>();

/** What a spool of a schema version has. */
export function referenceOf(version: number): SchemaReference {
  const known = references.get(version);
  if (known !== undefined) return known;
  const { needed, optional } = made(version);
  const latest = version === STEPS.length ? { needed, optional } : made(STEPS.length);
  const reserved = new Set([...latest.needed, ...latest.optional].map(({ name }) => name));
  const reference = { needed, optional, reserved };
  references.set(version, reference);
  return reference;
}

/** What a database says about its own schema. Nothing but `sqlite_schema` is read, until columns are asked for. */
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

function made(version: number): Pick<SchemaReference, 'needed' | 'optional'> {
  const db = new Sqlite(':memory:');
  try {
    for (const step of STEPS.slice(0, version)) step(db);
    const needed = ownObjects(db);
    const names = new Set(needed.map(({ name }) => name));
    if (version > 0) for (const sql of MADE_LATER) db.exec(sql);
    return { needed, optional: ownObjects(db).filter(({ name }) => !names.has(name)) };
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
