/** Each counter of `npm run house` finds what it is there to find, and nothing else. */
import { describe, expect, it } from 'vitest';
import { importsOf, sourceOf } from '../support/sources.ts';
import { againstDirection, layerOf, LAYERS, upwardRows } from './direction.ts';
import type { Layer } from './direction.ts';
import type { Figure } from './figures.ts';
import { lineCount } from './size.ts';
import { fileCircles, folderCircles } from './graph.ts';
import type { FileImports } from './graph.ts';
import { fileNamesTwice, looseFiles, typeNamesTwice } from './names.ts';
import { danglingReferences, hasClauseAtHead, longLines } from './prose.ts';
import { manneredPhrases, proseOf, proseOfDocument } from './prose.ts';
import { reportOf } from './report.ts';
import { oldWords } from './vocabulary.ts';

/** Files by path → their text. */
function filesOf(texts: Readonly<Record<string, string>>): readonly FileImports[] {
  return Object.entries(texts).map(([path, text]) => {
    return { path, imports: importsOf(sourceOf(path, text)) };
  });
}

describe('circles between files', () => {
  it('circles between files are found through several files, and separate circles are counted apart', () => {
    const circles = fileCircles(
      filesOf({
        'src/a.ts': "import { b } from './b.ts';",
        'src/b.ts': "export { c } from './c.ts';",
        'src/c.ts': "const a = import('./a.ts');",
        'src/d.ts': "import { e } from './e.ts'; import { a } from './a.ts';",
        'src/e.ts': "import { d } from './d.ts';",
      }),
    );
    expect(circles).toEqual(['src/a.ts ↔ src/b.ts ↔ src/c.ts', 'src/d.ts ↔ src/e.ts']);
  });

  it('circles between files are found where only types are imported', () => {
    const circles = fileCircles(
      filesOf({
        'src/a.ts': "import type { B } from './b.ts';",
        'src/b.ts': "let a: import('./a.ts').A;",
      }),
    );
    expect(circles).toHaveLength(1);
  });

  it('circles between files are not found among files that share an import', () => {
    const circles = fileCircles(
      filesOf({
        'src/a.ts': "import './b.ts'; import './c.ts';",
        'src/b.ts': "import './c.ts';",
        'src/c.ts': "import 'node:fs';",
      }),
    );
    expect(circles).toEqual([]);
  });
});

describe('circles between folders', () => {
  it('circles between folders are found where no file is in a circle', () => {
    const files = filesOf({
      'src/a/one.ts': "import '../b/one.ts';",
      'src/b/one.ts': '',
      'src/b/two.ts': "import '../a/two.ts';",
      'src/a/two.ts': '',
    });
    expect(fileCircles(files)).toEqual([]);
    expect(folderCircles(files)).toEqual(['src/a ↔ src/b']);
  });

  it('circles between folders are found between subfolders, and between a folder and a file beside it', () => {
    const files = filesOf({
      'src/a/x/one.ts': "import '../y/one.ts';",
      'src/a/y/one.ts': '',
      'src/a/y/two.ts': "import '../x/two.ts';",
      'src/a/x/two.ts': "import '../../top.ts';",
      'src/top.ts': "import './a/y/one.ts';",
    });
    expect(folderCircles(files)).toEqual(['src/a ↔ src/top.ts', 'src/a/x ↔ src/a/y']);
  });

  it('circles between folders are not made by a file that is used by a subfolder and one that uses it', () => {
    const files = filesOf({
      'src/cli/program.ts': "import './run/run.ts';",
      'src/cli/run/run.ts': "import '../open.ts';",
      'src/cli/open.ts': '',
    });
    expect(folderCircles(files)).toEqual([]);
  });
});

describe('the declared direction', () => {
  const layers: readonly Layer[] = [
    { name: 'top', places: ['main.ts'], imports: ['middle'] },
    { name: 'middle', places: ['middle/'], imports: ['core'] },
    { name: 'inner', places: ['middle/inner/'], imports: [] },
    { name: 'core', places: ['core/'], imports: [] },
  ];

  it('the declared direction is broken by an import upward, by one past a layer, and by a file that no layer has', () => {
    const files = filesOf({
      'src/main.ts': "import './core/a.ts';",
      'src/core/a.ts': "import 'node:fs';\nimport './b.ts';\nimport '../middle/a.ts';",
      'src/core/b.ts': '',
      'src/middle/a.ts': "import '../core/a.ts';",
      'src/elsewhere.ts': '',
    });
    expect(againstDirection(files, layers)).toEqual([
      'src/main.ts:1 imports src/core/a.ts',
      'src/core/a.ts:3 imports src/middle/a.ts',
      'src/elsewhere.ts: in no layer',
    ]);
  });

  it('the declared direction gives a file to the layer with the longest place', () => {
    expect(layerOf('src/middle/inner/a.ts', layers)?.name).toBe('inner');
    expect(layerOf('src/middle/a.ts', layers)?.name).toBe('middle');
    const others = { name: 'others', places: ['*.ts'], imports: [] };
    expect(layerOf('src/other.ts', [others, ...layers])?.name).toBe('others');
    expect(layerOf('src/main.ts', [others, ...layers])?.name).toBe('top');
    expect(layerOf('src/elsewhere/a.ts', [others, ...layers])).toBe(null);
  });

  it('the declared direction is a table whose rows name only rows below', () => {
    const upward = [{ name: 'low', places: [], imports: ['top'] }, ...layers];
    expect(upwardRows([...layers, { name: 'low', places: [], imports: ['top'] }])).toEqual([
      'low → top',
    ]);
    expect(upwardRows(upward)).toEqual([]);
    expect(upwardRows(LAYERS)).toEqual([]);
  });
});

describe('names', () => {
  it('names of files are loose at the top of src/ alone', () => {
    expect(looseFiles(['src/main.ts', 'src/core/a.ts', 'test/b.ts'])).toEqual(['src/main.ts']);
  });

  it('names of files are counted once, however many files have one', () => {
    const paths = ['src/a/x.ts', 'src/b/x.ts', 'src/c/x.ts', 'src/a/y.ts'];
    expect(fileNamesTwice(paths)).toEqual(['x.ts: src/a/x.ts, src/b/x.ts, src/c/x.ts']);
  });

  it('names of types are counted across files, of whatever kind, and not within one', () => {
    const sources = [
      sourceOf(
        'src/a.ts',
        'export interface A {} type B = 1; class C {} interface D {} class D {}',
      ),
      sourceOf('src/b.ts', 'export class A {} interface B {} export interface C {} const D = 1;'),
    ];
    const both = 'src/a.ts, src/b.ts';
    expect(typeNamesTwice(sources)).toEqual([`A: ${both}`, `B: ${both}`, `C: ${both}`]);
    expect(typeNamesTwice(sources, 'exported')).toEqual([`A: ${both}`]);
  });
});

describe('old words', () => {
  const vocabulary = { words: { desk: 'queue' }, names: { Look: 'Pass' } };
  const found = (text: string) => oldWords(sourceOf('src/a.ts', text), vocabulary);

  it('old words are found in comments, texts, and parts of identifiers, one line once', () => {
    const text = [
      '/** The desks. */',
      "const text = 'a Desk';",
      'const b = makeDesk2(this.#desks, desk, DESK_MAX);',
      'const helpdesk = 1;',
    ].join('\n');
    expect(found(text)).toEqual([1, 2, 3].map((line) => `src/a.ts:${line}: desk → queue`));
  });

  it('old words that are English are found as identifiers of code alone', () => {
    const text = '/** Look at it. */\nclass Look {}\nconst onLook = 1;';
    expect(found(text)).toEqual(['src/a.ts:2: Look → Pass']);
  });
});

describe('references', () => {
  const documents = new Set(['README.md', 'CONTRACT.md', 'src/gateway/README.md']);
  const found = (text: string) => danglingReferences({ path: 'src/a.ts', text }, documents);

  it('dangle where the document is not there, and where none is named', () => {
    expect(found('see notes.md')).toEqual(['src/a.ts:1: notes.md']);
    expect(found('\n(contract §2), the contract’s')).toEqual([
      'src/a.ts:2: contract, the contract',
    ]);
  });

  it('hold where the document is there, or no document is meant', () => {
    expect(found('CONTRACT.md §2, src/gateway/README.md, README.md.gz')).toEqual([]);
    expect(found('texts are no contract; the contracts of Vonage')).toEqual([]);
  });
});

describe('heads', () => {
  it('heads are clauses when they begin with a question word', () => {
    const heads = ['/** What it is. */', '#!/usr/bin/env node\n/**\n * How it goes.\n */'];
    expect(heads.map(hasClauseAtHead)).toEqual([true, true]);
  });

  it('heads are sentences otherwise', () => {
    const heads = ['/** Whatever. */', '/** Says how. */', '/** Reads. */\n/** What it is. */'];
    expect(heads.map(hasClauseAtHead)).toEqual([false, false, false]);
  });
});

describe('long lines', () => {
  it('long lines have more than 160 columns', () => {
    const text = `${'a'.repeat(160)}\n| ${'–'.repeat(159)}`;
    expect(longLines({ path: 'A.md', text })).toEqual(['A.md:2: 161 columns']);
  });
});

describe('mannered phrases', () => {
  it('mannered phrases are found in comments over line breaks, and in texts, with their lines', () => {
    const text = [
      'const a = 1;',
      '/**',
      ' * Tells of it for',
      ' * ever. Nothing',
      ' * but this.',
      ' */',
      'const b = `${a} anew`; // of late',
      "const anew = 'so many';",
    ].join('\n');
    const found = proseOf(sourceOf('src/a.ts', text)).flatMap(manneredPhrases);
    expect(found.toSorted()).toEqual([
      'src/a.ts:3: Tells of',
      'src/a.ts:3: for ever',
      'src/a.ts:4: Nothing but',
      'src/a.ts:7: anew',
      'src/a.ts:7: of late',
      'src/a.ts:8: so many',
    ]);
  });

  it('mannered phrases are found in comments of a unit over line breaks', () => {
    const prose = proseOfDocument('systemd/a.service', '[Unit]\n# It goes on for\n# ever.\n');
    expect(manneredPhrases(prose)).toEqual(['systemd/a.service:2: for ever']);
  });

  it('mannered phrases are whole words', () => {
    const prose = { path: 'A.md', line: 1, text: 'besides, forever, a bearing, whomsoever' };
    expect(manneredPhrases(prose)).toEqual([]);
  });
});

describe('the size of src/', () => {
  it('the size of src/ counts the lines of each file, but not of the sandbox and the demonstration', () => {
    const source = (path: string) => ({ path, text: 'one\ntwo\n' });
    expect(lineCount(['src/a.ts', 'src/b/c.ts', 'src/demo/d.ts'].map(source))).toBe(4);
  });
});

describe('the report', () => {
  const figures: readonly Figure[] = [
    { name: 'met', title: 'Met', bar: 1, places: ['here'] },
    { name: 'missed', title: 'Missed', bar: 0, places: ['there'] },
  ];

  it('the report fails when one bar is missed, and shows places only when asked', () => {
    const { lines, isMet } = reportOf(figures, { names: [], isListed: false });
    expect(isMet).toBe(false);
    expect(lines).toHaveLength(3);
    expect(reportOf(figures, { names: [], isListed: true }).lines).toHaveLength(5);
  });

  it('the report shows one figure with its places, and judges it alone', () => {
    const { lines, isMet } = reportOf(figures, { names: ['met'], isListed: false });
    expect(isMet).toBe(true);
    expect(lines.join('\n')).toMatch(/Met \(met\) +1 +1 {2}met\n {4}here$/);
  });

  it('the report refuses a figure that there is not', () => {
    expect(() => reportOf(figures, { names: ['mett'], isListed: false })).toThrow(/met, missed/);
  });
});
