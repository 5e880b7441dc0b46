/** The figures that the house is kept by: what each counts, its bar, and the places that it found. */
import { readdirSync } from 'node:fs';
import { filesUnder, importsOf, sourcesUnder, textOf } from '../support/sources.ts';
import type { Source } from '../support/sources.ts';
import { againstDirection } from './direction.ts';
import { fileCircles, folderCircles } from './graph.ts';
import { fileNamesTwice, looseFiles, typeNamesTwice } from './names.ts';
import { danglingReferences, hasClauseAtHead, LINE_MAX, longLines } from './prose.ts';
import { manneredPhrases, proseOf, proseOfDocument } from './prose.ts';
import { oldWords } from './vocabulary.ts';

export interface Figure {
  /** By which the command shows its places. */
  readonly name: string;
  readonly title: string;
  /** The greatest number that is accepted. */
  readonly bar: number;
  readonly places: readonly string[];
}

interface Document {
  readonly path: string;
  readonly text: string;
}

interface Checkout {
  readonly sources: readonly Source[];
  /** The Markdown files at the root. */
  readonly documents: readonly Document[];
  /** Files with comments that people read: configuration and units. */
  readonly commented: readonly Document[];
  readonly tests: readonly Document[];
  /** Paths of all Markdown files. */
  readonly markdown: ReadonlySet<string>;
}

/** All figures of a checkout. */
export function figuresOf(root: string): readonly Figure[] {
  const checkout = readCheckout(root);
  return [...importFigures(checkout), ...nameFigures(checkout), ...proseFigures(checkout)];
}

function importFigures({ sources }: Checkout): readonly Figure[] {
  const files = sources.map((source) => ({ path: source.path, imports: importsOf(source) }));
  return [
    figure('file-circles', 'import circles between files', 0, fileCircles(files)),
    figure('folder-circles', 'import circles between folders', 0, folderCircles(files)),
    figure('direction', 'imports against the declared direction', 0, againstDirection(files)),
  ];
}

function nameFigures({ sources }: Checkout): readonly Figure[] {
  const paths = sources.map(({ path }) => path);
  const old = sources.flatMap((source) => oldWords(source));
  return [
    figure('loose-files', 'loose files in src/', 4, looseFiles(paths)),
    figure('file-names', 'file names used twice', 6, fileNamesTwice(paths)),
    figure('type-names', 'type names declared in two files', 12, typeNamesTwice(sources)),
    figure('old-words', 'lines with words of the old vocabulary', 0, old),
  ];
}

function proseFigures(checkout: Checkout): readonly Figure[] {
  const { sources, documents, commented, tests, markdown } = checkout;
  const references = [...sources, ...tests, ...documents, ...commented].flatMap((file) =>
    danglingReferences(file, markdown),
  );
  const heads = sources.filter(({ text }) => hasClauseAtHead(text)).map(({ path }) => path);
  const prose = [
    ...sources.flatMap(proseOf),
    ...[...documents, ...commented].map(({ path, text }) => proseOfDocument(path, text)),
  ];
  return [
    figure('references', 'references to documents that are not here', 0, references),
    figure('heads', 'file heads that begin with What, How, Who, When…', 10, heads),
    figure(
      'long-lines',
      `lines over ${LINE_MAX} columns in root documents`,
      5,
      documents.flatMap(longLines),
    ),
    figure('mannered', 'mannered phrases', 20, prose.flatMap(manneredPhrases)),
  ];
}

function figure(name: string, title: string, bar: number, places: readonly string[]): Figure {
  return { name, title, bar, places };
}

function readCheckout(root: string): Checkout {
  const read = (path: string): Document => ({ path, text: textOf(path, root) });
  const atRoot = readdirSync(root).filter((name) => name.endsWith('.md'));
  const inSrc = filesUnder('src', root).filter((path) => path.endsWith('.md'));
  const commented = ['config', 'systemd'].flatMap((folder) => filesUnder(folder, root));
  return {
    sources: sourcesUnder('src', root),
    documents: atRoot.toSorted().map(read),
    commented: commented.filter((path) => !path.endsWith('.json')).map(read),
    /* The tests of these counters hold what they look for. */
    tests: filesUnder('test', root)
      .filter((path) => path.endsWith('.ts') && !path.startsWith('test/house/'))
      .map(read),
    markdown: new Set([...atRoot, ...inSrc]),
  };
}
