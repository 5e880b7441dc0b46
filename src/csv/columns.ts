/**
 * What the cells of a CSV file mean: each column bears the name of a column that an application may set
 * (contract §2). Values are judged by the spool's constraints, not here; an empty cell is a value left out.
 */
import { APPLICATION_COLUMNS, type ApplicationColumn, type DropRow } from '../spool/drop.ts';
import { nearestTo } from '../nearest.ts';
import { parseInstant } from '../terminal/times.ts';

const INSTANTS: ReadonlySet<string> = new Set(['send_at', 'expires_at']);

/** The columns that the names stand for, or every problem there is with them. */
export function columnsOf(names: readonly string[]): {
  readonly columns: readonly ApplicationColumn[];
  readonly problems: readonly string[];
} {
  const columns = names.flatMap((name) => APPLICATION_COLUMNS.filter((column) => column === name));
  const problems = names.filter((name) => !isColumn(name)).map(explainUnknown);
  const twice = columns.filter((column, index) => columns.indexOf(column) !== index);
  problems.push(...new Set(twice.map((column) => `the column ${column} is there twice`)));
  if (!columns.includes('recipient')) problems.push('the column recipient is missing');
  return { columns, problems };
}

/** The row to drop. An instant that cannot be read stays as it is, for its constraint to refuse. */
export function rowOf(
  columns: readonly ApplicationColumn[],
  cells: readonly string[],
  nowMs: number,
): DropRow {
  const row: Partial<Record<ApplicationColumn, string | number>> = {};
  for (const [index, column] of columns.entries()) {
    const cell = cells[index] ?? '';
    if (cell === '') continue;
    row[column] = INSTANTS.has(column) ? (parseInstant(cell, nowMs) ?? cell) : cell;
  }
  return row;
}

function isColumn(name: string): boolean {
  return APPLICATION_COLUMNS.some((column) => column === name);
}

function explainUnknown(name: string): string {
  if (/[;\t]/.test(name)) {
    return `the first line must name columns separated by commas; found ${JSON.stringify(name)}`;
  }
  if (name === '') return 'a column has no name';
  const nearest = nearestTo(name, APPLICATION_COLUMNS)?.name ?? '';
  return `there is no column ${JSON.stringify(name)}; the nearest is ${nearest}`;
}
