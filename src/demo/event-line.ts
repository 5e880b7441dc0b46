/**
 * Formats a line of the status log for people: seconds since the start, id, reference, move and reason, in at most 80
 * columns.
 *
 * Colours appear on a terminal only, and not under NO_COLOR. Unknown events are shown as they are.
 */
import {
  joined,
  ourOwn,
  safeLine,
  styledForOutput as styled,
  type Safe,
  type Style,
} from '../terminal/safe.ts';
import { wrap } from '../terminal/wrap.ts';

/** The used fields of a line of the status log (CONTRACT.md §20). */
export interface LogEntry {
  readonly event: string;
  readonly id?: number;
  readonly reference?: string;
  readonly account?: string;
  readonly sender?: string;
  readonly from?: string;
  readonly to?: string;
  readonly reason?: string;
  readonly attempt?: number;
  readonly parts?: number;
  readonly gateway_ms?: number;
  readonly wait_ms?: number;
  readonly remedy?: string;
}

const WIDTH = 80;
const SPACE = ourOwn(' ');
/** The column at which a line about no message begins: after the time. */
const MARGIN = 5;
const ID_WIDTH = 4;
const REFERENCE_WIDTH = 8;
const MOVE_WIDTH = 27;

const STATE_STYLES: Readonly<Record<string, Style>> = {
  'await-receipt': 'green',
  delivered: 'green',
  queued: 'yellow',
  retry: 'yellow',
  uncertain: 'magenta',
  'permanent-failure': 'red',
  undelivered: 'red',
  unconfirmed: 'magenta',
  expired: 'red',
};

const ORDINALS: Readonly<Record<number, string>> = { 2: '2nd', 3: '3rd' };

/** The heads of the columns that `lineOf` writes. */
export function lineHead(): Safe {
  const heads = { time: 'sec', id: 'id', reference: 'ref', move: 'from → to' };
  return styled('dim', `${columnsOf(heads)} why`);
}

/** One line, or more for an event of no message; `seconds` since the start. */
export function lineOf(entry: LogEntry, seconds: number): Safe {
  return entry.id === undefined ? laneLine(entry, seconds) : messageLine(entry, seconds);
}

/** Text that is not from the log, in the column of events. */
export function remark(text: string, seconds: number | null, style: Style): Safe {
  const words = wrap(text, MARGIN, WIDTH - MARGIN);
  return joined([styled('dim', timeOf(seconds)), styled(style, words)], SPACE);
}

function messageLine(entry: LogEntry, seconds: number): Safe {
  const { id = 0, reference = '', to = '' } = entry;
  const move = moveOf(entry);
  const columns = columnsOf({
    time: timeOf(seconds),
    id: `#${id}`,
    reference: safeLine(reference),
    move,
  });
  const at = columns.length - Math.max(MOVE_WIDTH, move.length);
  const told = styled(STATE_STYLES[to] ?? null, columns.slice(at));
  return joined([styled('dim', columns.slice(0, at)), told, SPACE, whyOf(entry)]);
}

/* An event without a move, such as a duplicate, is named instead. */
function moveOf({ event, from = '', to = '' }: LogEntry): string {
  return from === to ? event.replace('message.', '') : `${from} → ${to}`;
}

function columnsOf(cells: {
  readonly time: string;
  readonly id: string;
  readonly reference: string;
  readonly move: string;
}): string {
  return [
    cells.time.padStart(MARGIN - 1),
    cells.id.padStart(ID_WIDTH),
    cells.reference.slice(0, REFERENCE_WIDTH).padEnd(REFERENCE_WIDTH),
    cells.move.padEnd(MOVE_WIDTH),
  ].join(' ');
}

function whyOf({ reason = '', attempt = 1, parts = 1, gateway_ms: ms }: LogEntry): Safe {
  const words = [
    ms === undefined || attempt < 2 ? '' : (ORDINALS[attempt] ?? `${attempt}th`),
    reason,
    parts < 2 ? '' : `×${parts}`,
  ].map(safeLine);
  const took = ms === undefined ? [] : [styled('dim', `${ms}ms`)];
  return joined([...words.filter((word) => word !== ''), ...took], SPACE);
}

function laneLine(entry: LogEntry, seconds: number): Safe {
  const { event, account, sender, reason, wait_ms: waitMs, remedy } = entry;
  if (account === undefined) return remark(event.replace('.', ' '), seconds, 'cyan');
  const [scope = '', what = ''] = event.split('.');
  const name = scope === 'sender' ? (sender ?? '') : account;
  const wait = waitMs === undefined ? '' : `: the gateway asks it to wait ${waitMs} ms`;
  const why = waitMs === undefined && reason !== undefined ? `: ${reason}` : '';
  const advice = remedy === undefined ? '' : `; ${remedy}`;
  return remark(`${scope} ${name} ${what}${wait}${why}${advice}`, seconds, 'yellow');
}

function timeOf(seconds: number | null): string {
  return (seconds === null ? '' : seconds.toFixed(1)).padStart(MARGIN - 1);
}
