/** The documents say what the code does: their tables are held against it. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import { makeProgram } from '../src/cli.ts';
import { KEY_NAMES } from '../src/config/keys.ts';
import { explainCode, explainCodes, explainHttp } from '../src/core/explain.ts';
import { ACTIVE } from '../src/core/gate.ts';
import { NEXT, STATES } from '../src/core/message.ts';
import { gateMoved, limitLearned, messageDoubled, throttled } from '../src/events.ts';
import { APPLICATION_COLUMNS } from '../src/spool/drop.ts';
import { sectionOf, tableIn, tickedIn } from './support/markdown.ts';
import { filesUnder, nodesOf, ROOT, sourcesUnder, textOf } from './support/sources.ts';

const README = textOf('README.md');
const ARCHITECTURE = textOf('ARCHITECTURE.md');
const CHANGELOG = textOf('CHANGELOG.md');
const SRC = sourcesUnder('src');

/** The words in backticks in the first cells of a table. */
function firstColumn(section: string, head: string): readonly string[] {
  return tableIn(section, head).flatMap(([first = '']) => tickedIn(first));
}

interface Package {
  readonly scripts: Readonly<Record<string, string>>;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
}
const PACKAGE = JSON.parse(textOf('package.json')) as Package;

describe('README', () => {
  it('lists the columns an application may set, in the order of the schema', () => {
    expect(firstColumn(sectionOf(README, '## Insert messages'), 'column')).toEqual(
      APPLICATION_COLUMNS,
    );
  });

  it('lists every command with its arguments, in the order of the help', async () => {
    const program = await makeProgram();
    const inHelp = program.createHelp().visibleCommands(program);
    const terms = inHelp.map((command) => program.configureHelp().subcommandTerm?.(command));
    expect(firstColumn(sectionOf(README, '## Commands'), 'command')).toEqual(terms);
  });

  it('lists every key of the configuration', () => {
    const rows = tableIn(sectionOf(README, '## Configuration'), 'table');
    const words = new Set(rows.flatMap((row) => row.flatMap((cell) => tickedIn(cell))));
    const keys = KEY_NAMES.filter((key) => key.includes('.')).map(
      (key) => key.split('.').at(-1) ?? '',
    );
    const ofTables = ['senders', 'groups'];
    expect(keys.filter((key) => !words.has(key) && !ofTables.includes(key))).toEqual([]);
    const known = new Set([...keys, 'masked', 'full', '29 = "retry"']);
    const tables = KEY_NAMES.filter((key) => !key.includes('.'));
    const isTable = (word: string) =>
      tables.some((table) => word.replace('[[', '[').startsWith(`[${table}`));
    expect([...words].filter((word) => !known.has(word) && !isTable(word))).toEqual([]);
  });

  it('lists every state, in order', () => {
    expect(firstColumn(sectionOf(README, '## States'), 'state')).toEqual(STATES);
  });

  it('lists every event of the status log', () => {
    const listed = firstColumn(sectionOf(README, '## Status log'), 'event');
    expect(listed.toSorted()).toEqual(eventsOfTheCode().toSorted());
  });

  it('lists every field of a line', () => {
    const listed = firstColumn(sectionOf(README, '## Status log'), 'field');
    expect(listed.toSorted()).toEqual(['level', 'time', ...fieldsOfALine()].toSorted());
  });

  it('says of each code what the classifier does', () => {
    const none = new Map<number, never>();
    const byCode = [...explainCodes(none), { ...explainCode(999, none), code: 'any other' }];
    const byHttp = explainHttp().map((row) => ({ ...row, code: `HTTP ${row.label}` }));
    const truth = new Map(
      [...byCode, ...byHttp].map((row) => [String(row.code), [row.route, row.scope, row.follows]]),
    );
    const rows = tableIn(sectionOf(README, '## Codes'), 'answer');
    const said = rows.flatMap(([codes = '', ...rest]) =>
      codes.split(', ').map((code): [string, readonly string[]] => [code, rest]),
    );
    expect(Object.fromEntries(said)).toEqual(Object.fromEntries(truth));
    expect(said.length).toBe(truth.size);
  });

  it('I11: tells a newcomer what no second source needs to tell', () => {
    const told = {
      'how to read a state': /v_messages/,
      'the columns of events': /\| `seq`/,
      upgrade: /upgrade/i,
      'reverse proxy': /reverse proxy/i,
      journalctl: /journalctl/,
      'the dashboard': /dashboard/i,
      'Node for npm i -g': /Node 22\.19/,
      'a new group needs a new PHP process': /php\S*-fpm/,
      'form of the notify secret': /whsec_/,
    };
    expect(
      Object.keys(told).filter((what) => !told[what as keyof typeof told].test(README)),
    ).toEqual([]);
    expect(README).not.toMatch(/ · /);
  });

  it('shows npm scripts that exist', () => {
    const scripts = [...README.matchAll(/npm run ([\w:-]+)/g)].map((match) => match[1] ?? '');
    expect(scripts.length).toBeGreaterThan(0);
    expect(scripts.filter((name) => !(name in PACKAGE.scripts))).toEqual([]);
  });
});

/** The state that has no event: `attempts` tells of it. */
const WITHOUT_EVENT: readonly string[] = ['sending'];

const WHEN = { createdAt: 0, sendAt: null, nextAttemptAt: null };
const NOBODY = { id: 1, account: null, sender: null, recipient: '', reference: null, ...WHEN };

function eventsOfTheCode(): readonly string[] {
  const lanes = [null, 'AcmeInc'].flatMap((sender) => [
    throttled('main', sender, { at: 0, waitMs: 0, reason: 'throttled' }),
    ...(['suspended', 'resumed', 'paused'] as const).map((event) =>
      gateMoved('main', { sender, gate: ACTIVE, event, reason: null, detail: null }, 0),
    ),
  ]);
  const limit = limitLearned('main', { at: 0, configured: null, limit: 30 });
  const moved = STATES.filter((state) => !WITHOUT_EVENT.includes(state));
  return [
    ...new Set([
      ...moved.map((state) => `message.${state}`),
      messageDoubled(NOBODY, { state: 'delivered', at: 0 }).row.event,
      ...[...lanes, limit].map(({ row }) => row.event),
      ...eventsSaid(),
    ]),
  ];
}

/** The second argument of each `log.say(level, event)`. */
function eventsSaid(): readonly string[] {
  return SRC.flatMap(({ tree }) => [...nodesOf(tree)]).flatMap((node) => {
    if (!ts.isCallExpression(node) || !ts.isPropertyAccessExpression(node.expression)) return [];
    const event = node.arguments[1];
    const isSaid = node.expression.name.text === 'say' && event !== undefined;
    return isSaid && ts.isStringLiteral(event) ? [event.text] : [];
  });
}

/** The properties of what `StatusLog.#line` hands to pino. */
function fieldsOfALine(): readonly string[] {
  const source = SRC.find(({ path }) => path === 'src/status-log.ts');
  const line = [...nodesOf(source!.tree)].find(
    (node) => ts.isMethodDeclaration(node) && node.name.getText() === '#line',
  );
  const written = [...nodesOf(line!)].find((node) => ts.isObjectLiteralExpression(node));
  return written!.properties.map((property) => property.name?.getText() ?? '');
}

describe('ARCHITECTURE', () => {
  it('has the table of states that the code has', () => {
    const rows = tableIn(sectionOf(ARCHITECTURE, '## The states'), 'state');
    const table = rows.map(([state = '', next = '']) => [
      tickedIn(state)[0],
      next === '–' ? [] : next.split(', '),
    ]);
    expect(table).toEqual(STATES.map((state) => [state, NEXT[state]]));
  });

  it('has every folder and file at the top of src/ in its map, and nothing else', () => {
    const listed = firstColumn(sectionOf(ARCHITECTURE, '## Code map'), 'place');
    const there = new Set(
      filesUnder('src').map((path) => path.replace(/^src\/([^/]+\/?).*$/, '$1')),
    );
    expect(listed.toSorted()).toEqual([...there, 'gateway/sandbox/'].toSorted());
  });

  it('says of every dependency why it is there', () => {
    const rows = tableIn(sectionOf(ARCHITECTURE, '## Dependencies'), 'package');
    const isDev = (cell: string) => cell.endsWith(' (dev)');
    const namesIn = (cells: readonly string[]) =>
      cells.flatMap((cell) => cell.replace(' (dev)', '').split(', '));
    const cells = rows.map(([cell = '']) => cell);
    expect(namesIn(cells.filter((cell) => !isDev(cell))).toSorted()).toEqual(
      Object.keys(PACKAGE.dependencies).toSorted(),
    );
    const dev = Object.keys(PACKAGE.devDependencies).filter((name) => !name.startsWith('@types/'));
    expect(namesIn(cells.filter(isDev)).toSorted()).toEqual(dev.toSorted());
  });
});

describe('the documents', () => {
  it('name files and folders that are there', () => {
    const documents = { README, ARCHITECTURE, CHANGELOG };
    const gone = Object.entries(documents).flatMap(([name, text]) =>
      [
        ...tickedIn(text),
        ...[...text.matchAll(/\]\((?!https:)([^)#]+)\)/g)].map((match) => match[1] ?? ''),
      ]
        .filter(
          (word) => /^(src|test|config|\.ci)\/[\w./-]*$/.test(word) || /^[A-Z]+\.md$/.test(word),
        )
        .filter((word) => !existsSync(join(ROOT, word)))
        .map((word) => `${name}: ${word}`),
    );
    expect(gone).toEqual([]);
  });

  it('name the version that is being made', () => {
    const { version } = JSON.parse(textOf('package.json')) as { version: string };
    expect(CHANGELOG).toContain('## [Unreleased]');
    expect(CHANGELOG).toContain(version);
  });
});
