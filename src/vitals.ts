/** How a running daemon is, in the few figures that fit a line. Asked every few seconds; costs a millisecond. */
import type { Dispatcher } from './dispatch/dispatcher.ts';
import type { Spool } from './spool/spool.ts';
import { QUEUED_MAX, type Vitals } from './systemd/status-line.ts';

export type { Vitals };

export interface AtWork {
  readonly spool: Spool;
  readonly dispatcher: Dispatcher;
}

/** Before the start and after the end. */
export const NOT_AT_WORK: Vitals = { queued: 0, inFlight: 0, ended: 0, stopped: [] };

export function vitalsOf({ spool, dispatcher }: AtWork): Vitals {
  const { inFlight, ended } = dispatcher;
  return {
    ...{ inFlight, ended },
    queued: spool.sources.countReady(QUEUED_MAX),
    stopped: spool.gates
      .all()
      .filter(({ sender, state }) => sender === null && state !== 'active')
      .map(({ account, state, reason }) => ({ account, state, reason })),
  };
}
