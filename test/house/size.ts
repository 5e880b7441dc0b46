/** Counts the lines of the program without the stand-in for the API and the demonstration. */
import type { Source } from '../support/sources.ts';

const APART = ['src/gateway/sandbox/', 'src/sandbox/', 'src/demo/'];

export function lineCount(sources: readonly Pick<Source, 'path' | 'text'>[]): number {
  return sources
    .filter(({ path }) => !APART.some((folder) => path.startsWith(folder)))
    .reduce((sum, { text }) => sum + text.trimEnd().split('\n').length, 0);
}
