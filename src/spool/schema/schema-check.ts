/**
 * Compares the schema of a spool with the one that this program makes. Pure: it is given what both databases say
 * about themselves and names the first difference.
 *
 * Always holds: a table, index, trigger or view of ours that is missing or means something else is a difference,
 * and so is anything foreign that could change or stop what we do to one of our tables: a trigger on it, an index that
 * can refuse a row, or a name that hides a function of our statements. Other objects of an operator's own are welcome,
 * and so is an index on plain columns of ours.
 */

/** A row of `sqlite_schema`. */
export interface SchemaObject {
  readonly type: string;
  readonly name: string;
  /** The table that an index or a trigger belongs to; else the name itself. */
  readonly table: string;
  /** Null = made by SQLite itself for a constraint; in a reference: any text will do. */
  readonly sql: string | null;
  /** Of a table; read from the database when it is called. */
  readonly columns: () => readonly string[];
}

export interface SchemaReference {
  /** All of these must be there. */
  readonly needed: readonly SchemaObject[];
  /** These may be there; the program makes them when it first needs them. */
  readonly optional: readonly SchemaObject[];
  /** Names that a later version of the schema uses. */
  readonly reserved: ReadonlySet<string>;
}

export interface Difference {
  /** Such as: the trigger "copy". */
  readonly what: string;
  /** Continues `what`: how it differs. */
  readonly how: string;
  /** The SQL statement that removes the difference; null = no single statement does. */
  readonly statement: string | null;
}

/** Names of table-valued functions in our statements: a table or view of that name would hide the function. */
const FUNCTIONS = ['json_each', 'json_tree'];

/** The first difference between what was `found` in a spool and the reference; null = there is none. */
export function differenceOf(
  found: readonly SchemaObject[],
  reference: SchemaReference,
): Difference | null {
  const known = new Map<string, SchemaObject>();
  for (const object of [...reference.optional, ...reference.needed]) known.set(object.name, object);
  const seen = new Set<string>();
  for (const object of found) {
    const name = lowerCase(object.name);
    seen.add(name);
    const ours = known.get(name);
    const difference =
      ours === undefined
        ? foreign(object, { known, reserved: reference.reserved })
        : changed(object, ours, reference);
    if (difference !== null) return difference;
  }
  const missing = reference.needed.find(({ name }) => !seen.has(name));
  return missing === undefined ? null : missed(missing);
}

/* Every name that our own statements use: quoted or not, it means the same. */
function namesOf({ needed, optional }: SchemaReference): ReadonlySet<string> {
  return new Set([...needed, ...optional].flatMap(({ name, columns }) => [name, ...columns()]));
}

/* An object whose name is not one of ours. */
function foreign(
  object: SchemaObject,
  ours: {
    readonly known: ReadonlyMap<string, SchemaObject>;
    readonly reserved: ReadonlySet<string>;
  },
): Difference | null {
  const { type, sql } = object;
  const name = lowerCase(object.name);
  const table = lowerCase(object.table);
  const statement = `DROP ${type.toUpperCase()} ${quotedName(object.name)}`;
  const what = describe(object);
  if (ours.reserved.has(name)) {
    return { what, how: 'has a name that sms-spoold uses for its own', statement };
  }
  if (type === 'table' || type === 'view') {
    if (!FUNCTIONS.includes(name) && !name.startsWith('pragma_')) return null;
    return { what, how: 'hides a function of SQLite that sms-spoold uses', statement };
  }
  /* SQLite makes it for a constraint, and the text of the table holds that. */
  if (type === 'index' && sql === null) return null;
  if (!ours.known.has(table) && !table.startsWith('sqlite_')) return null;
  const on = `on ${quotedName(object.table)}`;
  if (type !== 'index') return { what, how: `${on} is not one of sms-spoold's`, statement };
  if (isPlainIndex(object, ours.known.get(table)?.columns() ?? [])) return null;
  const how = `${on} is UNIQUE, has a WHERE, or is on more than columns, so that it can stop a write of sms-spoold`;
  return { what, how, statement };
}

const COLLATIONS = ['binary', 'nocase', 'rtrim'];

/* CREATE INDEX name ON table (column [COLLATE of SQLite's own] [ASC or DESC], …): it costs time and refuses nothing. */
function isPlainIndex({ sql }: SchemaObject, columns: readonly string[]): boolean {
  const [create, index, , on, , open, ...list] = tokensOf(sql ?? '', new Set(columns));
  const isAsExpected = create === 'create' && index === 'index' && on === 'on' && open === '(';
  if (!isAsExpected || list.pop() !== ')') return false;
  return splitAt(list, ',').every(([column = '', ...more]) => {
    const hasCollation = more[0] === 'collate';
    const order = hasCollation ? more.slice(2) : more;
    return (
      columns.includes(column) &&
      (!hasCollation || COLLATIONS.includes(more[1] ?? '')) &&
      (order.length === 0 || (order.length === 1 && /^(?:asc|desc)$/.test(order[0] ?? '')))
    );
  });
}

function splitAt(tokens: readonly string[], separator: string): readonly (readonly string[])[] {
  const pieces: string[][] = [[]];
  for (const token of tokens) {
    if (token === separator) pieces.push([]);
    else pieces.at(-1)?.push(token);
  }
  return pieces;
}

function changed(
  object: SchemaObject,
  ours: SchemaObject,
  reference: SchemaReference,
): Difference | null {
  const what = describe(ours);
  if (object.type !== ours.type || lowerCase(object.table) !== ours.table) {
    const article = object.type === 'index' ? 'an' : 'a';
    return { what, how: `is replaced by ${article} ${object.type} of that name`, statement: null };
  }
  if (object.sql === ours.sql) return null;
  if (ours.sql === null) return columnsOf(object, ours);
  const names = namesOf(reference);
  const is = tokensOf(object.sql ?? '', names);
  const expected = tokensOf(ours.sql, names);
  const at = expected.findIndex((token, index) => token !== is[index]);
  if (at < 0 && is.length === expected.length) return null;
  const from = at < 0 ? expected.length : at;
  return (
    columnsOf(object, ours) ?? {
      what,
      how: `is defined in another way: expected ${excerpt(expected, from)}, found ${excerpt(is, from)}`,
      statement: ours.type === 'table' ? null : remade(ours),
    }
  );
}

/* A column too many or too few says more than the first token that differs. */
function columnsOf(object: SchemaObject, ours: SchemaObject): Difference | null {
  if (ours.type !== 'table') return null;
  const what = describe(ours);
  const has = object.columns().map(lowerCase);
  const extra = object.columns().find((column) => !ours.columns().includes(lowerCase(column)));
  if (extra !== undefined) {
    const column = quotedName(extra);
    const statement = `ALTER TABLE ${ours.name} DROP COLUMN ${column}`;
    return { what, how: `has a column ${column} that is not one of sms-spoold's`, statement };
  }
  const lacking = ours.columns().find((column) => !has.includes(column));
  if (lacking === undefined) return null;
  return { what, how: `lacks the column "${lacking}"`, statement: null };
}

function missed(ours: SchemaObject): Difference {
  const statement = ours.type === 'table' ? null : oneLine(ours.sql ?? '');
  return { what: describe(ours), how: 'is missing', statement };
}

function remade({ type, name, sql }: SchemaObject): string {
  return `DROP ${type.toUpperCase()} ${name}; ${oneLine(sql ?? '')}`;
}

function describe({ type, name }: SchemaObject): string {
  return `the ${type} ${quotedName(name)}`;
}

function quotedName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

function oneLine(sql: string): string {
  return sql.replaceAll(/--[^\n]*/g, '').replaceAll(/\s+/g, ' ');
}

const EXCERPT_TOKENS = 6;

function excerpt(tokens: readonly string[], from: number): string {
  const words = tokens.slice(Math.max(0, from - 1), from + EXCERPT_TOKENS).join(' ');
  return words === '' ? 'nothing' : `"${words.length > 80 ? `${words.slice(0, 79)}…` : words}"`;
}

/* In this order: comments and white space, text, quoted names, words and numbers, operators, any other character. */
const TOKEN =
  /--[^\n]*|\/\*[\s\S]*?(?:\*\/|$)|[ \t\n\f\r]+|'(?:[^']|'')*'|"(?:[^"]|"")*"|`(?:[^`]|``)*`|\[[^\]]*\]|[\w$.\u0080-\uffff]+|<>|<=|>=|==|!=|\|\||<<|>>|->>?|[\s\S]/g;

const IS_SPACE = /^(?:--|\/\*|[ \t\n\f\r])/;

/**
 * The tokens of `sql`. A quoted name that is in `names` becomes the bare name: both mean the same there. Text in
 * single quotes stays as it is.
 */
export function tokensOf(sql: string, names: ReadonlySet<string>): readonly string[] {
  const tokens: string[] = [];
  for (const [token] of sql.matchAll(TOKEN)) {
    if (!IS_SPACE.test(token)) tokens.push(token.startsWith("'") ? token : plain(token, names));
  }
  return tokens;
}

function plain(token: string, names: ReadonlySet<string>): string {
  const isQuoted = token.length > 1 && /^["`[]/.test(token);
  if (!isQuoted) return lowerCase(token);
  const name = lowerCase(token.slice(1, -1));
  return names.has(name) ? name : token;
}

/** Lower case as SQLite has it for names: of ASCII letters only. */
export function lowerCase(name: string): string {
  return name.replaceAll(/[A-Z]+/g, (letters) => letters.toLowerCase());
}
