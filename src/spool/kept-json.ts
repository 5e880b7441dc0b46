/**
 * Reads JSON that the daemon keeps in the spool. Members of the spool's group can write anything there: what does not
 * have the expected form counts as missing.
 */

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
