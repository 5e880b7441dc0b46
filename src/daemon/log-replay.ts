/**
 * Lines that the last process committed and did not write: a kill came between the two. They are written
 * before anything else happens, from `events`.
 *
 * Always holds: no committed event is left out; those of the last second may be written a second time, under the
 * same `seq`.
 */
import { writtenLate } from '../log/replayed-events.ts';
import type { Spool } from '../spool/spool.ts';
import type { StatusLog } from '../log/status-log.ts';

const PAGE = 500;

/** In a transaction, before the first event of this process: a spool that never had a log has one from here. */
export function beginLog(spool: Spool): void {
  if (spool.unlogged.cursor() === null) spool.unlogged.save(spool.events.lastSeq());
}

export function writeLateLines(spool: Spool, log: StatusLog): void {
  let seq = spool.unlogged.cursor() ?? spool.events.lastSeq();
  for (;;) {
    const events = spool.unlogged.after(seq, PAGE);
    for (const event of events) log.committed([writtenLate(event)], event.seq);
    const last = events.at(-1);
    if (last === undefined) return;
    seq = last.seq;
  }
}
