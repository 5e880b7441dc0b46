/**
 * Breaks text into lines by its width in columns: at spaces, and between Chinese characters, which are written without
 * spaces. A line never begins with a Chinese closing mark.
 */
import { escapeText } from '../core/text/escape.ts';
import { displayWidth } from './terminal-width.ts';

/**
 * `text` broken to lines of at most `width` columns, every line after the first indented. A word that is longer
 * than a line (a path, an address) stays whole, so that it can be copied. Escapes `text`.
 */
export function wrap(text: string, indent: number, width: number): string {
  const lines = linesOf(unitsOf(escapeText(text)), width, width - indent);
  return lines.join(`\n${' '.repeat(indent)}`);
}

/** The same as lines for a cell of a table; a word that is longer than a line is cut into pieces. */
export function linesIn(text: string, width: number): readonly string[] {
  const units = unitsOf(text).flatMap((unit) => pieces(unit, width));
  return linesOf(units, width, width);
}

/** What stays on one line. */
interface Unit {
  readonly text: string;
  /** A space, or nothing. */
  readonly before: string;
}

const OPENING = '（「《“';
const CLOSING = '，。；：、？！）」》”';
const UNITS = new RegExp(
  `[${OPENING}]*\\p{sc=Han}[${CLOSING}]*|[^\\p{sc=Han}${OPENING}]+|[${OPENING}]+`,
  'gu',
);

function unitsOf(text: string): readonly Unit[] {
  return text.split(' ').flatMap((word, index) => {
    const space = index === 0 ? '' : ' ';
    const found: readonly string[] = word.match(UNITS) ?? [''];
    return found.map((unit, at) => ({ text: unit, before: at === 0 ? space : '' }));
  });
}

function linesOf(units: readonly Unit[], firstWidth: number, width: number): readonly string[] {
  const lines: string[] = [];
  let line = '';
  for (const { text, before } of units) {
    const longer = line === '' ? text : `${line}${before}${text}`;
    const most = lines.length === 0 ? firstWidth : width;
    if (line === '' || displayWidth(longer) <= most) {
      line = longer;
      continue;
    }
    lines.push(line);
    line = text;
  }
  return [...lines, line];
}

function pieces({ text, before }: Unit, width: number): readonly Unit[] {
  if (displayWidth(text) <= width) return [{ text, before }];
  const found: Unit[] = [];
  let piece = '';
  for (const character of text) {
    if (piece !== '' && displayWidth(piece + character) > width) {
      found.push({ text: piece, before: found.length === 0 ? before : '' });
      piece = '';
    }
    piece += character;
  }
  return [...found, { text: piece, before: found.length === 0 ? before : '' }];
}
