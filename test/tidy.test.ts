/**
 * The rules of the code that nobody can see from one place: who imports whom, how long things are, what is
 * never written. A rule that matters is held here and not by memory.
 */
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import {
  childrenOf,
  filesUnder,
  importsOf,
  nodesOf,
  placeOf,
  ROOT,
  sourcesUnder,
  textOf,
} from './support/sources.ts';
import type { Source } from './support/sources.ts';
import { figuresOf } from './house/figures.ts';
import { typeNamesTwice } from './house/names.ts';
import { againstDirection, LAYERS, upwardRows } from './house/direction.ts';

const SRC = sourcesUnder('src');
const TESTS = sourcesUnder('test');
const ALL = [...SRC, ...TESTS];

/** What is started, and imported by nobody. */
const PROGRAMS = new Set([
  'src/main.ts',
  'src/packaging/build.ts',
  'src/packaging/deb.ts',
  'src/packaging/shrinkwrap.ts',
]);

const FILE_MAX = 400;
const FUNCTION_MAX = 60;
const HEAD_MAX = 14;

/** Package → the one file or folder that knows it. */
const PACKAGES: Readonly<Record<string, readonly string[]>> = {
  'better-sqlite3': ['src/spool/'],
  bottleneck: ['src/limiter/pacer.ts'],
  'cli-progress': ['src/terminal/progress.ts'],
  'cli-table3': ['src/terminal/table.ts'],
  commander: ['src/cli/'],
  'csv-parse': ['src/cli/insert/csv-file.ts'],
  'fastest-levenshtein': ['src/config/nearest-name.ts'],
  fastify: ['src/admin/admin-listener.ts', 'src/receipts/'],
  'p-queue': ['src/limiter/slots.ts'],
  'parse-duration': ['src/config/duration-values.ts'],
  pino: ['src/log/status-log.ts'],
  'smol-toml': ['src/config/find.ts'],
  'string-width': ['src/terminal/terminal-width.ts'],
  tinyqueue: ['src/dispatch/schedule/lazy-heap.ts'],
  undici: ['src/gateway/', 'src/sandbox/'],
};

/** What a rule finds, by file: nothing, or a list that names each place. */
function findAll(
  sources: readonly Source[],
  rule: (source: Source) => readonly string[],
): readonly string[] {
  return sources.flatMap(rule);
}

describe('the house', () => {
  /* Circles, direction, names, words of the old vocabulary, prose: `npm run house` prints them all. */
  it.each(figuresOf(ROOT))('$title stay within $bar', ({ bar, places }) => {
    expect(places.length > bar ? places : []).toEqual([]);
  });

  it('one exported name stands for one type', () => {
    expect(typeNamesTwice(SRC, 'exported')).toEqual([]);
  });
});

describe('imports', () => {
  it('point inward, as the table of layers says', () => {
    const files = SRC.map((source) => ({ path: source.path, imports: importsOf(source) }));
    expect(againstDirection(files)).toEqual([]);
  });

  it('imports have a table of layers that points downward and names only what is there', () => {
    expect(upwardRows()).toEqual([]);
    const places = LAYERS.flatMap((layer) => layer.places).filter((place) => place !== '*.ts');
    const missing = places.filter(
      (place) => !SRC.some(({ path }) => path.startsWith(`src/${place}`)),
    );
    expect(missing).toEqual([]);
  });

  it('leave core without packages, files, clocks and chance', () => {
    const core = SRC.filter(({ path }) => path.startsWith('src/core/'));
    const wrong = findAll(core, (source) => [
      ...importsOf(source).flatMap(({ isOurs, written }) =>
        isOurs ? [] : [`${source.path}: ${written}`],
      ),
      ...[
        ...source.text.matchAll(
          /\b(Date\.now|new Date\(\)|Math\.random|performance|process|console)\b/g,
        ),
      ].map(([word]) => `${source.path}: ${word}`),
    ]);
    expect(wrong).toEqual([]);
  });

  it('let each third-party package be known in one place, and every dependency in some', () => {
    const wrong = findAll(SRC, (source) =>
      importsOf(source)
        .filter(({ isOurs, target }) => !isOurs && !target.startsWith('node:'))
        .filter(
          ({ target }) => PACKAGES[target]?.some((place) => source.path.startsWith(place)) !== true,
        )
        .map(({ target }) => `${source.path} imports ${target}`),
    );
    expect(wrong).toEqual([]);
    const imported = new Set(
      SRC.flatMap((source) => importsOf(source).map(({ target }) => target)),
    );
    const { dependencies } = JSON.parse(textOf('package.json')) as { dependencies: object };
    expect(Object.keys(dependencies).toSorted()).toEqual(Object.keys(PACKAGES).toSorted());
    expect(Object.keys(dependencies).filter((name) => !imported.has(name))).toEqual([]);
  });

  it('keep the sandbox out of the daemon', () => {
    const wrong = findAll(SRC, (source) =>
      /^src\/(sandbox|demo)\/|^src\/cli\/run\/sandbox\.ts$/.test(source.path)
        ? []
        : importsOf(source)
            .filter(({ target }) => target.startsWith('src/sandbox/'))
            .map(({ target }) => `${source.path} imports ${target}`),
    );
    expect(wrong).toEqual([]);
  });

  it('let one file write to the terminal, so that nothing is printed without being escaped', () => {
    /* main.ts runs before anything may be imported; packaging is no part of the program. */
    const wrong = SRC.filter(
      ({ path, text }) =>
        path !== 'src/terminal/print.ts' &&
        path !== 'src/main.ts' &&
        !path.startsWith('src/packaging/') &&
        /\bprocess\.std(?:out|err)\.write\(|\bconsole\.|\bwriteSync\([12],/.test(text),
    );
    expect(wrong.map(({ path }) => path)).toEqual([]);
  });

  it('leave all SQL to the spool', () => {
    /* The demonstration stands for an application, which writes its own. */
    const others = SRC.filter(({ path }) => !/^src\/(spool|demo)\//.test(path));
    const sql =
      /^\s*(?:SELECT|WITH|INSERT INTO|UPDATE \w+ SET|DELETE FROM|PRAGMA|BEGIN|COMMIT|CREATE|ALTER|DROP)\s/;
    const wrong = findAll(others, (source) =>
      [...nodesOf(source.tree)]
        .filter((node) => {
          if (ts.isPropertyAccessExpression(node)) {
            return ['prepare', 'pragma'].includes(node.name.text);
          }
          const isText = ts.isStringLiteralLike(node) || ts.isTemplateHead(node);
          return isText && sql.test(node.text);
        })
        .map((node) => placeOf(source, node)),
    );
    expect(wrong).toEqual([]);
  });

  it('name files of ours with their extension', () => {
    const wrong = findAll(ALL, (source) =>
      importsOf(source)
        .filter(({ isOurs, written }) => isOurs && !/\.(ts|js|json)$/.test(written))
        .map(({ written }) => `${source.path}: ${written}`),
    );
    expect(wrong).toEqual([]);
  });

  it('make nothing happen: only programs run', () => {
    const wrong = findAll(SRC, (source) => {
      if (PROGRAMS.has(source.path)) return [];
      return [...doneAtImport(source)].map((node) => placeOf(source, node));
    });
    expect(wrong).toEqual([]);
  });
});

/** Statements at the top that are no declarations, and calls into the system in declarations. */
function* doneAtImport(source: Source): Generator<ts.Node> {
  const system = namesFromSystem(source);
  for (const statement of source.tree.statements) {
    if (!isDeclaration(statement)) yield statement;
    if (!ts.isVariableStatement(statement)) continue;
    for (const node of outsideFunctions(statement)) {
      const isCall = ts.isCallExpression(node) && system.has(node.expression.getText());
      if (isCall || ts.isAwaitExpression(node)) yield node;
    }
  }
}

function isDeclaration(node: ts.Statement): boolean {
  return (
    ts.isImportDeclaration(node) ||
    ts.isExportDeclaration(node) ||
    ts.isInterfaceDeclaration(node) ||
    ts.isTypeAliasDeclaration(node) ||
    ts.isFunctionDeclaration(node) ||
    ts.isClassDeclaration(node) ||
    ts.isVariableStatement(node)
  );
}

/** Names imported from the parts of Node that reach outside the process. */
function namesFromSystem({ tree }: Source): ReadonlySet<string> {
  const names = new Set<string>();
  for (const statement of tree.statements) {
    if (!ts.isImportDeclaration(statement) || !ts.isStringLiteral(statement.moduleSpecifier))
      continue;
    if (!/^node:(fs|child_process|net|http|dns)/.test(statement.moduleSpecifier.text)) continue;
    const bindings = statement.importClause?.namedBindings;
    if (bindings === undefined || !ts.isNamedImports(bindings)) continue;
    for (const { name } of bindings.elements) names.add(name.text);
  }
  return names;
}

function* outsideFunctions(node: ts.Node): Generator<ts.Node> {
  if (ts.isFunctionLike(node) || ts.isClassLike(node)) return;
  yield node;
  for (const child of childrenOf(node)) yield* outsideFunctions(child);
}

describe('sizes', () => {
  it(`keep a file of src/ within ${FILE_MAX} lines`, () => {
    const long = SRC.map(({ path, text }) => ({ path, lines: text.trimEnd().split('\n').length }))
      .filter(({ lines }) => lines > FILE_MAX)
      .map(({ path, lines }) => `${path}: ${lines} lines`);
    expect(long).toEqual([]);
  });

  it(`keep a function of src/ within ${FUNCTION_MAX} lines`, () => {
    const long = findAll(SRC, (source) =>
      [...nodesOf(source.tree)]
        .filter((node) => ts.isFunctionLike(node) && 'body' in node)
        .filter((node) => linesOf(source, node) > FUNCTION_MAX)
        .map((node) => `${placeOf(source, node)}: ${linesOf(source, node)} lines`),
    );
    expect(long).toEqual([]);
  });
});

function linesOf({ tree }: Source, node: ts.Node): number {
  const line = (position: number): number => tree.getLineAndCharacterOfPosition(position).line;
  return line(node.getEnd()) - line(node.getStart()) + 1;
}

const NEVER: Readonly<Record<string, (node: ts.Node) => boolean>> = {
  any: (node) => node.kind === ts.SyntaxKind.AnyKeyword,
  'non-null !': (node) => ts.isNonNullExpression(node),
  enum: (node) => ts.isEnumDeclaration(node),
  namespace: (node) => ts.isModuleDeclaration(node),
  'default export': (node) =>
    ts.isExportAssignment(node) || node.kind === ts.SyntaxKind.DefaultKeyword,
};

describe('src/', () => {
  it.each(Object.entries(NEVER))('src/ never writes %s', (_name, isIt) => {
    const found = findAll(SRC, (source) =>
      [...nodesOf(source.tree)]
        .filter((node) => isIt(node) && !ts.isDefaultClause(node.parent))
        .map((node) => placeOf(source, node)),
    );
    expect(found).toEqual([]);
  });

  it('src/ says at the head of each file what it owns, in a few lines', () => {
    const wrong = SRC.flatMap(({ path, text }) => {
      const [head = null] = /^\/\*\*[\s\S]*?\*\//.exec(text.replace(/^#!.*\n/, '')) ?? [];
      if (head === null) return [`${path}: no head comment`];
      const lines = head.split('\n').length;
      return lines > HEAD_MAX ? [`${path}: ${lines} lines of head comment`] : [];
    });
    expect(wrong).toEqual([]);
  });
});

describe('the repository', () => {
  it('titles of tests can be read alone: they have a subject', () => {
    const fragment =
      /^(?:is|are|was|were|has|have|had|does|do|did|can|cannot|may|must|will|would|and|or|of|that|which|whose|who)\b/;
    const wrong = TESTS.flatMap(({ path, tree }) =>
      [...nodesOf(tree)]
        .filter((node) => ts.isCallExpression(node))
        .filter((call) => /^(?:it|test)\b/.test(call.expression.getText(tree)))
        .flatMap(({ arguments: [title] }) =>
          title !== undefined && ts.isStringLiteralLike(title) && fragment.test(title.text)
            ? [`${path}: ${title.text}`]
            : [],
        ),
    );
    expect(wrong).toEqual([]);
  });

  it('the repository leaves nothing for later and skips no test without a condition', () => {
    const later = new RegExp(`\\b(${['TO' + 'DO', 'FIX' + 'ME', 'X'.repeat(3)].join('|')})\\b`);
    const focused = /\b(?:it|test|describe)(?:\.\w+)*\.(?:only|skip|todo)\b/;
    const found = ALL.flatMap(({ path, text }) =>
      text
        .split('\n')
        .flatMap((line, index) =>
          later.test(line) || focused.test(line) ? [`${path}:${index + 1}`] : [],
        ),
    );
    expect(found).toEqual([]);
  });

  it('the repository holds no path of one machine', () => {
    const homes = new RegExp(`(?<![\\w.])/(${['home', 'root', 'Users', 'work'].join('|')})/\\w`);
    const documents = ['README.md', 'ARCHITECTURE.md', 'CHANGELOG.md', 'package.json', '.ci/run'];
    const folders = ['config', 'src/packaging', 'systemd'];
    const others = [...documents, ...folders.flatMap((folder) => filesUnder(folder))];
    const found = [...ALL.map(({ path }) => path), ...others].filter((path) => {
      const text = textOf(path);
      return homes.test(text) || text.includes(ROOT);
    });
    expect(found).toEqual([]);
  });

  it('the repository names files and folders in kebab-case, and folders by responsibility', () => {
    const names = ALL.flatMap(({ path }) => path.split('/'));
    expect(names.filter((name) => !/^[a-z0-9]+(-[a-z0-9]+)*(\.test)?(\.ts)?$/.test(name))).toEqual(
      [],
    );
    const kinds = /\/(types|utils?|helpers?|services?|interfaces?|common|misc|lib)(\/|\.ts$)/;
    expect(ALL.filter(({ path }) => kinds.test(path)).map(({ path }) => path)).toEqual([]);
  });
});
