/**
 * Lays out one frame of `top`: a status as lines of text, never wider than asked. Reads and writes nothing; the same
 * status makes the same lines.
 */
import { escapeText } from '../../core/text/escape.ts';
import { STATES, type State } from '../../core/message/message.ts';
import { sentenceOf } from '../../core/account/stops.ts';
import type { AccountStatus, FailureStatus, LaneStatus, Status } from '../../core/stats/status.ts';
import { cut, right, tableOf } from '../../terminal/table.ts';
import { localTime, timeSpan } from '../../terminal/times.ts';
import { wrap } from '../../terminal/wrap.ts';

export interface View {
  readonly status: Status;
  /** Who counted: the daemon, or this program from the spool. */
  readonly source: 'daemon' | 'spool';
  /** A limitation of the numbers; null = none. */
  readonly note: string | null;
}

export interface FrameSize {
  readonly columns: number;
  /** Null = as many as there is to show. */
  readonly rows: number | null;
}

/** Columns from which on lanes show more than their backlog. */
const WIDE = 130;
const PLOT_ROWS = 5;
/** Rows of lanes and failures where the height is not limited. */
const LANES_SHOWN = 30;
const FAILURES_SHOWN = 10;
/** Lines about what is stopped. */
const STOPS_SHOWN = 3;
/** Fewest rows of lanes; failures give way first. */
const LANES_LEAST = 3;

export function frameOf(view: View, size: FrameSize): readonly string[] {
  const { status } = view;
  const top = [
    ...headOf(view, size.columns),
    ...stopsShown(status, size.columns),
    '',
    ...statesOf(status, size.columns),
    '',
    ...accountsOf(status, size.columns),
    '',
    ...throughputOf(status, size.columns),
  ];
  const room = shareRows(status, size.rows === null ? null : size.rows - top.length);
  const lines = [
    ...top,
    ...lanesOf(status, size.columns, room.lanes),
    ...failuresOf(status, size.columns, room.failures),
  ];
  const fitting = size.rows === null ? lines : lines.slice(0, size.rows);
  return fitting.map((line) => clipped(escapeText(line), size.columns).trimEnd());
}

/* A blank line and two of heads go with each list. */
function shareRows(
  { failures }: Status,
  rows: number | null,
): { readonly lanes: number; readonly failures: number } {
  if (rows === null) return { lanes: LANES_SHOWN, failures: FAILURES_SHOWN };
  const heads = 4;
  const wanted = Math.min(failures.length, FAILURES_SHOWN);
  const forFailures = Math.max(0, Math.min(wanted, rows - heads - LANES_LEAST));
  return { lanes: Math.max(0, rows - heads - forFailures), failures: forFailures };
}

function headOf({ status, source, note }: View, columns: number): readonly string[] {
  const time = localTime(status.at).slice(11);
  const up = timeSpan(status.at - status.started_at);
  const who =
    source === 'daemon'
      ? `sms-spoold ${status.version}, pid ${status.pid}, up ${up}`
      : 'sms-spoold: no daemon answers';
  const state = source === 'daemon' ? `, ${status.unready ?? 'ready'}` : '';
  const left = clipped(`${who}${state}`, columns - time.length - 2);
  const head = left.padEnd(columns - time.length) + time;
  const notes = [note, status.is_counted ? null : 'still counting: numbers are too small'];
  return [
    head,
    ...notes.flatMap((line) => (line === null ? [] : wrap(line, 0, columns).split('\n'))),
  ];
}

/* The remedies are in `stats`. */
function stopsShown({ stops }: Status, columns: number): readonly string[] {
  const shown = stops.slice(0, STOPS_SHOWN);
  const rest = stops.length - shown.length;
  const more = rest > 0 ? [`${rest} more are stopped: sms-spoold stats`] : [];
  const words = [...shown.map((stop) => sentenceOf(stop, localTime)), ...more];
  return words.flatMap((line) => wrap(`! ${line}`, 2, columns).split('\n'));
}

function statesOf({ states }: Status, columns: number): readonly string[] {
  const cells = STATES.map((state) => `${state} ${states[state].toLocaleString('en')}`);
  const width = Math.max(...cells.map((cell) => cell.length)) + 3;
  const perLine = Math.max(1, Math.floor((columns + 3) / width));
  const lines = Map.groupBy(cells.entries(), ([index]) => Math.floor(index / perLine));
  return Array.from(lines.values(), (line) => line.map(([, cell]) => cell.padEnd(width)).join(''));
}

const ACCOUNT_COLUMNS = [
  ...[cut('ACCOUNT'), 'STATE', right('USED'), right('AVAILABLE'), right('LIMIT')],
  ...[right('OPEN'), right('OLDEST DUE'), right('WAITS'), cut('REASON')],
];

function accountsOf({ accounts }: Status, columns: number): readonly string[] {
  if (accounts.length === 0) return ['No account is configured.'];
  return tableOf(ACCOUNT_COLUMNS, accounts.map(accountCells), columns).split('\n');
}

function accountCells(one: AccountStatus): readonly string[] {
  const probe =
    one.next_probe_at === null ? '' : `probed at ${localTime(one.next_probe_at).slice(11)}`;
  return [
    one.account,
    one.state,
    `${one.used}/s`,
    one.available === null ? '' : `${one.available}/s`,
    one.limit === null ? '' : `${one.limit}/s`,
    one.concurrency === 0 ? '' : `${one.in_flight}/${one.concurrency}`,
    one.oldest_due_seconds === null ? '' : timeSpan(one.oldest_due_seconds),
    one.blocked_seconds > 0 ? timeSpan(one.blocked_seconds) : '',
    [one.reason ?? '', probe].filter((word) => word !== '').join(', '),
  ];
}

function throughputOf({ accounts, answered }: Status, columns: number): readonly string[] {
  const limits = accounts.flatMap(({ available }) => available ?? []);
  const limit = limits.length === 0 ? null : limits.reduce((sum, one) => sum + one, 0);
  const against = limit === null ? '' : `, against ${Math.round(limit * 10) / 10} available`;
  const head = `REQUESTS A SECOND${against}`;
  return [head, ...plotOf(answered, { height: PLOT_ROWS, width: columns, limit })];
}

function lanesOf(status: Status, columns: number, rows: number): readonly string[] {
  const busy = status.lanes.filter(isBusy).toSorted((a, b) => waiting(b) - waiting(a));
  const shown = busy.slice(0, busy.length > rows ? Math.max(0, rows - 1) : rows);
  if (rows === 0) return [];
  if (busy.length === 0) return ['', 'No message waits.'];
  const heads = ['LATER', ...status.age_bounds_seconds.map(boundOf)];
  const last = status.age_bounds_seconds.at(-1);
  const ages = [...heads, ...(last === undefined ? [] : [`${boundOf(last)}+`])];
  const isWide = columns >= WIDE;
  const own = [...['OUT', 'UNCERTAIN', 'AWAITED', 'RATE', 'WAITS'].map(right), 'STATE'];
  const table = tableOf(
    [cut('LANE'), right('WAIT'), ...ages.map(right), ...(isWide ? own : [])],
    shown.map((lane) => [...laneCells(lane), ...(isWide ? doingCells(lane) : [])]),
    columns,
  );
  const more = busy.length - shown.length;
  return ['', ...table.split('\n'), ...(more > 0 ? [`and ${more} more lanes`] : [])];
}

function laneCells(lane: LaneStatus): readonly string[] {
  const name = `${lane.account}/${lane.sender === '' ? '(none)' : lane.sender}`;
  return [name, ...[waiting(lane), ...lane.ages].map(short)];
}

function doingCells(lane: LaneStatus): readonly string[] {
  const { states } = lane;
  return [
    ...[states.sending, states.uncertain, states['await-receipt']].map(short),
    lane.available === null ? '' : `${lane.available}/s`,
    lane.blocked_seconds > 0 ? timeSpan(lane.blocked_seconds) : '',
    lane.state,
  ];
}

function waiting({ states }: LaneStatus): number {
  return states.queued + states.retry;
}

const BUSY: readonly State[] = ['queued', 'retry', 'sending', 'uncertain', 'await-receipt'];

function isBusy({ states }: LaneStatus): boolean {
  return BUSY.some((state) => states[state] > 0);
}

const FAILURE_COLUMNS = [
  ...['FAILED', right('ID'), 'NOW', 'RECIPIENT', cut('SENDER'), right('CODE'), cut('REASON')],
];

function failuresOf({ failures }: Status, columns: number, rows: number): readonly string[] {
  const cells = failures.slice(0, rows).map(failureCells);
  return cells.length === 0 ? [] : ['', ...tableOf(FAILURE_COLUMNS, cells, columns).split('\n')];
}

function failureCells(one: FailureStatus): readonly string[] {
  return [
    localTime(one.at).slice(11),
    String(one.id),
    one.to,
    one.recipient,
    one.sender ?? '',
    one.code === null ? '' : String(one.code),
    one.reason,
  ];
}

/** 7 → '7', 12,345 → '12k', 1,234,567 → '1.2M': never more than four characters. */
function short(count: number): string {
  if (count < 10_000) return String(count);
  if (count < 999_500) return `${Math.round(count / 1_000)}k`;
  const millions = count / 1e6;
  return millions < 9.95 ? `${millions.toFixed(1)}M` : `${Math.round(millions)}M`;
}

/** 60 → '1m': the messages that wait for less than that. */
function boundOf(seconds: number): string {
  if (seconds < 3_600) return `${seconds / 60}m`;
  return seconds < 86_400 ? `${seconds / 3_600}h` : `${seconds / 86_400}d`;
}

function clipped(line: string, columns: number): string {
  return line.length <= columns ? line : `${line.slice(0, Math.max(0, columns - 1))}…`;
}

const BLOCKS = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
const EIGHTHS = 8;

interface PlotOptions {
  /** Rows of text. */
  readonly height: number;
  /** Columns of text, with the scale at the left. */
  readonly width: number;
  readonly limit: number | null;
}

/* The latest values that fit, the newest at the right. */
function plotOf(
  values: readonly number[],
  { height, width, limit }: PlotOptions,
): readonly string[] {
  const top = Math.max(limit ?? 0, ...values, 1);
  const scale = shown(top);
  const shownValues = values.slice(-Math.max(1, width - scale.length - 2));
  const limitRow = limit === null ? null : Math.min(height - 1, Math.floor((limit / top) * height));
  return Array.from({ length: height }, (_, line) => {
    const row = height - 1 - line;
    const label = line === 0 ? scale : row === 0 ? '0' : '';
    const drawn = shownValues.map((value) => {
      const eighths = Math.round((value / top) * height * EIGHTHS);
      /* A small value is drawn too. */
      const least = value > 0 ? Math.max(1, eighths) : 0;
      const block = Math.min(EIGHTHS, Math.max(0, least - row * EIGHTHS));
      return block === 0 && row === limitRow ? '╌' : BLOCKS[block];
    });
    return `${label.padStart(scale.length)} ┤${drawn.join('')}`;
  });
}

function shown(value: number): string {
  return value >= 10 ? String(Math.round(value)) : String(Math.round(value * 10) / 10);
}
