/**
 * `stats --lanes`: shows what each lane allows and uses, its backlog and when that will be gone. An account comes before
 * its groups, and they before its senders. The row of an account counts all its senders, that of a group its own.
 */
import type { Per } from '../../core/window/rate-limits.ts';
import { forecast } from '../../estimate/forecast.ts';
import type { UsageWindowRow } from '../../spool/write/usage-window-rows.ts';
import { THROTTLED_OVER_S, together, USED_OVER_S } from '../../spool/read/lane-traffic.ts';
import { readLanes, type LaneReading } from '../../spool/read/lane-rows.ts';
import type { Database } from '../../spool/file/open.ts';
import type { CircuitColumns } from '../../spool/read/standing.ts';
import { cut, right, tableOf } from '../../terminal/table.ts';
import { isoTime, localTime, timeSpan } from '../../terminal/times.ts';
import { outputWidth, terminalWidth } from '../../terminal/terminal-width.ts';
import { wrap } from '../../terminal/wrap.ts';
import { allowedOf, type ForecastOptions } from './allowance.ts';
import { capTable } from './usage-lines.ts';

/** Why nothing of a lane goes now. */
interface LaneStop {
  readonly by: 'suspended' | 'paused' | 'throttled' | 'quiet-hours';
  readonly reason: string | null;
  /** Unix seconds; null = until an operator ends it. */
  readonly until: number | null;
}

/** Rates are per second, instants in Unix seconds. */
export interface LaneView {
  readonly account: string;
  /** Null = the account itself; '' = messages without a sender, where the account has none. */
  readonly sender: string | null;
  /** Null = the row is of no group. */
  readonly group: { readonly name: string; readonly senders: readonly string[] } | null;
  /** What a permit is for. */
  readonly per: Per;
  /** Null = not configured. */
  readonly configuredRate: number | null;
  /** Learned from the gateway, which holds instead; null = nothing was learned. */
  readonly learnedRate: number | null;
  /** Requests answered, over the last seconds. */
  readonly usedRate: number;
  /** Requests throttled in the last minute. */
  readonly throttled: number;
  /** Null = it goes. */
  readonly stop: LaneStop | null;
  /** Rows that are due. */
  readonly backlog: number;
  /** Rows that wait for an instant: scheduled, in retry, or held by quiet hours. */
  readonly later: number;
  /** When the backlog will be gone; null = there is none, or it is unknown. */
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
  /* `names`: the lanes that are counted together; null = all. */
  const viewOf = (
    subject: Pick<LaneView, 'sender' | 'group' | 'per'>,
    names: readonly string[] | null,
    own: CircuitColumns | null,
  ): LaneView => {
    const isOf = ({ sender }: { readonly sender: string }): boolean =>
      names?.includes(sender) !== false;
    const waiting = { ready: ready.filter(isOf), later: later.filter(isOf) };
    const flow = together([...flows].flatMap(([sender, one]) => (isOf({ sender }) ? [one] : [])));
    const goneInS = Math.max(
      ...[...gone].flatMap(([sender, seconds]) => (isOf({ sender }) ? [seconds] : [])),
    );
    return {
      ...{ account, ...subject },
      configuredRate: own?.configured_rate ?? null,
      learnedRate: own?.learned_rate ?? null,
      usedRate: flow.used / USED_OVER_S,
      throttled: flow.throttled,
      stop: stopOf(own, waiting, options.now),
      backlog: countOf(waiting.ready),
      later: countOf(waiting.later),
      goneAt: Number.isFinite(goneInS) ? options.now + goneInS : null,
    };
  };
  const per = rules?.account.per ?? 'request';
  const groups = (rules?.groups ?? []).map((rule): LaneView => {
    const group = { name: rule.name, senders: rule.senders };
    const view = viewOf({ sender: null, group, per: rule.per }, rule.senders, null);
    return { ...view, configuredRate: rule.perSecond };
  });
  const waiting = [...ready, ...later].map((one) => one.sender);
  const names = new Set([...senders.keys(), ...flows.keys(), ...waiting]);
  const lanes = [...names].toSorted().map((sender) => {
    const own = rules?.senders.get(sender)?.per ?? 'request';
    return viewOf({ sender, group: null, per: own }, [sender], senders.get(sender) ?? null);
  });
  return [viewOf({ sender: null, group: null, per }, null, circuit), ...groups, ...lanes];
}

function stopOf(
  circuit: CircuitColumns | null,
  { ready, later }: Pick<LaneReading, 'ready' | 'later'>,
  now: number,
): LaneStop | null {
  if (circuit?.state === 'suspended' || circuit?.state === 'paused') {
    return { by: circuit.state, reason: circuit.reason, until: circuit.next_probe_at };
  }
  const until = circuit?.blocked_until ?? 0;
  if (until > now) return { by: 'throttled', reason: null, until };
  const quiet = later.flatMap(({ quietUntil }) => quietUntil ?? []);
  if (ready.length > 0 || quiet.length === 0) return null;
  return { by: 'quiet-hours', reason: null, until: Math.min(...quiet) };
}

/* Seconds until the backlog of each sender is gone; Infinity = unknown. */
function goneBySender(reading: LaneReading, options: ForecastOptions): ReadonlyMap<string, number> {
  const backlogs = reading.ready.map(({ sender, ...rest }) => ({ ...rest, lane: sender }));
  const { goneInS } = forecast(backlogs, allowedOf(reading, options).allowance, options);
  const gone = new Map<string, number>();
  for (const [index, { lane }] of backlogs.entries()) {
    gone.set(lane, Math.max(gone.get(lane) ?? 0, goneInS[index] ?? Infinity));
  }
  return gone;
}

function countOf(rows: readonly { readonly count: number }[]): number {
  return rows.reduce((sum, { count }) => sum + count, 0);
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
    available_rate: lane.learnedRate ?? lane.configuredRate,
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

/** Lanes that a table shows: those with the largest backlog. */
const SHOWN_MAX = 50;
const COLUMNS = [
  ...[cut('LANE'), right('SET'), right('AVAILABLE'), right('USED'), right('THROTTLED')],
  ...[right('BACKLOG'), right('LATER'), right('GONE IN')],
];

interface LaneReport {
  readonly lanes: readonly LaneView[];
  readonly caps: readonly UsageWindowRow[];
  readonly now: number;
}

/** The lanes as a table; below it what is stopped, their longer windows, and a legend. */
export function laneTable(
  { lanes, caps, now }: LaneReport,
  width: number | null = outputWidth(),
): string {
  if (lanes.length === 0) return 'No daemon has used an account of this spool yet.';
  const shown = shownOf(lanes);
  const cells = shown.map((lane) => cellsOf(lane, now));
  const stops = shown
    .flatMap((lane) => stopLine(lane) ?? [])
    .map((line) => wrap(line, 2, width ?? terminalWidth()));
  const hidden = lanes.length - shown.length;
  const parts = [
    tableOf(COLUMNS, cells, width),
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

/* Accounts, and the senders with the largest backlog, in their order. */
function shownOf(lanes: readonly LaneView[]): readonly LaneView[] {
  const weight = ({ sender, stop, backlog, usedRate }: LaneView): number =>
    sender === null || stop !== null ? Infinity : backlog + usedRate;
  const chosen = new Set(
    lanes.toSorted((a, b) => (weight(a) < weight(b) ? 1 : -1)).slice(0, SHOWN_MAX),
  );
  return lanes.filter((lane) => chosen.has(lane));
}

function cellsOf(lane: LaneView, now: number): readonly string[] {
  const { account, sender, group } = lane;
  const { configuredRate, learnedRate, usedRate, throttled, backlog, later, goneAt } = lane;
  const own = sender === null ? account : `  ${nameOf(sender)}`;
  return [
    group === null ? own : `  group ${group.name}`,
    String(configuredRate ?? ''),
    String(learnedRate ?? ''),
    usedRate === 0 ? '' : String(Number(usedRate.toPrecision(3))),
    countCell(throttled),
    countCell(backlog),
    countCell(later),
    goneAt === null ? '' : timeSpan(goneAt - now),
  ];
}

function countCell(count: number): string {
  return count === 0 ? '' : count.toLocaleString('en');
}

function nameOf(sender: string): string {
  return sender === '' ? '(no sender)' : sender;
}

/* The rows of its senders show what stops a group. */
function stopLine({ account, sender, group, stop }: LaneView): string | null {
  if (stop === null || group !== null) return null;
  const name = sender === null ? account : `${account} ${nameOf(sender)}`;
  const reason = stop.reason === null ? '' : ` (${stop.reason})`;
  const verb = stop.by === 'suspended' ? 'tried again at' : 'until';
  const until = stop.until === null ? '' : `, ${verb} ${localTime(stop.until)}`;
  return `${name}: ${stop.by}${reason}${until}`;
}
