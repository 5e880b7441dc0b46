/**
 * Writes the lines that the last process committed to `events` and did not log because it was killed, and says that a
 * spool was restored.
 *
 * Always holds: no committed event is left out; those of the last second may be written twice, with the same `seq`.
 */
import { placeOf, remedyOfReason } from '../core/account/stop-reasons.ts';
import { writtenLate } from '../log/replayed-events.ts';
import { LOG_CURSOR } from '../spool/write/event-log.ts';
import type { StatusLog } from '../log/status-log.ts';
import type { Spool } from '../spool/spool.ts';
import { whyRestored } from '../spool/write/restored.ts';

const PAGE = 500;

/** In a transaction, before the first event of this process: a spool that never had a log has one from here. */
export function beginLog(spool: Spool): void {
  const { events } = spool;
  if (events.cursor(LOG_CURSOR) === null) events.saveCursor(events.lastSeq(), LOG_CURSOR);
}

export function writeLateLines(spool: Spool, log: StatusLog): void {
  let seq = spool.events.cursor(LOG_CURSOR) ?? spool.events.lastSeq();
  for (;;) {
    const events = spool.events.unlogged(seq, PAGE);
    for (const event of events) log.committed([writtenLate(event)], event.seq);
    const last = events.at(-1);
    if (last === undefined) return;
    seq = last.seq;
  }
}

/** Nothing is sent from a restored spool until an operator decides. Does nothing for any other spool. */
export function sayRestored({ path, restored: { mark } }: Spool, log: StatusLog): void {
  if (mark === null) return;
  const backup_at = new Date(mark.at * 1000).toISOString();
  const reason = mark.isRolledBack === true ? 'rolled-back' : 'restored';
  const subject = { account: null, sender: null, state: 'stopped', reason };
  const detail = `the spool ${whyRestored(mark, backup_at)}`;
  log.say('daemon.restored', {
    backup_at,
    detail,
    remedy: remedyOfReason(subject, placeOf(path)),
  });
}
