/** Finds words and names that were replaced by others. */
import ts from 'typescript';
import { nodesOf } from '../support/sources.ts';
import type { Source } from '../support/sources.ts';
import { OLD_NAMES, OLD_WORDS } from './old-words.ts';

interface Vocabulary {
  readonly words: Readonly<Record<string, string>>;
  readonly names: Readonly<Record<string, string>>;
}

const VOCABULARY: Vocabulary = { words: OLD_WORDS, names: OLD_NAMES };

/** Each line with an old word or name, as `path:line: old → new`. */
export function oldWords(
  source: Source,
  { words, names }: Vocabulary = VOCABULARY,
): readonly string[] {
  const found = new Map<number, Set<string>>();
  const add = (line: number, old: string, replacement: string): void => {
    const ofLine = found.get(line) ?? new Set();
    found.set(line, ofLine.add(`${old} → ${replacement}`));
  };
  for (const [index, text] of source.text.split('\n').entries()) {
    for (const word of wordsOf(text)) {
      const singular = word.replace(/s$/, '');
      const old = Object.hasOwn(words, word) ? word : singular;
      if (Object.hasOwn(words, old)) add(index + 1, old, words[old] ?? '');
    }
  }
  for (const node of nodesOf(source.tree)) {
    if (!ts.isIdentifier(node) || !Object.hasOwn(names, node.text)) continue;
    const { line } = source.tree.getLineAndCharacterOfPosition(node.getStart());
    add(line + 1, node.text, names[node.text] ?? '');
  }
  return [...found]
    .toSorted(([a], [b]) => a - b)
    .map(([line, ofLine]) => `${source.path}:${line}: ${[...ofLine].join(', ')}`);
}

/** The words of a line, and those that identifiers are made of: `SenderPressure` → `sender`, `pressure`. */
function wordsOf(line: string): readonly string[] {
  const parts = line.match(/[A-Z]+(?![a-z])|[A-Z]?[a-z]+/g) ?? [];
  return parts.map((part) => part.toLowerCase());
}
