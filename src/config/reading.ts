/**
 * Holds one reading of one configuration: what values are read against, and what was found wrong so far.
 *
 * Always holds: nothing is thrown for a bad value. It is refused here, the caller gets null, and reading goes on, so
 * that all problems come out at once.
 */
import type { Problem } from './errors.ts';
import type { SecretOrigin } from '../core/text/secret-origin.ts';
import { joinKey } from './found.ts';

/**
 * `leave`: secrets are only checked for their shape; each is then the empty string. `try`: so is each that cannot
 * be read, and what is wrong with it is no reason to refuse the rest.
 */
export type Secrets = 'read' | 'leave' | 'try';

export interface ConfigReading {
  /** Relative paths are relative to it. */
  readonly folder: string;
  readonly env: NodeJS.ProcessEnv;
  readonly secrets: Secrets;
  /** Every key there is (`accounts.*.rate`), for hints. */
  readonly knownKeys: readonly string[];
  readonly problems: Problem[];
  readonly warnings: string[];
  /** The configuration itself; null = there is no file. */
  readonly file: string | null;
  /** Files that a secret was found in. */
  readonly secretFiles: Set<string>;
  /** Key → where its secret comes from. */
  readonly secretOrigins: Map<string, SecretOrigin>;
  /** Secrets that could not be read, where that is no reason to refuse the rest. */
  readonly unreadSecrets: Problem[];
}

/** Where a value stands in the file. */
export interface KeyPlace {
  readonly key: string;
  readonly reading: ConfigReading;
}

/** A value that was read; null = refused, and the problem is already noted. */
export type Read<T> = { readonly value: T } | null;

/** The place of `name` inside a table. */
export function inside(place: KeyPlace, name: string): KeyPlace {
  return { key: joinKey(place.key, name), reading: place.reading };
}

/** Notes what was expected and found, and what helps. Returns null, for the caller to hand on. */
export function refuse(
  place: KeyPlace,
  expected: string,
  found: string,
  remedy: string | null = null,
): null {
  const problem = { key: place.key, message: `expected ${expected}; found ${found}` };
  place.reading.problems.push(remedy === null ? problem : { ...problem, remedy });
  return null;
}

/** Notes something that works but should be known. */
export function warn(place: KeyPlace, message: string): void {
  place.reading.warnings.push(`${place.key}: ${message}`);
}
