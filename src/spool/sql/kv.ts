/**
 * Reads and writes what the spool keeps for the program: one text for each name, in the table `spool`.
 *
 * Whoever may write to the spool may have put anything there: what does not have the expected form counts as missing.
 */
import { randomBytes } from 'node:crypto';
import { Statements } from './statements.ts';

export const IDENTITY = 'identity';
export const TAG_KEY = 'tag-key';
export const RUNS = 'runs';

/** A word that nobody draws twice. Under IDENTITY it tells a spool from any other; every copy has the same. */
export function drawWord(): string {
  return randomBytes(12).toString('base64url');
}

export class KeyValues extends Statements {
  readonly #get = this.pluckFirst<[name: string], unknown>(
    'SELECT value FROM spool WHERE name = ?',
  );
  readonly set = this.run<[name: string, value: string]>(
    `INSERT INTO spool (name, value) VALUES (?, ?)
      ON CONFLICT(name) DO UPDATE SET value = excluded.value`,
  );
  readonly delete = this.run<[name: string]>('DELETE FROM spool WHERE name = ?');

  /** Null = there is none, or it is no text. */
  get(name: string): string | null {
    const value = this.#get(name);
    return typeof value === 'string' ? value : null;
  }
}

/** The whole number in a value; null = it holds none. */
export function numberIn(value: string | null): number | null {
  return value !== null && /^\d{1,15}$/.test(value) ? Number(value) : null;
}

/** The object in a text; null = it holds none. */
export function jsonIn(text: unknown): Readonly<Record<string, unknown>> | null {
  const value = parsed(text);
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
  return isObject ? { ...value } : null;
}

/** The members of the list in a text that `isOne` knows; none if it holds no list. */
export function listIn<T>(text: unknown, isOne: (value: unknown) => value is T): readonly T[] {
  const value = parsed(text);
  return Array.isArray(value) ? value.filter(isOne) : [];
}

function parsed(text: unknown): unknown {
  if (typeof text !== 'string') return null;
  try {
    return JSON.parse(text);
  } catch {
    return null; // not JSON
  }
}
