/**
 * How a stop reads: one line for people, and the same facts for programs. Times are shaped by the caller,
 * because core knows no time zone.
 */
import { escapeText } from './escape.ts';
import { EVERYTHING, type DaemonFact, type Stop } from './stops.ts';

/** Unix seconds as a text. */
export type Shape = (seconds: number) => string;

/** More names are not read in a line. */
const NAMED_MAX = 3;

/** What is stopped and why: 'account main is suspended (quota-exceeded) since …; tried again at …'. */
export function sentenceOf(stop: Stop, shape: Shape): string {
  const since = stop.since === null ? '' : ` since ${shape(stop.since)}`;
  return escapeText(whatOf(stop, since, shape));
}

/** The same with what to do about it. */
export function adviceOf(stop: Stop, shape: Shape): string {
  return escapeText(`${sentenceOf(stop, shape)}. ${stop.remedy}`);
}

function whatOf(stop: Stop, since: string, shape: Shape): string {
  switch (stop.reason) {
    case 'no-daemon':
      return `no daemon runs on this spool${since}`;
    case 'never-ran':
      return 'no daemon has run on this spool yet';
    case 'restored':
      return `this spool was restored from a backup of ${shape(stop.since ?? 0)}; nobody has decided`;
    case 'rolled-back':
      return `this spool is an older state of itself, of about ${shape(stop.since ?? 0)}; nobody has decided`;
    case 'disk-full':
      return `the disk of the spool is full${since}`;
    case 'locked':
      return `another program holds the write lock of the spool${since}`;
    case 'no-folder':
      return `the folder of the spool is missing${since}`;
    case 'io-error':
      return `the disk of the spool fails${since}; the daemon ends`;
    case 'log-unwritten':
      return 'the status log is not written';
    case 'unknown-account':
      return `account ${stop.account ?? ''} is not configured; its messages wait${since}`;
    case 'no-default-account':
      return `no account is the default; messages that name none wait${since}`;
    default:
      return `${nameOf(stop)} is ${stop.state}${wordOf(stop)}${since}${untilOf(stop, shape)}`;
  }
}

function wordOf({ state, reason }: Stop): string {
  return state === 'throttled' ? '' : ` (${reason})`;
}

function untilOf({ state, until }: Stop, shape: Shape): string {
  if (until === null) return '';
  return state === 'throttled' ? ` until ${shape(until)}` : `; tried again at ${shape(until)}`;
}

function nameOf({ account, sender }: Stop): string {
  if (account === EVERYTHING) return 'everything';
  if (sender === null) return `account ${account ?? ''}`;
  return `sender ${sender === '' ? '(none)' : sender} of account ${account ?? ''}`;
}

/** The first few in a few words each, for a line that has other things to say. */
export function inShort(stops: readonly Stop[]): readonly string[] {
  const named = stops.slice(0, NAMED_MAX).map((stop) => escapeText(shortOf(stop)));
  const rest = stops.length - named.length;
  return rest > 0 ? [...named, `${rest} more stopped`] : named;
}

function shortOf(stop: Stop): string {
  const { scope, account, sender, state, reason } = stop;
  if (scope !== 'account' && scope !== 'sender')
    return reason === 'operator' ? 'all paused' : reason;
  if (state === 'unknown') return account === null ? reason : `${account} not configured`;
  const name = sender === null ? account : `${account ?? ''}/${sender}`;
  return `${name ?? ''} ${state}${wordOf(stop)}`;
}

/** A stop as a JSON document. */
export function documentOfStop(stop: Stop, shape: Shape): Readonly<Record<string, unknown>> {
  const { scope, account, sender, state, reason, meaning, remedy } = stop;
  const at = (seconds: number | null): string | null => (seconds === null ? null : shape(seconds));
  const times = { since: at(stop.since), until: at(stop.until) };
  return { scope, account, sender, state, reason, ...times, meaning, remedy };
}

/** Whether a daemon runs, as a JSON document; `start` is the command that starts one. */
export function documentOfDaemon(
  { isRunning, hasRun, since }: DaemonFact,
  start: string,
  shape: Shape,
): Readonly<Record<string, unknown>> {
  return {
    running: isRunning,
    has_run: hasRun,
    since: since === null ? null : shape(since),
    start: isRunning ? null : start,
  };
}
