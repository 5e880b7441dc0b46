/**
 * Tables for a terminal: no lines between columns, one row a line, never wider than the terminal (80 columns
 * when there is none). What does not fit is cut with an ellipsis or wrapped; columns that are empty in every
 * row are left out. The only file that knows cli-table3.
 */
import Table from 'cli-table3';
import { escapeText } from '../core/escape.ts';

export interface Column {
  readonly head: string;
  /** What happens to long cells when the table is too wide; left out: the column keeps its width. */
  readonly fit?: 'cut' | 'wrap';
  readonly align?: 'left' | 'right';
}

const GAP = 2;
const SMALLEST = 6;
const NO_LINES = Object.fromEntries(
  ['top', 'bottom', 'left', 'mid', 'right']
    .flatMap((side) => [side, `${side}-mid`, `${side}-left`, `${side}-right`])
    .concat('middle', 'mid-mid')
    .map((name) => [name, '']),
);

/** Width to write for, in columns. */
export function terminalWidth(): number {
  return process.stdout.isTTY ? Math.max(process.stdout.columns, 40) : 80;
}

/** The rows under their heads, without a line break at the end. Cells are escaped here: each stays one line. */
export function tableOf(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  width: number = terminalWidth(),
): string {
  const used = columns.map((_, index) => rows.some((row) => (row[index] ?? '') !== ''));
  const kept = columns.filter((_, index) => used[index]);
  const cells = rows.map((row) => row.filter((_, index) => used[index]).map(escapeText));
  const widths = fit(kept, cells, width);
  const table = new Table({
    chars: NO_LINES,
    head: kept.map((column) => column.head),
    colWidths: widths,
    colAligns: kept.map((column) => column.align ?? 'left'),
    style: { 'padding-left': 0, 'padding-right': GAP, head: [], border: [], compact: true },
    truncate: '…',
  });
  table.push(
    ...cells.map((row) => row.map((cell, index) => cellOf(cell, kept[index], widths[index]))),
  );
  return table
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n');
}

/* Lines break at spaces, unless a word is longer than a line. */
function cellOf(content: string, column: Column | undefined, width = 0): Table.CellOptions {
  const wordWrap = column?.fit === 'wrap';
  const wrapOnWordBoundary = content.split(' ').every((word) => word.length <= width - GAP);
  return { content, wordWrap, wrapOnWordBoundary };
}

/* Natural widths; then the widest flexible column gives until the table fits. */
function fit(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  width: number,
): number[] {
  const widths = columns.map(({ head }, index) =>
    rows.reduce(
      (widest, row) => Math.max(widest, (row[index] ?? '').length + GAP),
      head.length + GAP,
    ),
  );
  for (let over = sum(widths) - GAP - width; over > 0; over -= 1) {
    const widest = widestFlexible(columns, widths);
    if (widest === null) break;
    widths[widest] = (widths[widest] ?? 0) - 1;
  }
  return widths;
}

function widestFlexible(columns: readonly Column[], widths: readonly number[]): number | null {
  let found: number | null = null;
  for (const [index, column] of columns.entries()) {
    const width = widths[index] ?? 0;
    if (
      column.fit !== undefined &&
      width > SMALLEST &&
      width > (found === null ? 0 : (widths[found] ?? 0))
    ) {
      found = index;
    }
  }
  return found;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
