/**
 * How long the daemon keeps what is over, from the configuration: the only place that knows what else needs it
 * for a while. And what it says of a spool that was restored.
 */
import type { Desk } from './dispatch/desk.ts';
import { spentToday } from './dispatch/safety.ts';
import { DaySpend } from './spool/day-spend.ts';
import type { OwnFolder } from './spool/own-folder.ts';
import type { Config } from './config/config.ts';
import type { KeepRules } from './dispatch/work.ts';
import { placeOf, remedyOfReason } from './core/stop-reasons.ts';
import { NOTIFY_CURSOR } from './spool/event-log.ts';
import { whyRestored } from './spool/restored.ts';
import type { Spool } from './spool/spool.ts';
import type { StatusLog } from './status-log.ts';

/** A day that is put back to winter time, from midnight to midnight. */
const DAY_MAX_MS = 25 * 3_600_000;

/** What was spent today is read from messages of today after a restart, so these stay. */
export function keepRulesOf({ spool, safety, notify }: Config): KeepRules {
  const { retentionMs, forgetTextAfterMs, keysForMs } = spool;
  const leastMs = safety.spendPerDay === null ? 0 : DAY_MAX_MS;
  return {
    retentionMs: retentionMs === null ? null : Math.max(retentionMs, leastMs),
    forgetTextAfterMs,
    keysForMs,
    notTold: notToldBy(notify),
  };
}

/** Cursors of those who are told of events no more. */
export function notToldBy(notify: Config['notify']): ReadonlySet<string> {
  return new Set(notify === null ? [NOTIFY_CURSOR] : []);
}

/** Says, once a start, that nothing is sent from a restored spool until somebody decides. */
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

/** Keeps what accounts spend today in the daemon's own folder. */
export function keepDaySpend(
  folder: OwnFolder,
  desks: ReadonlyMap<string, Desk>,
  log: StatusLog,
): DaySpend {
  return new DaySpend({
    folder,
    spent: () => spentToday(desks),
    onTrouble: (error) => {
      const warning = `what accounts spend today cannot be kept in ${folder.path}: ${String(error)}`;
      log.say('daemon.warning', { warning });
    },
  });
}
