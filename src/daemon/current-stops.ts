/**
 * What is stopped at this moment, as the running daemon knows it: the facts of its spool, and those that only
 * the process has.
 */
import type { Clock } from '../clock.ts';
import type { Config } from '../config/config.ts';
import { stopsOf, type Stop, type TroubleFact } from '../core/account/stops.ts';
import type { Dispatcher } from '../dispatch/loop/dispatcher.ts';
import { startCommand } from '../systemd/start-command.ts';
import type { Spool } from '../spool/spool.ts';
import type { StatusLog } from '../log/status-log.ts';

export interface StopsNowParts {
  readonly clock: Clock;
  readonly config: () => Config;
  readonly spool: Spool;
  readonly dispatcher: Dispatcher;
  readonly log: StatusLog;
  /** Unix seconds. */
  readonly startedAt: number;
}

export function stopsNow(parts: StopsNowParts): readonly Stop[] {
  const { clock, spool, log, startedAt } = parts;
  const { accounts, defaultAccount, file, secretOrigins } = parts.config();
  const names = new Set(accounts.map(({ name }) => name));
  return stopsOf({
    now: clock.now(),
    daemon: { isRunning: true, hasRun: true, since: startedAt },
    ...spool.stopFacts({ accounts: names, defaultAccount }),
    trouble: troubleOf(parts),
    isLogWritten: !log.isStalled,
    place: {
      start: startCommand(file),
      spool: spool.path,
      secretOf: (name) => secretOrigins.get(`accounts.${name}.api_secret`) ?? null,
    },
  });
}

/* Since the last step that was written. */
function troubleOf({ clock, dispatcher }: StopsNowParts): TroubleFact | null {
  const { trouble, steppedAtMs } = dispatcher.progress;
  if (trouble === null) return null;
  return { kind: trouble, since: clock.now() - (clock.monotonicMs() - steppedAtMs) / 1000 };
}
