/**
 * A series as a small plot of blocks, a column a value, with its limit as a line of dashes. Own code, because
 * what there is to plot in a terminal is either unkept or draws screens of its own.
 */

const BLOCKS = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'] as const;
const EIGHTHS = 8;

export interface PlotOptions {
  /** Rows of text. */
  readonly height: number;
  /** Columns of text, the scale at the left included. */
  readonly width: number;
  /** Null = there is none. */
  readonly limit: number | null;
}

/** The latest values, as many as there is room for; the newest at the right. */
export function plotOf(values: readonly number[], options: PlotOptions): readonly string[] {
  const { height, limit } = options;
  const top = Math.max(limit ?? 0, ...values, 1);
  const scale = [shown(top), '0'];
  const margin = Math.max(...scale.map((label) => label.length));
  const shownValues = values.slice(-Math.max(1, options.width - margin - 2));
  const limitRow = limit === null ? null : rowOf(limit, top, height);
  return Array.from({ length: height }, (_, line) => {
    const row = height - 1 - line;
    const label = row === height - 1 ? scale[0] : row === 0 ? scale[1] : '';
    const cells = shownValues.map((value) => cellOf(value, { top, height, row }));
    const drawn = cells.map((cell) => (cell === ' ' && row === limitRow ? '╌' : cell));
    return `${(label ?? '').padStart(margin)} ┤${drawn.join('')}`;
  });
}

function rowOf(value: number, top: number, height: number): number {
  return Math.min(height - 1, Math.floor((value / top) * height));
}

function cellOf(
  value: number,
  { top, height, row }: { readonly top: number; readonly height: number; readonly row: number },
): string {
  const eighths = Math.round((value / top) * height * EIGHTHS);
  /* What is little is still seen. */
  const seen = value > 0 ? Math.max(1, eighths) : 0;
  return BLOCKS[Math.min(EIGHTHS, Math.max(0, seen - row * EIGHTHS))] ?? ' ';
}

function shown(value: number): string {
  return value >= 10 ? String(Math.round(value)) : String(Math.round(value * 10) / 10);
}
