/**
 * Lists what is stopped on a spool, and why, from a few facts. Every answer that operators read shows this list or takes
 * its meaning and remedy from it, so that two answers cannot differ.
 *
 * Instants are Unix seconds; the caller formats them, because core knows no time zone. The worst comes first: what
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
  /** When it began, or when the last one ended or was last seen; null = not known. */
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

export type StartObstacle = 'disk-full' | 'locked' | 'no-folder';

export interface TroubleFact {
  readonly kind: 'disk-full' | 'locked' | 'io-error';
  readonly since: number | null;
}

export interface StopFacts {
  readonly now: number;
  readonly daemon: DaemonFact;
  /** The spool was restored, and no operator has decided about its messages; null = it was not. */
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
  readonly meaning: string;
  readonly remedy: string;
}

type UnexplainedStop = Omit<Stop, 'meaning' | 'remedy'>;

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

function explained(named: UnexplainedStop, place: StopPlace): Stop {
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

function ofSpool(facts: StopFacts): readonly UnexplainedStop[] {
  const { daemon, restored, trouble, now } = facts;
  const stops: UnexplainedStop[] = [];
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

function ofUnknown({ unknown }: StopFacts): readonly UnexplainedStop[] {
  return unknown.map(({ account, since }) => ({
    ...{ scope: 'account', account, sender: null, state: 'unknown', until: null },
    reason: account === null ? 'no-default-account' : UNKNOWN_ACCOUNT,
    since,
  }));
}

function ofCircuits({ circuits, now }: StopFacts): readonly UnexplainedStop[] {
  const stops = circuits.flatMap((circuit) => ofCircuit(circuit, now));
  const rank = (stop: UnexplainedStop): number =>
    stop.account === EVERYTHING ? 0 : stop.sender === null ? 1 : 2;
  return stops.toSorted((a, b) => rank(a) - rank(b));
}

function ofCircuit(circuit: CircuitFact, now: number): readonly UnexplainedStop[] {
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
type InstantFormat = (seconds: number) => string;

/** More names are not read in a line. */
const NAMED_MAX = 3;

/** What is stopped and why: 'account main is suspended (quota-exceeded) since …; tried again at …'. */
export function sentenceOf(stop: Stop, format: InstantFormat): string {
  const { account, reason, state } = stop;
  const at = format(stop.since ?? 0);
  const since = stop.since === null ? '' : ` since ${at}`;
  const own = SENTENCES.get(reason)?.({ since, at, account });
  const named = `${nameOf(stop)} is ${state}${wordOf(stop)}${since}${untilOf(stop, format)}`;
  return escapeText(own ?? named);
}

/** The same with what to do about it. */
export function adviceOf(stop: Stop, format: InstantFormat): string {
  return escapeText(`${sentenceOf(stop, format)}. ${stop.remedy}`);
}

interface SentenceFacts {
  readonly since: string;
  /** The instant itself. */
  readonly at: string;
  readonly account: string | null;
}

/* By reason. Any other stop is of an account, a sender or everything. */
const SENTENCES: ReadonlyMap<string, (facts: SentenceFacts) => string> = new Map(
  Object.entries<(facts: SentenceFacts) => string>({
    'no-daemon': ({ since }) => `no daemon runs on this spool${since}`,
    'never-ran': () => 'no daemon has run on this spool yet',
    restored: ({ at }) => `this spool was restored from a backup of ${at}; nobody has decided`,
    'rolled-back': ({ at }) =>
      `this spool is an older state of itself, of about ${at}; nobody has decided`,
    'disk-full': ({ since }) => `the disk of the spool is full${since}`,
    locked: ({ since }) => `another program holds the write lock of the spool${since}`,
    'no-folder': ({ since }) => `the folder of the spool is missing${since}`,
    'io-error': ({ since }) => `the disk of the spool fails${since}; the daemon ends`,
    'log-unwritten': () => 'the status log is not written',
    'unknown-account': ({ account, since }) =>
      `account ${account ?? ''} is not configured; its messages wait${since}`,
    'no-default-account': ({ since }) =>
      `no account is the default; messages that name none wait${since}`,
  }),
);

function wordOf({ state, reason }: Stop): string {
  return state === 'throttled' ? '' : ` (${reason})`;
}

function untilOf({ state, until }: Stop, format: InstantFormat): string {
  if (until === null) return '';
  return state === 'throttled' ? ` until ${format(until)}` : `; tried again at ${format(until)}`;
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

export function documentOfStop(
  stop: Stop,
  format: InstantFormat,
): Readonly<Record<string, unknown>> {
  const { scope, account, sender, state, reason, meaning, remedy } = stop;
  const at = (seconds: number | null): string | null => (seconds === null ? null : format(seconds));
  const times = { since: at(stop.since), until: at(stop.until) };
  return { scope, account, sender, state, reason, ...times, meaning, remedy };
}

/** Whether a daemon runs, as a JSON document; `start` is the command that starts one. */
export function documentOfDaemon(
  { isRunning, hasRun, since }: DaemonFact,
  start: string,
  format: InstantFormat,
): Readonly<Record<string, unknown>> {
  return {
    running: isRunning,
    has_run: hasRun,
    since: since === null ? null : format(since),
    start: isRunning ? null : start,
  };
}
