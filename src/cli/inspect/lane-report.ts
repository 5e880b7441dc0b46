/**
 * `stats --lanes`: how each lane is: what it allows and does, what stands in it and when that will be gone. An account comes
 * before its groups, and they before its senders; what its row counts holds for all of them together, as a
 * group's does for those that are in it.
 */
import type { GroupRule, Per } from '../../core/window/rate-limits.ts';
import { forecast } from '../../estimate/forecast.ts';
import type { UsageWindowRow } from '../../spool/write/usage-window-rows.ts';
import {
  THROTTLED_OVER_S,
  together,
  USED_OVER_S,
  type Flow,
} from '../../spool/read/lane-traffic.ts';
import { readLanes, type LaneReading, type LaterCount } from '../../spool/read/lane-rows.ts';
import type { Database } from '../../spool/file/open.ts';
import type { CircuitColumns } from '../../spool/read/standing.ts';
import { tableOf } from '../../terminal/table.ts';
import { isoTime, localTime, timeSpan } from '../../terminal/times.ts';
import { outputWidth, terminalWidth } from '../../terminal/terminal-width.ts';
import { wrap } from '../../terminal/wrap.ts';
import { allowedOf, limitOf, type ForecastOptions } from './allowance.ts';
import { capTable } from './usage-lines.ts';

/** Why nothing of a lane goes now. */
export interface LaneStop {
  readonly by: 'suspended' | 'paused' | 'throttled' | 'quiet-hours';
  /** In the words of whoever stopped it; null = nothing more is known. */
  readonly reason: string | null;
  /** Unix seconds; null = until somebody says so. */
  readonly until: number | null;
}

/** Rates are per second, instants in Unix seconds. */
export interface LaneView {
  readonly account: string;
  /** Null = the account itself; '' = messages without a sender, where the account has none. */
  readonly sender: string | null;
  /** A group of its senders; null = it is about no group. */
  readonly group: { readonly name: string; readonly senders: readonly string[] } | null;
  /** What a permit is for. */
  readonly per: Per;
  /** Null = not configured. */
  readonly configuredRate: number | null;
  /** What is known to be available below or in the place of that; null = nothing else was learned. */
  readonly learnedRate: number | null;
  /** Requests answered, over the last seconds. */
  readonly usedRate: number;
  /** Requests throttled in the last minute. */
  readonly throttled: number;
  /** Null = it goes. */
  readonly stop: LaneStop | null;
  /** Rows that may go as far as they themselves are concerned. */
  readonly backlog: number;
  /** Rows that wait for an instant: scheduled, in retry, or kept back by a rule. */
  readonly later: number;
  /** When the backlog will be gone; null = there is none, or nobody can say. */
  readonly goneAt: number | null;
}

/** Every lane with a limit, a stop, rows or recent requests, account by account. */
export function lanesOf(db: Database, options: ForecastOptions): readonly LaneView[] {
  return readLanes(db, options).flatMap((reading) => viewsOf(reading, options));
}

function viewsOf(reading: LaneReading, options: ForecastOptions): readonly LaneView[] {
  const { account, circuit, senders, ready, later, flows } = reading;
  const rules = options.nested.get(account) ?? null;
  const gone = goneBySender(reading, options);
  const known = [
    ...[...senders.keys(), ...flows.keys()],
    ...[...ready, ...later].map((one) => one.sender),
  ];
  /** Of these lanes together; null = of all. */
  const factsOf = (names: readonly string[] | null): Omit<LaneFacts, 'circuit'> => {
    const isOf = ({ sender }: { readonly sender: string }): boolean =>
      names?.includes(sender) !== false;
    const own = [...flows].filter(([sender]) => isOf({ sender }));
    return {
      ...{ ready: ready.filter(isOf), later: later.filter(isOf) },
      flow: together(own.map(([, flow]) => flow)),
      goneS: latest([...gone].flatMap(([sender, seconds]) => (isOf({ sender }) ? [seconds] : []))),
    };
  };
  const view = (facts: LaneFacts): LaneNumbers => viewOf(facts, options.now);
  const lanes = [...new Set(known)].toSorted().map((sender): LaneView => {
    const per = rules?.senders.get(sender)?.per ?? 'request';
    const facts = { ...factsOf([sender]), circuit: senders.get(sender) ?? null };
    return { ...{ account, sender, group: null, per }, ...view(facts) };
  });
  const groups = (rules?.groups ?? []).map((rule: GroupRule): LaneView => {
    const { name, senders: names, per, perSecond: configuredRate } = rule;
    const facts = { ...factsOf(names), circuit: null };
    const group = { name, senders: names };
    return { ...{ account, sender: null, group, per }, ...view(facts), configuredRate };
  });
  const whole = view({ ...factsOf(null), circuit });
  const per = rules?.account.per ?? 'request';
  return [{ ...{ account, sender: null, group: null, per }, ...whole }, ...groups, ...lanes];
}

type LaneNumbers = Omit<LaneView, 'account' | 'sender' | 'group' | 'per'>;

interface LaneFacts extends Pick<LaneReading, 'ready' | 'later'> {
  /** Null = it has neither a limit nor a stop of its own. */
  readonly circuit: CircuitColumns | null;
  readonly flow: Flow;
  /** Seconds until the backlog is gone; Infinity = nobody can say; null = there is none. */
  readonly goneS: number | null;
}

function viewOf(facts: LaneFacts, now: number): LaneNumbers {
  const { circuit, flow, goneS } = facts;
  return {
    configuredRate: circuit?.configured_rate ?? null,
    learnedRate: circuit?.learned_rate ?? null,
    usedRate: flow.used / USED_OVER_S,
    throttled: flow.throttled,
    stop: stopOf(facts, now),
    backlog: sumOf(facts.ready.map(({ count }) => count)),
    later: sumOf(facts.later.map(({ count }) => count)),
    goneAt: goneS === null || goneS === Infinity ? null : now + goneS,
  };
}

function stopOf({ circuit, ready, later }: LaneFacts, now: number): LaneStop | null {
  if (circuit?.state === 'suspended' || circuit?.state === 'paused') {
    return { by: circuit.state, reason: circuit.reason, until: circuit.next_probe_at };
  }
  const until = circuit?.blocked_until ?? 0;
  if (until > now) return { by: 'throttled', reason: null, until };
  return ready.length === 0 ? quietOf(later) : null;
}

/* All that is left waits for the night to be over. */
function quietOf(later: readonly LaterCount[]): LaneStop | null {
  const until = later.flatMap(({ quietUntil }) => quietUntil ?? []);
  if (until.length === 0) return null;
  return { by: 'quiet-hours', reason: null, until: Math.min(...until) };
}

function goneBySender(reading: LaneReading, options: ForecastOptions): ReadonlyMap<string, number> {
  const backlogs = reading.ready.map(({ sender, ...rest }) => ({ ...rest, lane: sender }));
  const { goneInS } = forecast(backlogs, allowedOf(reading, options).allowance, options);
  const gone = new Map<string, number>();
  for (const [index, { lane }] of backlogs.entries()) {
    gone.set(lane, Math.max(gone.get(lane) ?? 0, goneInS[index] ?? Infinity));
  }
  return gone;
}

function latest(seconds: readonly number[]): number | null {
  return seconds.length === 0 ? null : Math.max(...seconds);
}

function sumOf(numbers: readonly number[]): number {
  return numbers.reduce((sum, number) => sum + number, 0);
}

/** A lane, or a group of senders, as a JSON document. */
export function laneDocument(lane: LaneView): object {
  const { account, sender, group } = lane;
  const subject =
    group === null
      ? { kind: 'lane', account, sender }
      : { kind: 'group', account, group: group.name, senders: group.senders };
  return {
    ...subject,
    per: lane.per,
    configured_rate: lane.configuredRate,
    available_rate: limitOf({
      configured_rate: lane.configuredRate,
      learned_rate: lane.learnedRate,
    }),
    used_rate: lane.usedRate,
    throttled: lane.throttled,
    blocked_by: lane.stop?.by ?? null,
    blocked_reason: lane.stop?.reason ?? null,
    blocked_until: isoTime(lane.stop?.until ?? null),
    backlog: lane.backlog,
    later: lane.later,
    gone_at: isoTime(lane.goneAt),
  };
}

/** Lanes that a table shows; those with most to do. */
const SHOWN_MAX = 50;

interface TableParts {
  readonly lanes: readonly LaneView[];
  readonly caps: readonly UsageWindowRow[];
  readonly now: number;
}

/** The lanes as a table; below it what is stopped, in words, their longer windows, and what the columns mean. */
export function laneTable(
  { lanes, caps, now }: TableParts,
  width: number | null = outputWidth(),
): string {
  if (lanes.length === 0) return 'No daemon has known an account of this spool yet.';
  const shown = shownOf(lanes);
  const columns = [
    { head: 'LANE', fit: 'cut' },
    { head: 'SET', align: 'right' },
    { head: 'AVAILABLE', align: 'right' },
    { head: 'USED', align: 'right' },
    { head: 'THROTTLED', align: 'right' },
    { head: 'BACKLOG', align: 'right' },
    { head: 'LATER', align: 'right' },
    { head: 'GONE IN', align: 'right' },
  ] as const;
  const stops = shown.flatMap((lane) => wrapped(stopLine(lane), width));
  const hidden = lanes.length - shown.length;
  const parts = [
    tableOf(
      columns,
      shown.map((lane) => cellsOf(lane, now)),
      width,
    ),
    stops.join('\n'),
    hidden === 0 ? '' : `${hidden.toLocaleString('en')} more lanes: --json shows all.`,
    capTable(caps, width) ?? '',
    LEGEND,
  ];
  return parts.filter((part) => part !== '').join('\n\n');
}

const LEGEND =
  `Rates are per second, used in the last ${USED_OVER_S} s; throttled in the last ${THROTTLED_OVER_S} s;\n` +
  'later: waits for an instant of its own.';

/* Accounts, and of senders those with most to do, in their order. */
function shownOf(lanes: readonly LaneView[]): readonly LaneView[] {
  const weight = ({ sender, stop, backlog, usedRate }: LaneView): number =>
    sender === null || stop !== null ? Infinity : backlog + usedRate;
  const chosen = new Set(
    lanes.toSorted((a, b) => (weight(a) < weight(b) ? 1 : -1)).slice(0, SHOWN_MAX),
  );
  return lanes.filter((lane) => chosen.has(lane));
}

function cellsOf(lane: LaneView, now: number): readonly string[] {
  const { configuredRate, learnedRate, usedRate, throttled, backlog, later, goneAt } = lane;
  return [
    cellOf(lane),
    rateCell(configuredRate),
    rateCell(learnedRate),
    usedRate === 0 ? '' : rateCell(Number(usedRate.toPrecision(3))),
    countCell(throttled),
    countCell(backlog),
    countCell(later),
    goneAt === null ? '' : timeSpan(goneAt - now),
  ];
}

function cellOf({ account, sender, group }: LaneView): string {
  if (group !== null) return `  group ${group.name}`;
  return sender === null ? account : `  ${nameOf(sender)}`;
}

function rateCell(rate: number | null): string {
  return rate === null ? '' : String(rate);
}

function countCell(count: number): string {
  return count === 0 ? '' : count.toLocaleString('en');
}

function nameOf(sender: string): string {
  return sender === '' ? '(no sender)' : sender;
}

function wrapped(line: string | null, width: number | null): readonly string[] {
  return line === null ? [] : [wrap(line, 2, width ?? terminalWidth())];
}

/* What stops a group stops its senders, and is said of them. */
function stopLine({ account, sender, group, stop }: LaneView): string | null {
  if (stop === null || group !== null) return null;
  const name = sender === null ? account : `${account} ${nameOf(sender)}`;
  const reason = stop.reason === null ? '' : ` (${stop.reason})`;
  const verb = stop.by === 'suspended' ? 'tried again at' : 'until';
  const until = stop.until === null ? '' : `, ${verb} ${localTime(stop.until)}`;
  return `${name}: ${stop.by}${reason}${until}`;
}
