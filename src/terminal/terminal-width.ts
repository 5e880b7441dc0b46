/**
 * Measures the width of the output and of texts in columns; an East Asian character takes two. The only file that
 * imports string-width.
 */
import stringWidth from 'string-width';

/** Columns where nothing says how many there are. */
const USUAL = 80;
const LEAST = 40;

/** Columns to write for: COLUMNS, else those of the terminal; null = standard output is no terminal. */
export function outputWidth(): number | null {
  const asked = Number(process.env['COLUMNS']);
  if (Number.isInteger(asked) && asked > 0) return Math.max(asked, LEAST);
  return process.stdout.isTTY ? Math.max(process.stdout.columns, LEAST) : null;
}

/** The same with a usual width in place of null. */
export function terminalWidth(): number {
  return outputWidth() ?? USUAL;
}

const ASCII = /^[\x20-\x7e]*$/;

/** Columns that `text` takes on one line. */
export function displayWidth(text: string): number {
  return ASCII.test(text) ? text.length : stringWidth(text);
}
