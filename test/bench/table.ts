/** Tables for a terminal of 80 columns. */
import Table from 'cli-table3';

const WIDTH = 80;

/* A rule under the head, and nothing else. */
const NO_LINES = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  right: '',
  middle: '',
  mid: '',
  'left-mid': '',
  'mid-mid': '',
  'right-mid': '',
} as const;

export type Cell = string | number | null;

/** The first column is flushed left, the others right; null shows as a dash. Throws beyond 80 columns. */
export function table(head: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const drawn = new Table({
    head: [...head],
    colAligns: head.map((_, column) => (column === 0 ? 'left' : 'right')),
    chars: NO_LINES,
    style: { head: [], border: [], compact: true },
  });
  drawn.push(...rows.map((row) => row.map((cell) => (cell === null ? '–' : String(cell)))));
  const text = drawn.toString();
  if (text.split('\n').some((line) => line.length > WIDTH)) throw new Error(`too wide:\n${text}`);
  return text;
}

/** A whole number with a thin gap between thousands. */
export const whole = (value: number): string =>
  Math.round(value)
    .toString()
    .replace(/\B(?=(\d{3})+$)/g, ' ');
