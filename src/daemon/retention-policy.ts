/** Keeps what accounts spend today in the daemon's own folder, and says that a spool was restored. */
import type { AccountQueue } from '../dispatch/schedule/account-queue.ts';
import { spentToday } from '../dispatch/feedback/budgets.ts';
import { DaySpend } from '../spool/write/day-spend.ts';
import type { OwnFolder } from '../spool/file/own-folder.ts';
import { placeOf, remedyOfReason } from '../core/account/stop-reasons.ts';
import { whyRestored } from '../spool/write/restored.ts';
import type { Spool } from '../spool/spool.ts';
import type { StatusLog } from '../log/status-log.ts';

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
  queues: ReadonlyMap<string, AccountQueue>,
  log: StatusLog,
): DaySpend {
  return new DaySpend({
    folder,
    spent: () => spentToday(queues),
    onTrouble: (error) => {
      const warning = `what accounts spend today cannot be kept in ${folder.path}: ${String(error)}`;
      log.say('daemon.warning', { warning });
    },
  });
}
