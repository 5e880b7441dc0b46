/**
 * Maps columns and cells of a CSV file to a row. A column is headed by the name of a column that an application may set
 * (CONTRACT.md §3), or by a usual name for the recipient, the text or the sender. An empty cell is a value left out.
 * Cells are checked before the constraints of the spool decide: a spreadsheet may have changed a value.
 */
import { describeCharacters, oddCharacters } from '../../core/message/characters.ts';
import { hasInvisible } from '../../core/text/escape.ts';
import {
  APPLICATION_COLUMNS,
  type ApplicationColumn,
  type DropRow,
} from '../../spool/write/insert.ts';
import { nearestTo } from '../../config/nearest-name.ts';
import { parseInstant } from '../../terminal/times.ts';

/** Usual names, without regard to case, and with `_` for blanks. */
const USUAL: Readonly<Partial<Record<ApplicationColumn, readonly string[]>>> = {
  recipient: (
    'recipient phone phone_number phonenumber mobile mobile_number mobile_phone cell cell_phone cellphone ' +
    'tel telephone number msisdn to destination'
  ).split(' '),
  text: 'text message message_text msg content sms sms_text'.split(' '),
  sender: 'sender sender_id from'.split(' '),
};

/** The columns of the names, and every problem with the names. */
export function columnsOf(names: readonly string[]): {
  readonly columns: readonly ApplicationColumn[];
  readonly problems: readonly string[];
} {
  const isBodyText = bodyIsText(names);
  const found = names.map((name) =>
    isBodyText && plainOf(name) === 'body' ? 'text' : columnOf(name),
  );
  const columns = found.filter((column) => column !== null);
  const problems = names.filter((_, index) => found[index] === null).map(explainUnknown);
  for (const column of new Set(columns)) {
    const given = names.filter((_, index) => found[index] === column);
    if (given.length > 1) problems.push(explainTwice(column, given));
  }
  if (!columns.includes('recipient')) problems.push('the column recipient is missing');
  return { columns, problems };
}

/** The row to drop, its columns that count from now, and what is wrong with its cells. */
export function rowOf(
  columns: readonly ApplicationColumn[],
  cells: readonly string[],
  nowMs: number,
): {
  readonly row: DropRow;
  readonly relative: ReadonlySet<ApplicationColumn>;
  readonly problems: readonly string[];
} {
  const row: Partial<Record<ApplicationColumn, string | number>> = {};
  const relative = new Set<ApplicationColumn>();
  const problems: string[] = [];
  for (const [index, column] of columns.entries()) {
    const cell = cells[index] ?? '';
    if (cell === '') continue;
    const problem = cellProblem(column, cell, nowMs);
    if (problem !== null) problems.push(problem);
    const isInstant = INSTANTS.has(column);
    if (isInstant && cell.trim().startsWith('+')) relative.add(column);
    row[column] = isInstant ? (parseInstant(cell, nowMs) ?? cell) : cell;
  }
  return { row, relative, problems };
}

function columnOf(name: string): ApplicationColumn | null {
  const own = APPLICATION_COLUMNS.find((column) => column === name);
  if (own !== undefined) return own;
  const plain = plainOf(name);
  return APPLICATION_COLUMNS.find((column) => USUAL[column]?.includes(plain) === true) ?? null;
}

/* `body` is the content of a binary message here, and the text of a message nearly everywhere else. A binary
   message needs its type too, so a file without that column means the text. */
function bodyIsText(names: readonly string[]): boolean {
  const columns = names.map(columnOf);
  return !columns.some((column) => column === 'text' || column === 'type' || column === 'udh');
}

function plainOf(name: string): string {
  return name.toLowerCase().replaceAll(/[\s-]+/g, '_');
}

function explainTwice(column: ApplicationColumn, given: readonly string[]): string {
  const isSame = given.every((name) => name === column);
  if (isSame) return `the column ${column} is there twice`;
  return `the columns ${given.join(' and ')} both stand for ${column}`;
}

function explainUnknown(name: string): string {
  if (/[;\t]/.test(name)) {
    return `the first line must name columns separated by commas; found ${JSON.stringify(name)}`;
  }
  if (name === '') return 'a column has no name';
  const odd = oddCharacters(name, hasInvisible);
  if (odd.length > 0) {
    return `the column name ${JSON.stringify(name)} holds ${describeCharacters(odd)}; remove it`;
  }
  const nearest = nearestTo(name, APPLICATION_COLUMNS)?.name ?? '';
  return `there is no column ${JSON.stringify(name)}; the nearest is ${nearest}`;
}

/** Columns whose values are ASCII. */
const PLAIN: ReadonlySet<ApplicationColumn> = new Set([
  ...['recipient', 'sender', 'type', 'body', 'udh', 'message_class', 'priority'],
  ...['send_at', 'expires_at', 'on_uncertain'],
] as const);
export const INSTANTS: ReadonlySet<ApplicationColumn> = new Set(['send_at', 'expires_at']);
const NUMBERS: ReadonlySet<ApplicationColumn> = new Set([
  ...['recipient', 'message_class', 'priority', 'send_at', 'expires_at'],
  ...['entity_id', 'content_id'],
] as const);
/** Free text of the application: emoji need joiners, and other scripts need marks. */
const FREE: ReadonlySet<ApplicationColumn> = new Set(['text', 'reference']);

const AS_TEXT = 'format the column as text in the spreadsheet and export it again';

/* A sentence that names the column; null = nothing is wrong so far. */
function cellProblem(column: ApplicationColumn, cell: string, nowMs: number): string | null {
  const problem =
    formulaProblem(column, cell) ??
    characterProblem(column, cell) ??
    numberProblem(column, cell) ??
    (INSTANTS.has(column) ? instantProblem(cell, nowMs) : null);
  return problem === null ? null : `${column} ${problem}`;
}

function formulaProblem(column: ApplicationColumn, cell: string): string | null {
  const isFormula = /^\s*="/.test(cell) || (column !== 'text' && /^\s*=/.test(cell));
  if (!isFormula) return null;
  const value = /^\s*="([^"]*)"\s*$/.exec(cell)?.[1];
  const shown = value === undefined ? 'the value itself' : `the value itself: ${value}`;
  return `${quoted(cell)} is a formula of a spreadsheet; write ${shown}`;
}

function characterProblem(column: ApplicationColumn, cell: string): string | null {
  if (FREE.has(column)) return null;
  const isOdd = PLAIN.has(column)
    ? (character: string): boolean => !/[\x20-\x7e]/.test(character)
    : hasInvisible;
  const odd = oddCharacters(cell, isOdd);
  if (odd.length === 0) return null;
  const them = odd.length === 1 ? 'it' : 'them';
  return `${quoted(cell)} holds ${describeCharacters(odd)}; remove ${them}`;
}

function numberProblem(column: ApplicationColumn, cell: string): string | null {
  if (!NUMBERS.has(column)) return null;
  if (/^\s*[+-]?\d+(?:[.,]\d+)?E[+-]?\d+\s*$/i.test(cell)) {
    return `${quoted(cell)} was shortened by a spreadsheet and has lost digits; ${AS_TEXT}`;
  }
  if (column === 'recipient' && /^\s*\d+[.,]0+\s*$/.test(cell)) {
    return `${quoted(cell)} was turned into a number by a spreadsheet; ${AS_TEXT}`;
  }
  return null;
}

function instantProblem(cell: string, nowMs: number): string | null {
  const isDay = /^\s*\d{1,6}(?:\.\d+)?\s*$/.test(cell);
  if (parseInstant(cell, nowMs) !== null && !isDay) return null;
  const found = isDay
    ? `${quoted(cell)}, perhaps a number of days as a spreadsheet counts them`
    : quoted(cell);
  return (
    'is no time: expected ISO 8601 (2026-12-01T09:00, local time, or 2026-12-01T09:00:00Z), Unix seconds ' +
    `(1795425300) or +10m from now; found ${found}`
  );
}

const SHOWN_MAX = 60;

function quoted(cell: string): string {
  return `"${cell.length > SHOWN_MAX ? `${cell.slice(0, SHOWN_MAX - 1)}…` : cell}"`;
}
