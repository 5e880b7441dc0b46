/**
 * Ends runs of refusals in the spool: the refused messages fail, each with the code of its own refusal. Works
 * inside the writer's transaction, after the outcomes of the same step are written.
 */
import { refuse } from '../../core/message/message-moves.ts';
import { heldUntil, moveAll, type MoveParts } from '../message-move.ts';
import type { JudgedRun, Work } from '../work.ts';

/** A message of the run's account or sender was accepted: the refusals were the messages' own. */
export function failRefused(parts: MoveParts, run: JudgedRun, work: Work): void {
  const { spool } = parts;
  const moves = spool.setAside.waiting(run, run.id).flatMap(({ id, reason }) => {
    const row = spool.due.message(id);
    if (row?.state !== 'queued') return [];
    return { row, move: refuse({ id, state: row.state }, reason, heldUntil(parts, row, work)) };
  });
  moveAll(parts, moves, work);
  spool.setAside.forget(run, run.id);
}
