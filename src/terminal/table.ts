/**
 * Lays out tables for a terminal: no lines between columns, one row a line, no wider than the output. What does not fit
 * is cut with an ellipsis or wrapped. Where the output is no terminal, nothing is cut. Columns that are empty in every
 * row are left out. The only file that imports cli-table3.
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

export const right = (head: string): Column => ({ head, align: 'right' });
export const cut = (head: string): Column => ({ head, fit: 'cut' });
export const wrapped = (head: string): Column => ({ head, fit: 'wrap' });

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

interface FilledColumn extends Column {
  readonly cells: readonly string[];
  /** With the gap after it. */
  width: number;
}

/**
 * The rows under their heads, without a line break at the end. A column that is only a head is aligned to the left.
 * Cells are escaped here: each stays one line. `width` null = the width of the output is unknown.
 */
export function tableOf(
  columns: readonly (Column | string)[],
  rows: readonly (readonly string[])[],
  width: number | null = outputWidth(),
): string {
  const filled = columns
    .map((column, index) =>
      fill(
        column,
        rows.map((row) => row[index] ?? ''),
      ),
    )
    .filter(({ cells }) => cells.some((cell) => cell !== ''));
  fit(filled, width);
  const table = new Table({
    chars: NO_LINES,
    head: filled.map(({ head }) => head),
    colWidths: filled.map((column) => column.width),
    colAligns: filled.map(({ align }) => align ?? 'left'),
    style: { 'padding-left': 0, 'padding-right': GAP, head: [], border: [], compact: true },
    truncate: '…',
  });
  table.push(...rows.map((_, row) => filled.map((column) => cellOf(column, row))));
  return table
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n');
}

function fill(given: Column | string, values: readonly string[]): FilledColumn {
  const column = typeof given === 'string' ? { head: given } : given;
  const max = LENGTH_MAX[column.fit === undefined ? 'fixed' : 'flexible'];
  const cells = values.map((value) => bounded(value, max));
  const width = GAP + Math.max(displayWidth(column.head), ...cells.map(displayWidth));
  return { ...column, cells, width };
}

function bounded(value: string, max: number): string {
  const text = escapeText(value.slice(0, max));
  return value.length > max || text.length > max ? `${text.slice(0, max - 1)}…` : text;
}

function cellOf({ cells, fit: how, width }: FilledColumn, row: number): string {
  const cell = cells[row] ?? '';
  return how === 'wrap' ? linesIn(cell, width - GAP).join('\n') : cell;
}

/* The widest flexible column gives until the table fits. Wrapping loses nothing. */
function fit(columns: readonly FilledColumn[], width: number | null): void {
  const flexible = columns.filter(
    ({ fit: how }) => how === 'wrap' || (how === 'cut' && width !== null),
  );
  const total = columns.reduce((sum, column) => sum + column.width, -GAP);
  for (let over = total - (width ?? terminalWidth()); over > 0; over -= 1) {
    const [widest] = flexible.toSorted((a, b) => b.width - a.width);
    if (widest === undefined || widest.width <= SMALLEST) return;
    widest.width -= 1;
  }
}
