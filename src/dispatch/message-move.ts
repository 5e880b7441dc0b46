/**
 * Moves messages that have no open attempt: the row and its event, together.
 *
 * Always holds: what is no longer in the state that was read is not moved, and no event says that it was.
 */
import { namedOf, type Policy } from '../core/account/policy.ts';
import type { Move, Requeue } from '../core/message/message-moves.ts';
import { heldDueAt } from '../core/answer/settle.ts';
import { messageMoved, type LoggedMessage } from '../log/event-lines.ts';
import type { DueRow } from '../spool/write/due.ts';
import type { Spool } from '../spool/spool.ts';
import type { Work } from './work.ts';

export interface MoveParts {
  readonly spool: Spool;
  readonly policy: () => Policy;
}

/** A message as it was read. */
type MovedRow = LoggedMessage & Pick<DueRow, 'lastAttempt'>;

/** A move and its message. */
export interface RowMove<R extends MovedRow = MovedRow> {
  readonly row: R;
  readonly move: Move;
}

/** Moves a message; false = it was moved since it was read, and nothing happened. */
export function moveOne(parts: MoveParts, row: MovedRow, move: Move, work: Work): boolean {
  return moveAll(parts, [{ row, move }], work).length > 0;
}

/** Moves messages; returns those that were still in the state that was read. */
export function moveAll<M extends RowMove>(
  { spool, policy }: MoveParts,
  all: readonly M[],
  work: Work,
): readonly M[] {
  const moved = all.filter(({ move }) => spool.moves.write(move, work.now));
  for (const { row, move } of moved) noteMove(policy, row, move, work);
  return moved;
}

/** Starts a message over; false = it was moved since it was read, and nothing happened. */
export function moveToQueue(
  { spool, policy }: MoveParts,
  row: MovedRow,
  move: Requeue,
  work: Work,
): boolean {
  if (!spool.moves.requeue(move, work.now)) return false;
  spool.ledgers.close(row.id);
  noteMove(policy, row, { ...move, nextAttemptAt: null }, work);
  return true;
}

/** Adds the event of a move that was written. */
export function noteMove(
  policy: MoveParts['policy'],
  row: MovedRow,
  move: Required<Omit<Parameters<typeof messageMoved>[1], 'at' | 'attempt'>>,
  work: Work,
): void {
  const { from, to, reason, nextAttemptAt } = move;
  const attempt = row.lastAttempt === 0 ? null : row.lastAttempt;
  const facts = { from, to, reason, nextAttemptAt, at: work.now, attempt };
  work.entries.push(messageMoved(namedOf(row, policy()), facts));
}

/** When to look again at a message that has an unanswered attempt and is not sent again; null = it has none. */
export function heldUntil(
  { spool, policy }: MoveParts,
  row: Pick<DueRow, 'id' | 'follows'>,
  work: Work,
): number | null {
  return spool.due.isUnanswered(row) ? heldDueAt(policy().settle, work.now) : null;
}
