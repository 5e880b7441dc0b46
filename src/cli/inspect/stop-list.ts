/**
 * Lists what is stopped: reads it from the spool, and asks the running daemon for what only the process knows. `stats`,
 * `why`, `check` and `top` all print this list.
 */
import type { SecretOrigin } from '../../core/text/secret-origin.ts';
import {
  documentOfDaemon,
  documentOfStop,
  sentenceOf,
  stopsOf,
  type DaemonFact,
  type Stop,
  type StopFacts,
} from '../../core/account/stops.ts';
import { startCommand } from '../../systemd/start-command.ts';
import { daemonOf } from '../../spool/file/ownership.ts';
import { readStopFacts } from '../../spool/stop-facts.ts';
import { terminalWidth } from '../../terminal/terminal-width.ts';
import { isoTime, localTime } from '../../terminal/times.ts';
import { wrap } from '../../terminal/wrap.ts';
import { askDaemon } from '../top/ask-daemon.ts';
import type { OpenedSpool } from '../open-spool.ts';

/** A daemon that is asked answers within milliseconds, or is busy. */
const PATIENCE_MS = 500;

export interface Stopped {
  readonly daemon: DaemonFact;
  readonly stops: readonly Stop[];
  /** The command that starts a daemon. */
  readonly start: string;
}

/** `now` in Unix seconds. */
export async function stoppedNow(spool: OpenedSpool, now: number): Promise<Stopped> {
  const { config, db } = spool;
  const { path } = config.spool;
  const daemon = daemonOf(db, path);
  const start = startCommand(config.file);
  const secretOf = (name: string): SecretOrigin | null =>
    config.secretOrigins.get(`accounts.${name}.api_secret`) ?? null;
  const place = { start, spool: path, secretOf };
  const accounts = new Set(config.accounts.map(({ name }) => name));
  const facts = readStopFacts(db, { accounts, defaultAccount: config.defaultAccount });
  const own = daemon.isRunning ? await ofProcess(config.admin.listen, path) : NOTHING;
  return { daemon, start, stops: stopsOf({ now, daemon, place, ...facts, ...own }) };
}

type ProcessFacts = Pick<StopFacts, 'trouble' | 'isLogWritten'>;

const NOTHING: ProcessFacts = { trouble: null, isLogWritten: true };

/* Only facts are taken from it; their words are made here. */
async function ofProcess(listen: string, path: string): Promise<ProcessFacts> {
  const status = await askDaemon(listen, PATIENCE_MS);
  if (status?.spool !== path) return NOTHING;
  const found = (reason: string): Stop | undefined =>
    status.stops.find((stop) => stop.reason === reason);
  const kind = (['disk-full', 'locked'] as const).find((one) => found(one) !== undefined);
  return {
    trouble: kind === undefined ? null : { kind, since: found(kind)?.since ?? null },
    isLogWritten: found('log-unwritten') === undefined,
  };
}

/** The line that comes before everything else while no daemon runs; null = one runs. */
export function daemonLine({ stops }: Stopped): string | null {
  const stop = stops.find(({ scope }) => scope === 'daemon');
  if (stop === undefined) return null;
  return wrap(`${sentenceOf(stop, localTime)}; start one: ${stop.remedy}`, 2, terminalWidth());
}

/** The rest of what is stopped, each with its remedy; null = nothing is. */
export function stopLines({ stops }: Stopped): string | null {
  const rest = stops.filter(({ scope }) => scope !== 'daemon');
  if (rest.length === 0) return null;
  const width = terminalWidth();
  const lines = rest.flatMap((stop) => [
    wrap(sentenceOf(stop, localTime), 2, width),
    `  ${wrap(`→ ${stop.remedy}`, 4, width - 2)}`,
  ]);
  return ['Stopped:', ...lines].join('\n');
}

export function daemonJson({ daemon, start }: Stopped): object {
  return documentOfDaemon(daemon, start, isoText);
}

export function stopJson(stop: Stop): object {
  return documentOfStop(stop, isoText);
}

function isoText(seconds: number): string {
  return isoTime(seconds) ?? '';
}
