/** Lanes as `stats --lanes` shows them: a table for people, or a document for each. */
import type { CapRow } from '../spool/caps.ts';
import { THROTTLED_OVER_S, USED_OVER_S } from '../spool/flows.ts';
import { tableOf } from '../terminal/table.ts';
import { outputWidth, terminalWidth } from '../terminal/width.ts';
import { isoTime, localTime, timeSpan } from '../terminal/times.ts';
import { wrap } from '../terminal/wrap.ts';
import { limitOf } from './allowance.ts';
import { capTable } from './caps.ts';
import type { LaneView } from './lanes.ts';

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

/** What a table is made of. */
export interface Shown {
  readonly lanes: readonly LaneView[];
  /** Their longer windows. */
  readonly caps: readonly CapRow[];
  /** Unix seconds. */
  readonly now: number;
}

/** The lanes as a table; below it what is stopped, in words, their longer windows, and what the columns mean. */
export function laneTable(
  { lanes, caps, now }: Shown,
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
