/** Sums up a running daemon in the few numbers that fit a line. Asked every few seconds; costs a millisecond. */
import type { Dispatcher } from './dispatch/dispatcher.ts';
import { inShort, type Stop } from './core/stops.ts';
import type { Spool } from './spool/spool.ts';
import { QUEUED_MAX, type Vitals } from './systemd/pulse.ts';

export type { Vitals };

export interface AtWork {
  readonly spool: Spool;
  readonly dispatcher: Dispatcher;
  /** What is stopped at this moment. */
  readonly stops: () => readonly Stop[];
}

/** Before the start and after the end. */
export const NOT_AT_WORK: Vitals = { queued: 0, inFlight: 0, ended: 0, stopped: [] };

export function vitalsOf({ spool, dispatcher, stops }: AtWork): Vitals {
  const { inFlight, ended } = dispatcher;
  const queued = spool.sources.countReady(QUEUED_MAX);
  return { inFlight, ended, queued, stopped: inShort(stops()) };
}
