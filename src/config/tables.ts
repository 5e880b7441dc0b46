/**
 * Reads tables of keys that are data: which keys there are, how each is read, and what holds when it is left out.
 *
 * The table in keys.ts is the only list of keys. Reading, unknown keys, defaults and the test of the example file
 * all come from it. A kind says how a value is read; a key is a kind and what its absence means. In the program
 * `forget_text_after` is `forgetTextAfterMs`: in camel case, with the ending of its kind.
 */
import { describe, describeConcealed, joinKey } from './found.ts';
import { inside, refuse, type KeyPlace, type Read } from './reading.ts';
import { nearestTo } from './nearest-name.ts';

/** What a name in the program ends in beyond the key's: a unit, or a plural where one value is a list of one. */
export type NameEnding = '' | 'Ms' | 'Minutes' | 's';

export interface Kind<T, E extends NameEnding = ''> {
  /** `value` is never undefined. */
  readonly read: (value: unknown, place: KeyPlace) => Read<T>;
  readonly ending: E;
  /** The keys of a table, or of each named table within it; null for plain values. */
  readonly keys: KeyTable | null;
  /** Whether the operator chooses the names in it (`[accounts.NAME]`). */
  readonly isNamed: boolean;
}

export interface Key<T, E extends NameEnding = NameEnding> {
  readonly kind: Kind<T, E>;
  /** As the file would write it; null = the feature is absent, undefined = must be given. */
  readonly fallback: unknown;
  readonly readAbsent: (place: KeyPlace) => Read<T>;
}

export type KeyTable = Readonly<Record<string, Key<unknown>>>;

/** What a table of keys is read as. */
export type TableValues<T extends KeyTable> = {
  readonly [N in keyof T & string as PropertyName<N, T[N]>]: T[N] extends Key<infer V> ? V : never;
};

type PropertyName<N extends string, K> =
  K extends Key<unknown, infer E> ? `${Camel<N>}${E}` : never;
type Camel<N extends string> = N extends `${infer Head}_${infer Tail}`
  ? `${Head}${Capitalize<Camel<Tail>>}`
  : N;
export type RawTable = Readonly<Record<string, unknown>>;
/** A rule over several keys of one table. It sees the table as written, with defaults where a fixed
 *  key is left out, so that a bad neighbour does not hide the problem. */
export type TableCheck = (raw: RawTable, place: KeyPlace) => void;

/** A kind of value that has no keys. */
export function kindOf<T>(read: Kind<T>['read']): Kind<T> {
  return { read, ending: '', keys: null, isNamed: false };
}

export function required<T, E extends NameEnding>(kind: Kind<T, E>, expected: string): Key<T, E> {
  const readAbsent = (place: KeyPlace) => refuse(place, expected, 'nothing');
  return { kind, fallback: undefined, readAbsent };
}

/** May be left out, and is null then. */
export function optional<T, E extends NameEnding>(kind: Kind<T, E>): Key<T | null, E> {
  return { kind, fallback: null, readAbsent: () => ({ value: null }) };
}

/** A list of any number; left out, it is empty. */
export function optionalList<T, E extends NameEnding>(
  kind: Kind<readonly T[], E>,
): Key<readonly T[], E> {
  return { kind, fallback: null, readAbsent: () => ({ value: [] }) };
}

/** May be left out; `fallback` is written as in the file and read like a value from it. */
export function withDefault<T, E extends NameEnding>(
  kind: Kind<T, E>,
  fallback: unknown,
): Key<T, E> {
  return { kind, fallback, readAbsent: (place) => kind.read(fallback, place) };
}

/** A plain value. `parse` gives null when it refuses; a refused value is shown by `show`. */
export function plain<T>(
  expected: string,
  parse: (value: unknown) => Read<T>,
  show: (value: unknown) => string = describe,
): Kind<T> {
  return kindOf((value, place) => parse(value) ?? refuse(place, expected, show(value)));
}

/** A list, each item of one kind; what is wrong with an item is told with its place in the list. */
export function listOf<T>(item: Kind<T>, expected: string): Kind<readonly T[]> {
  return kindOf((value, place) =>
    Array.isArray(value) ? readEach(value, item, place) : refuse(place, expected, describe(value)),
  );
}

export function readEach<T>(
  items: readonly unknown[],
  { read }: Kind<T>,
  place: KeyPlace,
): Read<readonly T[]> {
  const each = items.map((one, index) => read(one, { ...place, key: `${place.key}[${index}]` }));
  const whole = each.filter((one) => one !== null).map(({ value }) => value);
  return whole.length === each.length ? { value: whole } : null;
}

/** A table whose keys are fixed. Anything else in it is refused with the nearest right key. */
export function tableOf<T extends KeyTable>(
  keys: T,
  check: TableCheck = () => undefined,
): Kind<TableValues<T>> {
  const read = (value: unknown, place: KeyPlace): Read<TableValues<T>> => {
    if (!isTable(value)) return refuse(place, `a table, [${place.key}]`, describeConcealed(value));
    const hasOnlyKnown = refuseUnknown(value, keys, place);
    check(fillDefaults(value, keys), place);
    const values = readKeys(value, keys, place);
    return hasOnlyKnown ? values : null;
  };
  return { ...kindOf(read), keys };
}

/** Any number of tables with the same keys, `[[name]]`; each is told by its place in the list. */
export function tablesOf<T>(table: Kind<T>): Kind<readonly T[]> {
  const read = (value: unknown, place: KeyPlace): Read<readonly T[]> => {
    const expected = `one or more tables, [[${place.key}]]`;
    const isTables = Array.isArray(value) && value.every((one) => isTable(one));
    return isTables
      ? readEach(value, table, place)
      : refuse(place, expected, describeConcealed(value));
  };
  return { ...kindOf(read), keys: table.keys };
}

/** A table whose names the operator chooses: `name` reads each name, `item` what it holds. */
export function namedBy<N, T>(
  name: Kind<N>,
  item: Kind<T>,
  check: TableCheck = () => undefined,
): Kind<ReadonlyMap<N, T>> {
  const read = (value: unknown, place: KeyPlace): Read<ReadonlyMap<N, T>> => {
    if (!isTable(value)) return refuse(place, `a table, [${place.key}]`, describeConcealed(value));
    check(value, place);
    const entries = Object.entries(value).map(([key, each]) => {
      const at = inside(place, key);
      return [name.read(key, at), item.read(each, at)] as const;
    });
    const whole = entries.flatMap(([left, right]) =>
      left === null || right === null ? [] : [[left.value, right.value] as const],
    );
    return whole.length === entries.length ? { value: new Map(whole) } : null;
  };
  return { ...kindOf(read), keys: item.keys, isNamed: true };
}

/** Whether a value is a table of TOML's, not a list or a date. */
export function isTable(value: unknown): value is RawTable {
  return (
    typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date)
  );
}

/** Every key of a table and of those within it, dotted, `*` for a chosen name. */
export function listKeys(keys: KeyTable, prefix = ''): readonly string[] {
  return Object.entries(keys).flatMap(([name, { kind }]) => {
    const path = `${prefix}${name}`;
    const within = kind.isNamed ? `${path}.*.` : `${path}.`;
    return kind.keys === null ? [path] : [path, ...listKeys(kind.keys, within)];
  });
}

function fillDefaults(raw: RawTable, keys: KeyTable): RawTable {
  const filled = Object.entries(keys).map(([name, { kind, fallback }]) => {
    const value = Object.hasOwn(raw, name) ? raw[name] : fallback;
    const isFixedTable = kind.keys !== null && !kind.isNamed && isTable(value);
    return [name, isFixedTable ? fillDefaults(value, kind.keys) : value] as const;
  });
  return Object.fromEntries(filled);
}

function refuseUnknown(raw: RawTable, keys: KeyTable, place: KeyPlace): boolean {
  const unknown = Object.keys(raw).filter((name) => !Object.hasOwn(keys, name));
  for (const name of unknown) {
    const at = inside(place, name);
    const nearest = nearestKey(name, { place, siblings: Object.keys(keys) });
    const message = `unknown key; the nearest right one is ${nearest}`;
    place.reading.problems.push({ key: at.key, message });
  }
  return unknown.length === 0;
}

function readKeys<T extends KeyTable>(
  raw: RawTable,
  keys: T,
  place: KeyPlace,
): Read<TableValues<T>> {
  const entries = Object.entries<Key<unknown>>(keys).map(([name, key]) => {
    const at = inside(place, name);
    const isGiven = Object.hasOwn(raw, name);
    const read = isGiven ? key.kind.read(raw[name], at) : key.readAbsent(at);
    return [propertyOf(name, key), read] as const;
  });
  const whole = entries.flatMap(([name, read]) => (read === null ? [] : [[name, read.value]]));
  if (whole.length < entries.length) return null;
  return { value: Object.fromEntries(whole) as TableValues<T> };
}

function propertyOf(name: string, { kind }: Key<unknown>): string {
  return name.replaceAll(/_(.)/g, (_, letter: string) => letter.toUpperCase()) + kind.ending;
}

/** The name of each value in the program → its key in the file. */
export function keysByProperty(keys: KeyTable): ReadonlyMap<string, string> {
  const within = Object.values(keys).flatMap(({ kind }) => [...keysByProperty(kind.keys ?? {})]);
  return new Map([
    ...within,
    ...Object.entries(keys).map(([name, key]) => [propertyOf(name, key), name] as const),
  ]);
}

/** Up to this many edits, a sibling is a likelier slip than the wrong table. */
const SLIP = 2;

/** The dotted key nearest to `name`, which stands at `place` among `siblings`, or the same key of another table. */
function nearestKey(
  name: string,
  where: { readonly place: KeyPlace; readonly siblings: readonly string[] },
): string {
  const plain = name.toLowerCase().replaceAll('-', '_');
  const sibling = nearestTo(plain, where.siblings);
  const elsewhere = where.place.reading.knownKeys.filter((key) => key.endsWith(`.${plain}`));
  if ((sibling?.edits ?? Infinity) > SLIP && elsewhere.length > 0) {
    return elsewhere.map((key) => key.replaceAll('*', 'NAME')).join(' or ');
  }
  return joinKey(where.place.key, sibling?.name ?? '');
}
