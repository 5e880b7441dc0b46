/** Breaks paragraphs into lines. */
import { escapeText } from '../core/escape.ts';

/**
 * `text` broken at spaces to lines of at most `width` columns, every line after the first indented. A word
 * that is longer than a line (a path, an address) stays whole, so that it can be copied. Escapes `text`.
 */
export function wrap(text: string, indent: number, width: number): string {
  const lines: string[] = [];
  let line = '';
  for (const word of escapeText(text).split(' ')) {
    const longer = line === '' ? word : `${line} ${word}`;
    const room = lines.length === 0 ? width : width - indent;
    if (longer.length <= room || line === '') {
      line = longer;
      continue;
    }
    lines.push(line);
    line = word;
  }
  lines.push(line);
  return lines.join(`\n${' '.repeat(indent)}`);
}
