/**
 * Names the keys that differ between two configurations, and keeps those that a running daemon cannot take up. Values
 * are never named: some are secrets.
 */
import { isDeepStrictEqual } from 'node:util';
import type { Config } from './config.ts';
import { KEYS } from './keys.ts';
import { keysByProperty } from './tables.ts';

const NAMES = keysByProperty(KEYS);
const TABLES = Object.keys(KEYS) as readonly (keyof typeof KEYS)[];

/** Files and addresses that a running daemon keeps open, and the requests that it answers. */
const FIXED = [
  'spool.path',
  'spool.own',
  'receipts.listen',
  'receipts.expect',
  'admin.listen',
  'admin.hosts',
] as const;

/** Dotted keys whose values differ. An account, or a whole table, that came or went is named alone. */
export function changesBetween(before: Config, after: Config): readonly string[] {
  const changes = differences('', tablesOf(before), tablesOf(after));
  const { defaultAccount } = after;
  if (defaultAccount === before.defaultAccount || defaultAccount === null) return changes;
  return [...changes, `accounts.${defaultAccount}.default`];
}

/** Those of `changes` that only a restart takes up. */
export function fixedAmong(changes: readonly string[]): readonly string[] {
  return changes.filter((key) => FIXED.some((fixed) => fixed === key));
}

/** The configuration as a running daemon can take it up: what only a restart changes stays as it is. */
export function keepFixed(before: Config, after: Config): Config {
  const { listen, expect } = before.receipts;
  return {
    ...after,
    spool: { ...after.spool, path: before.spool.path, own: before.spool.own },
    receipts: { ...after.receipts, listen, expect },
    admin: before.admin,
  };
}

type Plain = Readonly<Record<string, unknown>>;
type Chosen = ReadonlyMap<unknown, unknown>;

/* The tables of the file by the names that the configuration has for them; accounts by their own names. */
function tablesOf(config: Config): Chosen {
  const accounts = new Map(config.accounts.map(({ name, ...account }) => [name, account]));
  return new Map(TABLES.map((name) => [name, name === 'accounts' ? accounts : config[name]]));
}

function differences(key: string, before: unknown, after: unknown): readonly string[] {
  if (isDeepStrictEqual(before, after)) return [];
  if (!isTable(before) || !isTable(after)) return [key];
  const [left, right] = [entriesOf(before), entriesOf(after)];
  const names = [...new Set([...left.keys(), ...right.keys()])];
  return names.flatMap((name) =>
    differences(key === '' ? name : `${key}.${name}`, left.get(name), right.get(name)),
  );
}

function isTable(value: unknown): value is Plain | Chosen {
  if (typeof value !== 'object' || value === null) return false;
  return !Array.isArray(value) && !(value instanceof Set);
}

/* Names that an operator chose are written as they are; ours as the file has them. */
function entriesOf(table: Plain | Chosen): ReadonlyMap<string, unknown> {
  return table instanceof Map
    ? new Map([...(table as Chosen)].map(([name, value]) => [String(name), value]))
    : new Map(Object.entries(table).map(([name, value]) => [NAMES.get(name) ?? name, value]));
}
