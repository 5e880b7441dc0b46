/**
 * Tables of keys as data: which keys there are, how each is read, and what holds when it is left
 * out.
 *
 * The table in keys.ts is the only list of keys. Reading, unknown keys, defaults and the test of
 * the example file all come from it. A kind says how a value is read; a key is a kind and what its
 * absence means. An unknown key is told the nearest right one.
 */
import { describe, describeConcealed, joinKey } from './found.ts';
import { inside, refuse, type Place, type Read } from './reading.ts';
import { nearestTo } from './nearest-name.ts';

export interface Kind<T> {
  /** `value` is anything but undefined. */
  readonly read: (value: unknown, place: Place) => Read<T>;
  /** The keys of a table, or of each named table within it; null for plain values. */
  readonly keys: Table | null;
  /** Whether the operator chooses the names in it (`[accounts.NAME]`). */
  readonly isNamed: boolean;
}

export interface Key<T> {
  readonly kind: Kind<T>;
  /** As the file would write it; null = the feature is absent, undefined = must be given. */
  readonly fallback: unknown;
  readonly readAbsent: (place: Place) => Read<T>;
}

export type Table = Readonly<Record<string, Key<unknown>>>;
export type Values<T extends Table> = {
  readonly [N in keyof T]: T[N] extends Key<infer V> ? V : never;
};
export type RawTable = Readonly<Record<string, unknown>>;
/** A rule over several keys of one table. It sees the table as written, with defaults where a fixed
 *  key is left out, so that a bad neighbour does not hide the problem. */
export type Check = (raw: RawTable, place: Place) => void;

/** Must be given. */
export function required<T>(kind: Kind<T>, expected: string): Key<T> {
  const readAbsent = (place: Place) => refuse(place, expected, 'nothing');
  return { kind, fallback: undefined, readAbsent };
}

/** May be left out, and is null then. */
export function optional<T>(kind: Kind<T>): Key<T | null> {
  return { kind, fallback: null, readAbsent: () => ({ value: null }) };
}

/** May be left out; `fallback` is written as in the file and read like a value from it. */
export function withDefault<T>(kind: Kind<T>, fallback: unknown): Key<T> {
  return { kind, fallback, readAbsent: (place) => kind.read(fallback, place) };
}

/** A plain value. `parse` gives null when it refuses; a refused value is shown by `show`. */
export function plain<T>(
  expected: string,
  parse: (value: unknown) => Read<T>,
  show: (value: unknown) => string = describe,
): Kind<T> {
  const read = (value: unknown, place: Place) =>
    parse(value) ?? refuse(place, expected, show(value));
  return { read, keys: null, isNamed: false };
}

/** A list, each item of one kind; what is wrong with an item is told with its place in the list. */
export function listOf<T>(item: Kind<T>, expected: string): Kind<readonly T[]> {
  const read = (value: unknown, place: Place): Read<readonly T[]> => {
    if (!Array.isArray(value)) return refuse(place, expected, describe(value));
    const each = value.map((one: unknown, index) =>
      item.read(one, { ...place, key: `${place.key}[${index}]` }),
    );
    const whole = each.flatMap((one) => (one === null ? [] : [one.value]));
    return whole.length === each.length ? { value: whole } : null;
  };
  return { read, keys: null, isNamed: false };
}

/** A table whose keys are fixed. Anything else in it is refused with the nearest right key. */
export function tableOf<T extends Table>(keys: T, check: Check = () => undefined): Kind<Values<T>> {
  const read = (value: unknown, place: Place): Read<Values<T>> => {
    if (!isTable(value)) return refuse(place, `a table, [${place.key}]`, describeConcealed(value));
    const hasOnlyKnown = refuseUnknown(value, keys, place);
    check(fillDefaults(value, keys), place);
    const values = readKeys(value, keys, place);
    return hasOnlyKnown ? values : null;
  };
  return { read, keys, isNamed: false };
}

/** Any number of tables with the same keys, `[[name]]`; each is told by its place in the list. */
export function tablesOf<T extends Table>(
  table: Kind<Values<T>> & { readonly keys: Table | null },
): Kind<readonly Values<T>[]> {
  const read = (value: unknown, place: Place): Read<readonly Values<T>[]> => {
    const expected = `one or more tables, [[${place.key}]]`;
    const isTables = Array.isArray(value) && value.every((one) => isTable(one));
    return isTables
      ? listOf(table, expected).read(value, place)
      : refuse(place, expected, describeConcealed(value));
  };
  return { read, keys: table.keys, isNamed: false };
}

/** A table whose names the operator chooses: `name` reads each name, `item` what it holds. */
export function namedBy<N, T>(
  name: Kind<N>,
  item: Kind<T>,
  check: Check = () => undefined,
): Kind<ReadonlyMap<N, T>> {
  const read = (value: unknown, place: Place): Read<ReadonlyMap<N, T>> => {
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
  return { read, keys: item.keys, isNamed: true };
}

/** Whether a value is a table of TOML's, not a list or a date. */
export function isTable(value: unknown): value is RawTable {
  return (
    typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date)
  );
}

/** Every key of a table and of those within it, dotted, `*` for a chosen name. */
export function listKeys(keys: Table, prefix = ''): readonly string[] {
  return Object.entries(keys).flatMap(([name, { kind }]) => {
    const path = `${prefix}${name}`;
    const within = kind.isNamed ? `${path}.*.` : `${path}.`;
    return kind.keys === null ? [path] : [path, ...listKeys(kind.keys, within)];
  });
}

function fillDefaults(raw: RawTable, keys: Table): RawTable {
  const filled = Object.entries(keys).map(([name, { kind, fallback }]) => {
    const value = Object.hasOwn(raw, name) ? raw[name] : fallback;
    const isFixedTable = kind.keys !== null && !kind.isNamed && isTable(value);
    return [name, isFixedTable ? fillDefaults(value, kind.keys) : value] as const;
  });
  return Object.fromEntries(filled);
}

function refuseUnknown(raw: RawTable, keys: Table, place: Place): boolean {
  const unknown = Object.keys(raw).filter((name) => !Object.hasOwn(keys, name));
  for (const name of unknown) {
    const at = inside(place, name);
    const nearest = nearestKey(name, { place, siblings: Object.keys(keys) });
    const message = `unknown key; the nearest right one is ${nearest}`;
    place.reading.problems.push({ key: at.key, message });
  }
  return unknown.length === 0;
}

function readKeys<T extends Table>(raw: RawTable, keys: T, place: Place): Read<Values<T>> {
  const entries = Object.entries<Key<unknown>>(keys).map(([name, key]) => {
    const at = inside(place, name);
    const isGiven = Object.hasOwn(raw, name);
    return [name, isGiven ? key.kind.read(raw[name], at) : key.readAbsent(at)] as const;
  });
  const whole = entries.flatMap(([name, read]) => (read === null ? [] : [[name, read.value]]));
  if (whole.length < entries.length) return null;
  return { value: Object.fromEntries(whole) as Values<T> };
}

/** Up to this many edits, a sibling is a likelier slip than the wrong table. */
const SLIP = 2;

/** The dotted key nearest to `name`, which stands at `place` among `siblings`, or the same key of another table. */
export function nearestKey(
  name: string,
  where: { readonly place: Place; readonly siblings: readonly string[] },
): string {
  const plain = name.toLowerCase().replaceAll('-', '_');
  const sibling = nearestTo(plain, where.siblings);
  const elsewhere = where.place.reading.knownKeys.filter((key) => key.endsWith(`.${plain}`));
  if ((sibling?.edits ?? Infinity) > SLIP && elsewhere.length > 0) {
    return elsewhere.map((key) => key.replaceAll('*', 'NAME')).join(' or ');
  }
  return joinKey(where.place.key, sibling?.name ?? '');
}
