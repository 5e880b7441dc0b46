/** When a message that is ready will go: what the spool says of its lane, held against what stands before it. */
import { deadlineOf } from '../core/judge-row.ts';
import { turnoutOf, type AccountAllowance, type Allowance, type Group } from '../core/outlook.ts';
import { NO_FLOW, together, USED_OVER_S, type Flow } from '../spool/flows.ts';
import type { Database } from '../spool/open.ts';
import { standingOf, type GateRow, type Standing } from '../spool/outlook.ts';
import type { Defaults, MessageRow } from '../spool/queries.ts';
import { DEFAULT_LIMIT, paceOf, senderPaceOf } from '../throttle/pace.ts';
import { localTime } from '../terminal/times.ts';

export interface Outlook {
  /** In words, after "waiting for". */
  readonly waitsFor: string;
  /** Rows that go first; null = nobody can say. */
  readonly ahead: number | null;
  /** Messages per second of what it waits for. */
  readonly rate: number | null;
  /** Unix seconds; null = nobody can say. */
  readonly goesAt: number | null;
}

export interface OutlookOptions {
  readonly defaults: Defaults;
  /** How long rows without a deadline of their own may be sent. */
  readonly validityMs: number;
  /** `[fairness] reserve`. */
  readonly reserve: number;
  /** Unix seconds. */
  readonly now: number;
}

/** What is left of an interval when the next permit comes, on average. */
const HALF = 0.5;
/** A lane that takes so much of the time by itself is what its messages wait for, and not the account. */
const IS_LANE = 0.9;

/** What went of late is believed when it was so many, over so long (s). */
const SEEN_MIN = 30;
const SEEN_S_MIN = 5;

/** `row` is queued or in retry, and not waiting for an instant. */
export function outlookOf(db: Database, row: MessageRow, options: OutlookOptions): Outlook {
  const { defaults } = options;
  const account = row.account ?? defaults.account;
  if (account === null) return stopped('an account: none is configured');
  const sender = row.sender ?? defaults.senders.get(account) ?? '';
  const { validityMs } = options;
  const deadline = deadlineOf(
    { expiresAt: row.expires_at, sendAt: row.send_at, createdAt: row.created_at },
    validityMs,
  );
  const asked = { ...row, account, sender, deadline, validityMs, isRetry: kindOf(row) };
  const standing = standingOf(db, asked, options);
  const gate = standing.account;
  if (gate === null) return stopped(`account ${account}, which no daemon has known yet`);
  if (gate.state !== 'active') return stopped(stopOf(`account ${account}`, gate));
  const lane = standing.senders.get(sender) ?? null;
  if (lane !== null && lane.state !== 'active') return stopped(stopOf(`sender ${sender}`, lane));
  return moving({ row, account, sender, gate, lane, standing }, options);
}

interface Moving {
  readonly row: MessageRow;
  readonly account: string;
  readonly sender: string;
  readonly gate: GateRow;
  /** Null = the sender has neither a limit nor a stop of its own. */
  readonly lane: GateRow | null;
  readonly standing: Standing;
}

function moving(one: Moving, options: OutlookOptions): Outlook {
  const { account, sender, gate, lane, standing } = one;
  const allowance = allowanceOf({ ...standing, gate }, options);
  const groups = groupsBefore(one);
  const { seconds, gone } = turnoutOf(groups, allowance, 0);
  const inLane = sumOf(gone.filter((_, index) => groups[index]?.lane === sender));
  const pace = allowance.lanes.get(sender)?.rate ?? Infinity;
  const laneLimit = lane === null ? null : limitOf(lane);
  const isLane = laneLimit !== null && inLane / pace >= seconds * IS_LANE;
  const [limited, rate] = isLane
    ? [`sender ${sender}`, laneLimit]
    : [`account ${account}`, limitOf(gate) ?? DEFAULT_LIMIT];
  const ahead = Math.max(0, Math.round((isLane ? inLane : sumOf(gone)) - 1));
  const hasOthers = standing.ready.some(({ isRetry }) => isRetry === 0);
  const name = kindOf(one.row) === 1 && hasOthers ? `the retries’ share of ${limited}` : limited;
  const facts = [`${rate}/s`, `${ahead.toLocaleString('en')} ahead`, ...waitOf(one, options.now)];
  return {
    waitsFor: `${name} (${facts.join(', ')})`,
    ahead,
    rate,
    goesAt: options.now + Math.max(0, seconds - HALF / Math.min(pace, allowance.rate)),
  };
}

/* The row itself is the last of the first group; of its own campaign only what goes before it counts. */
function groupsBefore({ row, sender, standing }: Moving): readonly Group[] {
  const own = { campaign: row.campaign, priority: row.priority, isRetry: kindOf(row) };
  const before = [...standing.ahead].map(([lane, count]) => ({ ...own, lane, count }));
  const others = standing.ready
    .filter(
      (one) =>
        one.campaign !== own.campaign ||
        one.priority !== own.priority ||
        one.isRetry !== own.isRetry,
    )
    .map(({ sender: lane, ...rest }) => ({ lane, ...rest }));
  const first = { ...own, lane: sender, count: (standing.ahead.get(sender) ?? 0) + 1 };
  return [first, ...before.filter(({ lane }) => lane !== sender), ...others];
}

/* As the spool's ranks have it. */
function kindOf({ state, attempts }: MessageRow): 0 | 1 {
  return state === 'retry' || attempts > 0 ? 1 : 0;
}

/** What is known of an account and of its senders, by name. */
export interface Known {
  readonly gate: GateRow;
  readonly senders: ReadonlyMap<string, GateRow>;
  /** What each did of late, and since when (Unix seconds) rows have stood in it without a break. */
  readonly flows: ReadonlyMap<string, Flow>;
  readonly since: ReadonlyMap<string, number>;
}

/** What an account and its senders allow: at what pace, and from when on. */
export function allowanceOf(
  known: Known,
  { reserve, now }: Pick<OutlookOptions, 'reserve' | 'now'>,
): AccountAllowance {
  const { gate, senders, flows, since } = known;
  const pace = paceOf(limitOf(gate) ?? DEFAULT_LIMIT);
  const lanes = [...senders].flatMap(([sender, lane]): (readonly [string, Allowance])[] => {
    const limit = limitOf(lane);
    const opensInS = opensIn(lane, now);
    if (lane.state === 'active' && limit === null && opensInS === 0) return [];
    const own = limit === null ? pace : senderPaceOf(limit);
    const seen = { gate: lane, flow: flows.get(sender), since: since.get(sender) };
    const rate = lane.state === 'active' ? rateOf(own, seen, now) : 0;
    return [[sender, { rate, opensInS }]];
  });
  /* Where nothing but the account is in the way, what goes is what it allows. */
  const free = [...since].filter(([sender]) => !lanes.some(([name]) => name === sender));
  const whole = { flow: together([...flows.values()]), since: earliest(free.map(([, at]) => at)) };
  const rate = gate.state === 'active' ? rateOf(pace, { gate, ...whole }, now) : 0;
  return { rate, opensInS: opensIn(gate, now), reserve, lanes: new Map(lanes) };
}

/* What really went, where there was always something to send: the machine, the gateway's answers or other
 * users of the account may allow less than the limit does. Else the pace that the daemon takes. */
function rateOf(
  pace: number,
  seen: {
    readonly gate: GateRow;
    readonly flow: Flow | undefined;
    readonly since: number | undefined;
  },
  now: number,
): number {
  const { flow = NO_FLOW, since = Infinity } = seen;
  const from = now - USED_OVER_S;
  if (since > from || (seen.gate.blocked_until ?? 0) > from) return pace;
  const spanS = flow.lastAt - flow.firstAt;
  return flow.used < SEEN_MIN || spanS < SEEN_S_MIN ? pace : (flow.used - 1) / spanS;
}

function earliest(instants: readonly number[]): number {
  return instants.reduce((a, b) => Math.min(a, b), Infinity);
}

function opensIn({ blocked_until: until }: GateRow, now: number): number {
  return until === null ? 0 : Math.max(0, until - now);
}

/* The gateway asked for a wait that is not over. */
function waitOf({ gate, lane }: Moving, now: number): readonly string[] {
  const until = Math.max(gate.blocked_until ?? 0, lane?.blocked_until ?? 0);
  return until > now ? [`throttled until ${localTime(until)}`] : [];
}

function sumOf(counts: readonly number[]): number {
  return counts.reduce((sum, count) => sum + count, 0);
}

/** Per second: what was learned from the gateway holds; null = nobody said. */
export function limitOf(gate: Pick<GateRow, 'learned_rate' | 'configured_rate'>): number | null {
  return gate.learned_rate ?? gate.configured_rate;
}

function stopOf(name: string, gate: GateRow): string {
  const why = gate.reason === null ? '' : ` (${gate.reason})`;
  const probe =
    gate.next_probe_at === null ? '' : `, tried again at ${localTime(gate.next_probe_at)}`;
  return `${name}, ${gate.state}${why} since ${localTime(gate.since)}${probe}`;
}

function stopped(waitsFor: string): Outlook {
  return { waitsFor, ahead: null, rate: null, goesAt: null };
}
