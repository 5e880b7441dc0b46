/**
 * Releases the messages that waited when a backup was made, once an operator has decided: held as `uncertain`, so that
 * receipts and reports may settle them, or sent, marked as possible duplicates.
 *
 * Always holds: each gets an attempt that nobody answered. A message that was dropped after the backup, or is scheduled
 * for later, cannot have been sent and stays as it is.
 */
import { BY_DAEMON, holdRestored } from '../../core/message/message-moves.ts';
import { heldDueAt } from '../../core/answer/settle.ts';
import { moveAll, type MoveParts } from '../message-move.ts';
import type { Work } from '../work.ts';

/** Ids above `from`, up to `to`. */
type IdRange = readonly [from: number, to: number];

/** Makes what waited `uncertain`, never to be sent again by itself; returns how many there were. */
export function hold(parts: MoveParts, ids: IdRange, work: Work): number {
  const { spool, policy } = parts;
  const rows = spool.restored.waiting(...ids, work.now);
  const waiting = rows.filter(({ state }) => state !== 'uncertain');
  spool.restored.suspect(waiting, work.now);
  const dueAt = heldDueAt(policy().settle, work.now);
  const moves = waiting.flatMap(({ id }) => {
    const row = spool.due.message(id);
    if (row === null || (row.state !== 'queued' && row.state !== 'retry')) return [];
    return { row, move: holdRestored({ id, state: row.state }, dueAt) };
  });
  const held = moveAll(parts, moves, work);
  const before = rows.filter(
    ({ id, state }) => state === 'uncertain' && spool.control.markCancelled(id, BY_DAEMON),
  );
  return held.length + before.length;
}

/** Lets what waited go, marked as possible duplicates; returns how many there were. */
export function resend({ spool }: MoveParts, ids: IdRange, work: Work): number {
  const rows = spool.restored
    .waiting(...ids, work.now)
    .filter(({ state }) => state !== 'uncertain');
  spool.restored.suspect(rows, work.now);
  return rows.length;
}
