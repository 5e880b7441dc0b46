/**
 * Builds the list of what is stopped on a spool, and why, from a few facts. Every answer that operators read
 * (`stats`, `why`, `check`, `top`, `/readyz`, `/status`, the STATUS line of systemd, the status log) shows this
 * list or takes its meaning and remedy from it, so that two answers cannot differ.
 *
 * Instants are Unix seconds; the caller shapes them, because core knows no time zone. The worst comes first: what
 * stops everything, then accounts, then senders.
 */
import {
  meaningOfReason,
  remedyOfReason,
  UNKNOWN_ACCOUNT,
  type StopPlace,
} from './stop-reasons.ts';
import { escapeText } from '../text/escape.ts';

/** In `accounts.name`: the pause of everything. */
export const EVERYTHING = '*';

/** A wait that the gateway asked for is named from this length on; a shorter one is ordinary pacing. */
const THROTTLED_LEAST_S = 10;
/** A lock that another program holds is named from here on. */
const LOCKED_LEAST_S = 5;

/** Whether a daemon runs on the spool, and what is known of the last run. */
export interface DaemonFact {
  readonly isRunning: boolean;
  /** When it began, or when the last one ended or was last seen; null = nobody knows. */
  readonly since: number | null;
  /** Whether any daemon has ever run on this spool. */
  readonly hasRun: boolean;
}

/** A row of `accounts` or `senders`. */
export interface CircuitFact {
  readonly account: string;
  /** Null = the account itself. */
  readonly sender: string | null;
  readonly state: string;
  readonly reason: string | null;
  readonly since: number | null;
  readonly nextProbeAt: number | null;
  readonly blockedUntil: number | null;
}

/** Why a start of the daemon waits. */
export type StartObstacle = 'disk-full' | 'locked' | 'no-folder';

/** Why the daemon writes nothing at the moment. */
export interface TroubleFact {
  readonly kind: 'disk-full' | 'locked' | 'io-error';
  readonly since: number | null;
}

export interface StopFacts {
  readonly now: number;
  readonly daemon: DaemonFact;
  /** The spool was restored, and nobody has decided what becomes of its messages; null = it was not. */
  readonly restored: { readonly at: number; readonly isRolledBack: boolean } | null;
  readonly circuits: readonly CircuitFact[];
  /** Accounts that waiting rows name and the configuration does not; null = rows that name no account. */
  readonly unknown: readonly { readonly account: string | null; readonly since: number | null }[];
  readonly trouble: TroubleFact | null;
  readonly isLogWritten: boolean;
  readonly place: StopPlace;
}

export type StopScope = 'daemon' | 'spool' | 'log' | 'account' | 'sender';

export interface Stop {
  readonly scope: StopScope;
  readonly account: string | null;
  readonly sender: string | null;
  readonly state: 'stopped' | 'suspended' | 'paused' | 'throttled' | 'unknown';
  /** A stable word, as in `accounts.reason`. */
  readonly reason: string;
  readonly since: number | null;
  /** When it is tried again or ends by itself; null = it does not. */
  readonly until: number | null;
  /** One sentence. */
  readonly meaning: string;
  /** What to do: a sentence with a full command. */
  readonly remedy: string;
}

type Named = Omit<Stop, 'meaning' | 'remedy'>;

const NOBODY = { account: null, sender: null, until: null } as const;

/** Everything that is stopped; empty = messages go. */
export function stopsOf(facts: StopFacts): readonly Stop[] {
  const all = [...ofSpool(facts), ...ofUnknown(facts), ...ofCircuits(facts)];
  return all.map((named) => explained(named, facts.place));
}

/** The same of a daemon whose start waits since then, before it can know anything else. */
export function stopOfStart(reason: StartObstacle, since: number, place: StopPlace): Stop {
  return explained({ ...NOBODY, scope: 'spool', state: 'stopped', reason, since }, place);
}

function explained(named: Named, place: StopPlace): Stop {
  const { reason } = named;
  return { ...named, meaning: meaningOfReason(reason), remedy: remedyOfReason(named, place) };
}

/** The first of them that keeps a message of this account and sender from being sent; null = none does. */
export function stopFor(
  stops: readonly Stop[],
  { account, sender }: { readonly account: string | null; readonly sender: string | null },
): Stop | null {
  const holds = (stop: Stop): boolean => {
    if (stop.scope === 'log' || stop.state === 'throttled') return false;
    if (stop.scope === 'daemon' || stop.scope === 'spool') return true;
    return stop.account === account && (stop.sender === null || stop.sender === sender);
  };
  return stops.find(holds) ?? null;
}

function ofSpool(facts: StopFacts): readonly Named[] {
  const { daemon, restored, trouble, now } = facts;
  const stops: Named[] = [];
  const add = (scope: StopScope, reason: string, since: number | null): void =>
    void stops.push({ ...NOBODY, scope, state: 'stopped', reason, since });
  if (!daemon.isRunning) add('daemon', daemon.hasRun ? 'no-daemon' : 'never-ran', daemon.since);
  if (restored !== null)
    add('spool', restored.isRolledBack ? 'rolled-back' : 'restored', restored.at);
  if (trouble !== null && isWorthSaying(trouble, now)) add('spool', trouble.kind, trouble.since);
  if (!facts.isLogWritten) add('log', 'log-unwritten', null);
  return stops;
}

/* A step that found the lock taken tries again within milliseconds. */
function isWorthSaying({ kind, since }: TroubleFact, now: number): boolean {
  return kind !== 'locked' || since === null || now - since >= LOCKED_LEAST_S;
}

function ofUnknown({ unknown }: StopFacts): readonly Named[] {
  return unknown.map(({ account, since }) => ({
    ...{ scope: 'account', account, sender: null, state: 'unknown', until: null },
    reason: account === null ? 'no-default-account' : UNKNOWN_ACCOUNT,
    since,
  }));
}

function ofCircuits({ circuits, now }: StopFacts): readonly Named[] {
  const stops = circuits.flatMap((circuit) => ofCircuit(circuit, now));
  const rank = (stop: Named): number =>
    stop.account === EVERYTHING ? 0 : stop.sender === null ? 1 : 2;
  return stops.toSorted((a, b) => rank(a) - rank(b));
}

function ofCircuit(circuit: CircuitFact, now: number): readonly Named[] {
  const { account, sender, since, nextProbeAt, blockedUntil } = circuit;
  const scope = account === EVERYTHING ? 'spool' : sender === null ? 'account' : 'sender';
  const name = { scope, account, sender, since } as const;
  if (circuit.state === 'paused') {
    return [{ ...name, state: 'paused', reason: 'operator', until: null }];
  }
  if (circuit.state === 'suspended') {
    const reason = circuit.reason ?? 'unknown';
    return [{ ...name, state: 'suspended', reason, until: nextProbeAt }];
  }
  if (blockedUntil === null || blockedUntil - now < THROTTLED_LEAST_S) return [];
  return [{ ...name, state: 'throttled', reason: 'throttled', since: null, until: blockedUntil }];
}

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
