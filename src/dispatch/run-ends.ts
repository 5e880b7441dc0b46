/**
 * Ends runs of refusals in the spool: the refused messages fail, each with the code of its own refusal. Works
 * inside the writer's transaction, after the outcomes of the same step are written.
 */
import { heldDueAt } from '../core/settle.ts';
import { messageMoved } from '../events.ts';
import type { Move } from '../spool/moves.ts';
import type { Spool } from '../spool/spool.ts';
import { namedOf, type JudgedRun, type Rules, type Work } from './work.ts';

/** A message of the run's account or sender was accepted: the refusals were the messages' own. */
export function failRefused(
  { spool, rules }: { readonly spool: Spool; readonly rules: Rules },
  run: JudgedRun,
  work: Work,
): void {
  const moves: Move[] = [];
  for (const { id, reason } of spool.setAside.waiting(run, run.id)) {
    const row = spool.due.message(id);
    if (row === null || row.state !== 'queued') continue;
    /* While an earlier attempt is unanswered nobody knows whether the message was sent. */
    const isUnanswered = spool.due.isUnanswered(row);
    const base = { id, from: row.state, reason, nextAttemptAt: null } as const;
    const move: Move = isUnanswered
      ? { ...base, to: 'uncertain', dueAt: heldDueAt(rules.settle, work.now) }
      : { ...base, to: 'permanent-failure', dueAt: null };
    moves.push(move);
    if (isUnanswered) spool.control.markRefused(id);
    const facts = { ...move, at: work.now, attempt: row.lastAttempt };
    work.entries.push(messageMoved(namedOf(row, rules), facts));
  }
  if (moves.length > 0) spool.moves.write(moves, work.now);
  spool.setAside.forget(run, run.id);
}
