/**
 * Gives every value that a command reads the type that its column has, whatever is stored: constraints can be switched
 * off, and SQLite itself keeps a BLOB or an infinity in any column.
 *
 * Always holds, for a result column that is a column of a table: TEXT is a string; INTEGER and REAL are finite numbers,
 * or NaN for anything else; NULL is there only where the table allows it. A result that SQL computes has no declared
 * type: only its BLOBs and infinities are replaced. The daemon does not read through this: it judges rows as they are.
 */
import type { Database, Statement } from 'better-sqlite3';

/** Characters of one value: more than any honest value has. */
const LENGTH_MAX = 100_000;
const BLOB_SHOWN = 32;

type Convert = (value: unknown) => unknown;

/** The same connection; rows of its statements have the types of their columns. */
export function typed(db: Database): Database {
  const prepare = db.prepare.bind(db);
  const required = new Set<string>();
  const read = prepare(
    `SELECT t.name || '.' || c.name FROM pragma_table_list AS t, pragma_table_info(t.name) AS c
      WHERE t.schema = 'main' AND t.type = 'table' AND (c."notnull" OR c.pk)`,
  ).pluck();
  for (const name of read.all() as string[]) required.add(name);

  const convertersOf = (statement: Statement): readonly (readonly [string, Convert])[] =>
    statement.columns().map(({ name, table, column, type }) => {
      const isRequired = table !== null && required.has(`${table}.${column ?? ''}`);
      return [name, converterOf(type, isRequired)];
    });

  const typeStatement = (statement: Statement): Statement => {
    if (!statement.reader) return statement;
    const converters = convertersOf(statement);
    const convert = (row: unknown): unknown => converted(row, converters);
    const get = statement.get.bind(statement);
    const all = statement.all.bind(statement);
    return Object.assign(statement, {
      get: (...values: unknown[]) => convert(get(...values)),
      all: (...values: unknown[]) => all(...values).map(convert),
    });
  };
  return Object.assign(db, { prepare: (sql: string) => typeStatement(prepare(sql)) });
}

/* A row is an object by names, an array by position (raw), or the value of the first column (pluck). */
function converted(row: unknown, converters: readonly (readonly [string, Convert])[]): unknown {
  if (row === undefined) return row;
  if (Array.isArray(row)) return row.map((value, index) => converters[index]?.[1](value));
  if (typeof row !== 'object' || row === null || Buffer.isBuffer(row))
    return converters[0]?.[1](row);
  const values = row as Record<string, unknown>;
  for (const [name, convert] of converters) values[name] = convert(values[name]);
  return values;
}

function converterOf(type: string | null, isRequired: boolean): Convert {
  if (type === 'TEXT') return (value) => (value === null && !isRequired ? null : textOf(value));
  if (type === 'INTEGER' || type === 'REAL') {
    const otherwise = isRequired ? NaN : null;
    return (value) => (typeof value === 'number' && Number.isFinite(value) ? value : otherwise);
  }
  return (value) => {
    if (Buffer.isBuffer(value) || typeof value === 'string') return textOf(value);
    return typeof value === 'number' && !Number.isFinite(value) ? null : value;
  };
}

/* As SQL writes it. */
function textOf(value: unknown): string {
  if (typeof value === 'string') {
    return value.length > LENGTH_MAX ? `${value.slice(0, LENGTH_MAX - 1)}…` : value;
  }
  if (typeof value === 'number' || typeof value === 'bigint') return String(value);
  if (!Buffer.isBuffer(value)) return '';
  const rest = value.length > BLOB_SHOWN ? '…' : '';
  return `x'${value.subarray(0, BLOB_SHOWN).toString('hex')}${rest}'`;
}
