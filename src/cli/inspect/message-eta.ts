/** Estimates when a message that is due goes, from what the spool says of its lane and of the messages before it. */
import { deadlineOf } from '../../core/message/row-check.ts';
import { predictParts } from '../../core/message/parts.ts';
import {
  costOf,
  forecast,
  type Allowance,
  type Backlog,
  type Forecast,
} from '../../estimate/forecast.ts';
import type { UsageWindowRow } from '../../spool/write/usage-window-rows.ts';
import type { Database } from '../../spool/file/open.ts';
import { standingOf, type CircuitColumns, type Standing } from '../../spool/read/standing.ts';
import type { MessageRow } from '../../spool/read/queries.ts';
import { DEFAULT_LIMIT } from '../../limiter/pace.ts';
import { localTime } from '../../terminal/times.ts';
import { allowedOf, limitOf, type Allowed, type ForecastOptions } from './allowance.ts';
import { waitFor, type HeldBy } from './usage-lines.ts';

export interface MessageEta {
  /** In words, after "waiting for". */
  readonly waitsFor: string;
  /** Rows that go first; null = unknown. */
  readonly ahead: number | null;
  /** Messages per second of the limit that it waits for; null = unknown, or there is none. */
  readonly rate: number | null;
  /** Unix seconds; null = unknown. */
  readonly goesAt: number | null;
  /** The window longer than a second that it waits for; null = none. */
  readonly window: HeldBy | null;
}

/** Share of an interval that is left, on average, when the next permit comes. */
const HALF = 0.5;
/** A lane whose pace takes this share of the time is what its messages wait for, and not the account. */
const IS_LANE = 0.9;
/** A window that takes this share of the time is what they wait for. */
const IS_WINDOW = 0.1;

/** `row` is queued or in retry and due, and neither its account nor its sender is paused or suspended. */
export function etaOf(db: Database, row: MessageRow, options: ForecastOptions): MessageEta {
  const { defaults } = options;
  const account = row.account ?? defaults.account;
  if (account === null) return stopped('an account: none is configured');
  const sender = row.sender ?? defaults.senders.get(account) ?? '';
  const { validityMs } = options;
  const deadline = deadlineIn(row, validityMs);
  const asked = { ...row, account, deadline, validityMs, isRetry: kindOf(row) };
  const standing = standingOf(db, asked, options);
  if (standing === null) return stopped(`account ${account}, which no daemon has used yet`);
  const { circuit } = standing;
  const lane = standing.senders.get(sender) ?? null;
  const allowed = allowedOf(standing, options);
  return activeEta({ row, account, sender, circuit, lane, standing, allowed }, options);
}

/** Unix seconds. */
export function deadlineIn(row: MessageRow, validityMs: number): number {
  const { expires_at: expiresAt, send_at: sendAt, created_at: createdAt } = row;
  return deadlineOf({ expiresAt, sendAt, createdAt }, validityMs);
}

interface ActiveMessage {
  readonly row: MessageRow;
  readonly account: string;
  readonly sender: string;
  readonly circuit: CircuitColumns;
  /** Null = the sender has neither a limit nor a stop of its own. */
  readonly lane: CircuitColumns | null;
  readonly standing: Standing;
  readonly allowed: Allowed;
}

/** A limit that the message has to pass. */
interface LimitScope {
  readonly scope: UsageWindowRow['scope'];
  readonly name: string;
  /** Per second, as it was set or learned; null = not by the second. */
  readonly limit: number | null;
  readonly allowance: Allowance;
  readonly holds: (lane: string) => boolean;
}

function activeEta(one: ActiveMessage, options: ForecastOptions): MessageEta {
  const { now, inParts } = options;
  const { allowance } = one.allowed;
  const backlogs = backlogsBefore(one, inParts.has(one.account));
  const found = forecast(backlogs, allowance, { now, asked: 0 });
  const seconds = found.goneInS[0] ?? Infinity;
  const scopes = scopesOf(one);
  const window = windowOf(one, found, now);
  const isOfWindow = (of: LimitScope): boolean =>
    of.scope === window?.cap.scope && (of.scope === 'account' || of.name === window.cap.name);
  const scope = scopes.find(isOfWindow) ?? slowestOf(scopes, backlogs, found);
  const inScope = found.gone.filter((_, index) => scope.holds(backlogs[index]?.lane ?? ''));
  const ahead = Math.max(0, Math.round(sumOf(inScope) - 1));
  const [{ parts }] = backlogs;
  const pace = Math.min(...scopes.map(({ allowance: of }) => of.rate / costOf(of, parts)));
  const goesInS = Math.max(0, seconds - HALF / pace);
  const facts = [
    ...(scope.limit === null ? [] : [`${scope.limit}/s`]),
    `${ahead.toLocaleString('en')} ahead`,
    ...waitOf(one, now),
  ];
  return {
    waitsFor:
      window === null ? `${nameOf(one, scope)} (${facts.join(', ')})` : waitFor(window, facts),
    ahead,
    rate: scope.limit,
    goesAt: goesInS === Infinity ? null : now + goesInS,
    window,
  };
}

/* From the innermost to that of the account. */
function scopesOf({
  account,
  sender,
  circuit,
  lane,
  allowed,
}: ActiveMessage): readonly [...LimitScope[], LimitScope] {
  const { allowance, groups } = allowed;
  const own = allowance.lanes.get(sender);
  const isIn = ({ senders }: { readonly senders: readonly string[] }): boolean =>
    senders.includes(sender);
  const [shared, rule] = [allowance.groups.find(isIn), groups.find(isIn)];
  const inner: LimitScope[] = [];
  if (own !== undefined) {
    const limit = lane === null ? null : limitOf(lane);
    const holds = (one: string): boolean => one === sender;
    inner.push({ scope: 'sender', name: sender, limit, allowance: own, holds });
  }
  if (shared !== undefined && rule !== undefined) {
    const holds = (one: string): boolean => rule.senders.includes(one);
    const { name, perSecond: limit } = rule;
    inner.push({ scope: 'group', name, limit, allowance: shared, holds });
  }
  const limit = limitOf(circuit) ?? DEFAULT_LIMIT;
  return [...inner, { scope: 'account', name: account, limit, allowance, holds: () => true }];
}

/* The limit whose pace takes the time while no window stops everything; else the account. */
function slowestOf(
  scopes: readonly [...LimitScope[], LimitScope],
  backlogs: readonly Backlog[],
  { goneInS: [seconds = Infinity], gone, held }: Forecast,
): LimitScope {
  const movingS = seconds - (held?.seconds ?? 0);
  const takes = ({ scope, allowance, holds, limit }: LimitScope): boolean => {
    if (scope === 'account' || limit === null) return scope === 'account';
    const permits = backlogs.map(({ lane, parts }, index) =>
      holds(lane) ? (gone[index] ?? 0) * costOf(allowance, parts) : 0,
    );
    return sumOf(permits) / allowance.rate >= movingS * IS_LANE;
  };
  return scopes.find(takes) ?? scopes[0];
}

function windowOf(
  { allowed }: ActiveMessage,
  { held, goneInS: [seconds = Infinity] }: Forecast,
  now: number,
): HeldBy | null {
  const cap = held === null ? undefined : allowed.rowOf.get(held.window);
  if (held === null || cap === undefined || held.seconds < seconds * IS_WINDOW) return null;
  return { cap, until: held.untilS === null ? null : now + held.untilS };
}

function nameOf({ row, standing }: ActiveMessage, { scope, name }: LimitScope): string {
  const hasOthers = standing.ready.some(({ isRetry }) => isRetry === 0);
  const limited = `${scope} ${name}`;
  return kindOf(row) === 1 && hasOthers ? `the retries’ share of ${limited}` : limited;
}

/* The row itself is the last of the first backlog. Of its own campaign only rows before it count. */
function backlogsBefore(
  { row, sender, standing }: ActiveMessage,
  countsParts: boolean,
): readonly [Backlog, ...Backlog[]] {
  const own = { campaign: row.campaign, priority: row.priority, isRetry: kindOf(row) };
  const isOwn = (one: Omit<Backlog, 'lane' | 'parts' | 'count'>): boolean =>
    one.campaign === own.campaign && one.priority === own.priority && one.isRetry === own.isRetry;
  const partsIn = (lane: string): number =>
    standing.ready.find((one) => one.sender === lane && isOwn(one))?.parts ?? 1;
  const before = [...standing.ahead].map(([lane, count]) => ({
    ...{ ...own, lane, count, parts: partsIn(lane) },
  }));
  const others = standing.ready
    .filter((one) => !isOwn(one))
    .map(({ sender: lane, ...rest }) => ({ ...rest, lane }));
  const ahead = standing.ahead.get(sender) ?? 0;
  const itself = countsParts ? predictParts(row) : 1;
  const parts = (ahead * partsIn(sender) + itself) / (ahead + 1);
  const first = { ...own, lane: sender, count: ahead + 1, parts };
  return [first, ...before.filter(({ lane }) => lane !== sender), ...others];
}

/* As in the ranks of the spool. */
function kindOf({ state, attempts }: MessageRow): 0 | 1 {
  return state === 'retry' || attempts > 0 ? 1 : 0;
}

function waitOf({ circuit, lane }: ActiveMessage, now: number): readonly string[] {
  const until = Math.max(circuit.blocked_until ?? 0, lane?.blocked_until ?? 0);
  return until > now ? [`throttled until ${localTime(until)}`] : [];
}

function sumOf(counts: readonly number[]): number {
  return counts.reduce((sum, count) => sum + count, 0);
}

function stopped(waitsFor: string): MessageEta {
  return { waitsFor, ahead: null, rate: null, goesAt: null, window: null };
}
