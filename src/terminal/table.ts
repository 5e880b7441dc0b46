/**
 * Tables for a terminal: no lines between columns, one row a line, no wider than the output. What does not fit is
 * cut with an ellipsis or wrapped. Where the output is no terminal, nothing is cut. Columns that are empty in every
 * row are left out. The only file that knows cli-table3.
 */
import Table from 'cli-table3';
import { escapeText } from '../core/text/escape.ts';
import { displayWidth, outputWidth, terminalWidth } from './terminal-width.ts';
import { linesIn } from './wrap.ts';

export interface Column {
  readonly head: string;
  /** What happens to long cells when the table is too wide; left out: the column keeps its width. */
  readonly fit?: 'cut' | 'wrap';
  readonly align?: 'left' | 'right';
}

/** Characters of a cell. Anybody may have written a value of any length into the spool. */
const LENGTH_MAX = { fixed: 100, flexible: 4_000 } as const;
const GAP = 2;
const SMALLEST = 6;
const NO_LINES = Object.fromEntries(
  ['top', 'bottom', 'left', 'mid', 'right']
    .flatMap((side) => [side, `${side}-mid`, `${side}-left`, `${side}-right`])
    .concat('middle', 'mid-mid')
    .map((name) => [name, '']),
);

/**
 * The rows under their heads, without a line break at the end. Cells are escaped here: each stays one line. `width`
 * null = nobody says how wide the output is.
 */
export function tableOf(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  width: number | null = outputWidth(),
): string {
  const used = columns.map((_, index) => rows.some((row) => (row[index] ?? '') !== ''));
  const kept = columns.filter((_, index) => used[index]);
  const cells = rows.map((row) =>
    row.filter((_, index) => used[index]).map((cell, index) => bounded(cell, kept[index])),
  );
  const widths = fit(kept, cells, width);
  const shapedRow = (row: readonly string[]): string[] =>
    row.map((cell, index) => shaped(cell, kept[index], widths[index] ?? 0));
  const table = new Table({
    chars: NO_LINES,
    head: kept.map((column) => column.head),
    colWidths: widths,
    colAligns: kept.map((column) => column.align ?? 'left'),
    style: { 'padding-left': 0, 'padding-right': GAP, head: [], border: [], compact: true },
    truncate: '…',
  });
  table.push(...cells.map(shapedRow));
  return table
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n');
}

function shaped(cell: string, column: Column | undefined, width: number): string {
  return column?.fit === 'wrap' ? linesIn(cell, width - GAP).join('\n') : cell;
}

function bounded(cell: string, column: Column | undefined): string {
  const most = column?.fit === undefined ? LENGTH_MAX.fixed : LENGTH_MAX.flexible;
  const text = escapeText(cell.length > most ? cell.slice(0, most) : cell);
  return cell.length > most || text.length > most ? `${text.slice(0, most - 1)}…` : text;
}

/* Natural widths; then the widest flexible column gives until the table fits. Wrapping loses nothing. */
function fit(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  width: number | null,
): number[] {
  const widths = columns.map(({ head }, index) =>
    rows.reduce(
      (widest, row) => Math.max(widest, displayWidth(row[index] ?? '') + GAP),
      displayWidth(head) + GAP,
    ),
  );
  const isFlexible = ({ fit: how }: Column): boolean =>
    how === 'wrap' || (how === 'cut' && width !== null);
  for (let over = sum(widths) - GAP - (width ?? terminalWidth()); over > 0; over -= 1) {
    const widest = widestOf(widths, (index) => isFlexible(columns[index] ?? NONE));
    if (widest === null) break;
    widths[widest] = (widths[widest] ?? 0) - 1;
  }
  return widths;
}

const NONE: Column = { head: '' };

function widestOf(
  widths: readonly number[],
  isFlexible: (index: number) => boolean,
): number | null {
  let found: number | null = null;
  for (const [index, width] of widths.entries()) {
    const isWider = width > SMALLEST && width > (found === null ? 0 : (widths[found] ?? 0));
    if (isWider && isFlexible(index)) found = index;
  }
  return found;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
