/** Finds the right name for a wrong one. */
import { closest, distance } from 'fastest-levenshtein';

export interface Nearest {
  readonly name: string;
  /** Characters to change, add or take away; case and - for _ are none. */
  readonly edits: number;
}

/** Of `names` the one most like `name`; null when there are none. Case and - for _ do not matter. */
export function nearestTo(name: string, names: readonly string[]): Nearest | null {
  if (names.length === 0) return null;
  const plain = name.toLowerCase().replaceAll(/[- ]/g, '_');
  const found = closest(plain, names);
  return { name: found, edits: distance(plain, found) };
}
