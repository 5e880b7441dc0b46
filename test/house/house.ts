/**
 * Prints the figures that the house is kept by, each with its bar: `npm run house`, `npm run house -- --list`
 * with all places, `npm run house -- old-words` with the places of one. Ends with 1 when a bar is missed.
 */
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { ROOT, sourcesUnder } from '../support/sources.ts';
import { figuresOf } from './figures.ts';
import { reportOf } from './report.ts';
import { lineCount } from './size.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { list: { type: 'boolean', default: false }, root: { type: 'string', default: ROOT } },
});

const root = resolve(values.root);
const figures = figuresOf(root);
const { lines, isMet } = reportOf(figures, { names: positionals, isListed: values.list });
console.log(lines.join('\n'));
console.log(
  `\nsrc/ without sandbox and demonstration: ${lineCount(sourcesUnder('src', root))} lines`,
);
process.exitCode = isMet ? 0 : 1;
