/**
 * Finds what is wrong with a cell before the spool's constraints see it: what a spreadsheet made of a value, and
 * invisible characters. Pure. Whether a value is valid is decided by the constraints.
 */
import { describeCharacters, oddCharacters } from '../core/characters.ts';
import { hasInvisible } from '../core/escape.ts';
import type { ApplicationColumn } from '../spool/drop.ts';
import { parseInstant } from '../terminal/times.ts';

/** Written in ASCII alone, whatever they hold. */
const PLAIN: ReadonlySet<ApplicationColumn> = new Set([
  'recipient',
  'sender',
  'type',
  'body',
  'udh',
  'message_class',
  'priority',
  'send_at',
  'expires_at',
  'on_uncertain',
]);
export const INSTANTS: ReadonlySet<ApplicationColumn> = new Set(['send_at', 'expires_at']);
const NUMBERS: ReadonlySet<ApplicationColumn> = new Set([
  ...['recipient', 'message_class', 'priority', 'send_at', 'expires_at'],
  ...['entity_id', 'content_id'],
] as const);
/** Free text of the application: emoji need joiners, and other scripts need marks. */
const FREE: ReadonlySet<ApplicationColumn> = new Set(['text', 'reference']);

const AS_TEXT = 'format the column as text in the spreadsheet and export it again';

/** Why the cell cannot be what was meant, as a sentence that names its column; null = nothing is wrong so far. */
export function cellProblem(column: ApplicationColumn, cell: string, nowMs: number): string | null {
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
