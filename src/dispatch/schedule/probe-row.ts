/**
 * Half-open: one message goes, another one than those that shut the gate, if there is one. It is looked for at
 * the front of the lanes that may go; a lane that turns out to be empty is forgotten.
 */
import type { ReadyRow } from '../../spool/write/claims.ts';
import type { Lane } from './lane.ts';
import type { Peek } from './row-queue.ts';

/** Rows looked at per row queue. */
const LOOK_MAX = 65;

export interface ProbeRow {
  readonly row: ReadyRow;
  readonly lane: Lane;
}

/** The row to send; null = there is none. `isSuspect`: it was one of those that shut the gate. */
export function findProbe(
  lanes: readonly Lane[],
  peek: Peek,
  isSuspect: (id: number) => boolean,
): ProbeRow | null {
  let suspect: ProbeRow | null = null;
  for (const lane of lanes) {
    const rows = lane.look(LOOK_MAX, peek);
    if (rows.length === 0) lane.forget();
    const row = rows.find(({ id }) => !isSuspect(id));
    if (row !== undefined) return { row, lane };
    const [first] = rows;
    if (first !== undefined) suspect ??= { row: first, lane };
  }
  return suspect;
}
