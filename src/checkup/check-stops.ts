/** The findings about what is stopped: whether a daemon runs, then accounts, senders and the spool. */
import { sentenceOf } from '../core/stop-words.ts';
import type { DaemonFact, Stop } from '../core/stops.ts';
import { pass, warn, type Finding } from './finding.ts';

export interface StoppedFacts {
  readonly daemon: DaemonFact;
  readonly stops: readonly Stop[];
}

/** The daemon first. `shape` turns Unix seconds into a text. */
export function findingsOfStops(
  { daemon, stops }: StoppedFacts,
  shape: (seconds: number) => string,
): readonly Finding[] {
  const since = daemon.since === null ? '' : ` since ${shape(daemon.since)}`;
  const running = daemon.isRunning ? [pass('daemon', `runs${since}`)] : [];
  const found = stops.map((stop) =>
    warn(SUBJECTS[stop.scope], sentenceOf(stop, shape), stop.remedy),
  );
  return [...running, ...found];
}

const SUBJECTS: Readonly<Record<Stop['scope'], string>> = {
  daemon: 'daemon',
  spool: 'stopped',
  log: 'status log',
  account: 'stopped',
  sender: 'stopped',
};
