/**
 * The right key for a wrong one. A key that is right but stands in the wrong table is told its
 * table.
 */
import { nearestTo } from '../nearest.ts';
import { joinKey } from './found.ts';
import type { Place } from './reading.ts';

/** Up to this many edits, a sibling is a likelier slip than the wrong table. */
const SLIP = 2;

/** The dotted key nearest to `name`, which stands at `place` among `siblings`. */
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
