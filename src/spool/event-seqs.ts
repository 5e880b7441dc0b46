/** Where in `events` an instant begins: they are in commit order, and it is found by halving. */
import type { Database } from 'better-sqlite3';

/** Events that a clock put back may have left out of order. */
const OUT_OF_ORDER = 10_000;

/** Gives the `seq` from which on events of an instant (Unix seconds) and later ones are found. */
export function eventSeqs(db: Database): (at: number) => number {
  const last = db.prepare<[], number>('SELECT max(seq) FROM events').pluck();
  const next = db.prepare<[number], { seq: number; at: number }>(
    'SELECT seq, at FROM events WHERE seq >= ? ORDER BY seq LIMIT 1',
  );
  return (at) => {
    let [low, high] = [0, (last.get() ?? 0) + 1];
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      const event = next.get(middle);
      if (event === undefined || event.at >= at) high = middle;
      else low = event.seq + 1;
    }
    return low - OUT_OF_ORDER;
  };
}
