/**
 * What becomes of messages that waited when a backup was made, once an operator has decided: held as
 * `uncertain`, so that receipts and reports may settle them, or sent, marked as possible duplicates.
 *
 * Always holds: each is written down as an attempt that nobody answered; what was dropped after the backup, or
 * is scheduled for later, cannot have been sent and stays as it is.
 */
import { heldDueAt } from '../core/settle.ts';
import { messageMoved } from '../events.ts';
import type { Move } from '../spool/moves.ts';
import type { Spool } from '../spool/spool.ts';
import { namedOf, type Rules, type Work } from './work.ts';

interface Parts {
  readonly spool: Spool;
  readonly rules: Rules;
}

/** Ids above `from`, up to `to`. */
interface IdRange {
  readonly from: number;
  readonly to: number;
}

/** Makes what waited `uncertain`, never to be sent again by itself; returns how many there were. */
export function hold({ spool, rules }: Parts, { from, to }: IdRange, work: Work): number {
  const rows = spool.restored.waiting(from, to, work.now);
  const waiting = rows.filter(({ state }) => state !== 'uncertain');
  spool.restored.suspect(waiting, work.now);
  const moves: Move[] = [];
  for (const { id } of waiting) {
    const row = spool.due.message(id);
    if (row === null || (row.state !== 'queued' && row.state !== 'retry')) continue;
    const dueAt = heldDueAt(rules.settle, work.now);
    const base = { id, reason: 'restored', nextAttemptAt: null, dueAt } as const;
    const move: Move = { ...base, from: row.state, to: 'uncertain' };
    moves.push(move);
    const facts = { ...move, at: work.now, attempt: row.lastAttempt };
    work.entries.push(messageMoved(namedOf(row, rules), facts));
  }
  spool.moves.write(moves, work.now);
  /* Those that were uncertain before, too. */
  for (const { id } of rows) spool.control.markRefused(id);
  return rows.length;
}

/** Lets what waited go, marked as possible duplicates; returns how many there were. */
export function resend({ spool }: Parts, { from, to }: IdRange, work: Work): number {
  const rows = spool.restored
    .waiting(from, to, work.now)
    .filter(({ state }) => state !== 'uncertain');
  spool.restored.suspect(rows, work.now);
  return rows.length;
}
