/** The documents say what the code does: their tables are held against it. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { describe, expect, it } from 'vitest';
import { makeProgram } from '../src/cli/program.ts';
import { KEY_NAMES } from '../src/config/keys.ts';
import {
  explainCode,
  explainCodes,
  explainHttp,
  explainReceiptCodes,
} from '../src/core/answer/explain.ts';
import { IGNORED_REASONS, RECEIPT_STATUSES } from '../src/core/receipt/receipt.ts';
import { LEVELS } from '../src/core/events/log-events.ts';
import { NEXT, STATES } from '../src/core/message/message.ts';
import { REASONS } from '../src/core/codes/reasons.ts';
import { EXIT } from '../src/terminal/exit-codes.ts';
import { CONSTRAINTS } from '../src/spool/schema/constraints.ts';
import { VERBS } from '../src/spool/write/control.ts';
import { APPLICATION_COLUMNS } from '../src/spool/write/insert.ts';
import { bringUp } from '../src/spool/schema/migrations.ts';
import { setup } from './support/daemon.ts';
import { fieldsOfALine, variablesRead } from './support/documented.ts';
import { sectionOf, tableIn, tablesIn, tickedIn } from './support/markdown.ts';
import { filesUnder, ROOT, textOf } from './support/sources.ts';

const README = textOf('README.md');
const ARCHITECTURE = textOf('ARCHITECTURE.md');
const CHANGELOG = textOf('CHANGELOG.md');
const CONTRACT = textOf('CONTRACT.md');

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
  it('README lists the columns an application may set, in the order of the schema', () => {
    expect(firstColumn(sectionOf(README, '## Insert messages'), 'column')).toEqual(
      APPLICATION_COLUMNS,
    );
  });

  it('README lists every command with its arguments, in the order of the help', async () => {
    const program = await makeProgram();
    const inHelp = program.createHelp().visibleCommands(program);
    const terms = inHelp.map((command) => program.configureHelp().subcommandTerm?.(command));
    expect(firstColumn(sectionOf(README, '## Commands'), 'command')).toEqual(terms);
  });

  it('README lists every key of the configuration', () => {
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

  it('README lists every state, in order', () => {
    expect(firstColumn(sectionOf(README, '## States'), 'state')).toEqual(STATES);
  });

  it('README tells a newcomer what no second source needs to tell', () => {
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

  it('README shows npm scripts that exist', () => {
    const scripts = [...README.matchAll(/npm run ([\w:-]+)/g)].map((match) => match[1] ?? '');
    expect(scripts.length).toBeGreaterThan(0);
    expect(scripts.filter((name) => !(name in PACKAGE.scripts))).toEqual([]);
  });
});

describe('CONTRACT', () => {
  it('CONTRACT lists the columns that an application may set, in the order of the schema', () => {
    expect(firstColumn(sectionOf(CONTRACT, chapter(3)), 'column')).toEqual(APPLICATION_COLUMNS);
  });

  it('CONTRACT lists every refusal of the spool', () => {
    const rows = [3, 9].flatMap((number) =>
      tablesIn(sectionOf(CONTRACT, chapter(number)))
        .filter(({ heads: [head = ''] }) => head.startsWith('refusal'))
        .flatMap((table) => table.rows),
    );
    const named = rows.flatMap(([name = '']) => tickedIn(name));
    const forms = named.filter((name) => name.startsWith('COLUMN')).map((name) => name.slice(6));
    expect(forms.length).toBe(2);
    const names = Object.keys(CONSTRAINTS).filter(
      (name) =>
        name !== 'state_is_known' &&
        (name.startsWith('internal_columns') || !forms.some((form) => name.endsWith(form))),
    );
    expect(named.filter((name) => !name.startsWith('COLUMN')).toSorted()).toEqual(names.toSorted());
  });

  it('CONTRACT lists every column of every table that everybody may read, with its type', () => {
    const db = new Sqlite(':memory:');
    bringUp(db, 0);
    const section = sectionOf(CONTRACT, chapter(15));
    const tables = [...section.matchAll(/^### (\w+)$/gm)].map(([, name = '']) => name);
    const all = db.prepare(`SELECT name FROM sqlite_master WHERE type = 'table'`).pluck().all();
    const internal = tickedIn(/Internal tables: .*/.exec(section)?.[0] ?? '');
    expect([...tables, ...internal, 'sqlite_sequence'].toSorted()).toEqual(
      [...all, 'recent'].toSorted(),
    );
    for (const name of tables) {
      const told = sectionOf(section, `### ${name}`);
      const documented = tableIn(told, 'column').map(([column = '', type = '']) => [
        tickedIn(column)[0],
        type,
      ]);
      const hidden = tickedIn(/Internal: [^.]*\./s.exec(told)?.[0] ?? '');
      const ofApplications = name === 'messages' ? APPLICATION_COLUMNS : [];
      const columns = db.prepare<[], { name: string; type: string }>(
        `SELECT name, type FROM pragma_table_info('${name}')`,
      );
      const rest = columns
        .all()
        .filter((one) => !hidden.includes(one.name) && !ofApplications.includes(one.name as never));
      expect(documented.toSorted(), name).toEqual(
        rest.map((one) => [one.name, one.type]).toSorted(),
      );
    }
    const view = db.prepare(`SELECT name FROM pragma_table_info('v_messages')`).pluck().all();
    const own = sectionOf(section, '### messages');
    expect(view.toSorted()).toEqual(
      [...APPLICATION_COLUMNS, ...firstColumn(own, 'column')].toSorted(),
    );
    db.close();
  });

  it('CONTRACT has the table of states that the code has', () => {
    const rows = tableIn(sectionOf(CONTRACT, chapter(14)), 'state').map(
      ([state = '', next = '']) => [tickedIn(state)[0], next === '–' ? [] : next.split(', ')],
    );
    expect(rows).toEqual(STATES.map((state) => [state, NEXT[state]]));
  });

  it('CONTRACT says of each answer of the gateway what the classifier does', () => {
    const none = new Map<number, never>();
    const codes = [...explainCodes(none), { ...explainCode(999, none), code: 'any other' }];
    const truth = [
      ...codes.map((row) => [String(row.code), row.route, row.scope, row.follows]),
      ...explainHttp().map((row) => [`HTTP ${row.label}`, row.route, row.scope, row.follows]),
    ];
    const section = sectionOf(CONTRACT, chapter(5));
    const [ofMessages = [], ofLanes = []] = tablesIn(section)
      .filter(({ heads: [head] }) => head === 'rule')
      .map((table) => table.rows);
    const lanes = new Map(ofLanes.map(([rule, follows]) => [rule, follows]));
    const said = tableIn(section, 'answer').map(([answer, , rule]) => {
      const [, route, scope, follows = ''] = ofMessages.find(([name]) => name === rule) ?? [];
      const parts = [follows, lanes.get(rule)].filter((part) => part !== undefined);
      return [answer, route, scope, `${parts.join('; ')}.`];
    });
    expect(said).toEqual(truth);
    const names = tableIn(section, 'answer').map(([answer, name = '']) => [
      answer,
      ...tickedIn(name),
    ]);
    const known = explainCodes(none).map(({ code, name }) => [String(code), name]);
    expect(names.slice(0, known.length)).toEqual(known);
  });

  it('CONTRACT lists every status and every code of a receipt, and why receipts are ignored', () => {
    const section = sectionOf(CONTRACT, chapter(6));
    expect(firstColumn(section, 'status').toSorted()).toEqual(RECEIPT_STATUSES.toSorted());
    expect(tableIn(section, 'code').map(([code, name = '']) => [code, ...tickedIn(name)])).toEqual(
      explainReceiptCodes().map(({ code, name }) => [String(code), name]),
    );
    expect(firstColumn(section, 'reason')).toEqual(IGNORED_REASONS);
  });

  it('CONTRACT lists every reason of a message', () => {
    const ofCodes = [...explainCodes(new Map()), ...explainReceiptCodes()].map(({ name }) => name);
    const own = firstColumn(sectionOf(CONTRACT, chapter(16)), 'reason');
    expect([...new Set([...own, ...ofCodes])].toSorted()).toEqual(REASONS.toSorted());
    const states = tableIn(sectionOf(CONTRACT, chapter(16)), 'reason').flatMap(([, cell = '']) =>
      tickedIn(cell),
    );
    expect(states.filter((state) => !(STATES as readonly string[]).includes(state))).toEqual([]);
  });

  it('CONTRACT lists every verb of a control row', () => {
    expect(firstColumn(sectionOf(CONTRACT, chapter(9)), 'verb')).toEqual(VERBS);
  });

  it('CONTRACT lists every exit code', () => {
    const rows = tableIn(sectionOf(CONTRACT, chapter(18)), 'code').map(([code, name = '']) => [
      ...tickedIn(name),
      Number(code),
    ]);
    expect(Object.fromEntries(rows)).toEqual(EXIT);
  });

  it('CONTRACT lists every environment variable that is read by its name', () => {
    const listed = firstColumn(sectionOf(CONTRACT, chapter(17)), 'variable');
    expect(listed.toSorted()).toEqual(variablesRead());
  });

  it('CONTRACT lists every event of the status log with its levels', () => {
    const rows = tableIn(sectionOf(CONTRACT, chapter(20)), 'event').map(
      ([event = '', level = '']) => [tickedIn(event)[0], level.split(', ').toSorted()],
    );
    const truth = Object.entries(LEVELS).map(([event, levels]) => [event, levels.toSorted()]);
    expect(rows.toSorted()).toEqual(truth.toSorted());
  });

  it('CONTRACT lists every field of a line', () => {
    const listed = firstColumn(sectionOf(CONTRACT, chapter(20)), 'field');
    expect(listed.toSorted()).toEqual(['level', 'time', ...fieldsOfALine()].toSorted());
  });

  it('CONTRACT lists every metric with its labels, and every key of the status document', async () => {
    const limited = { senders: new Map([['12015550123', { rate: 1 }]]) };
    const daemon = await setup({ account: limited });
    await daemon.untilState(daemon.drop({ sender: '12015550123' }), 'await-receipt');
    const get = async (path: string) => (await fetch(`${daemon.adminUrl()}${path}`)).text();
    const section = sectionOf(CONTRACT, chapter(19));
    const told = tableIn(section, 'metric').map(([name = '', labels = '']) => [
      tickedIn(name)[0] ?? '',
      tickedIn(labels).toSorted(),
    ]);
    expect(told.toSorted()).toEqual(metricsIn(await get('/metrics')).toSorted());
    const status = JSON.parse(await get('/status')) as object;
    expect(firstColumn(section, 'key of `/status`')).toEqual(Object.keys(status));
  });

  it('CONTRACT is cited by numbers of sections that are there', () => {
    const numbers = new Set([...CONTRACT.matchAll(/^## (\d+)\. /gm)].map(([, number]) => number));
    const files = [...filesUnder('src'), ...filesUnder('test')].filter((path) =>
      path.endsWith('.ts'),
    );
    const cited = [...files, 'README.md', 'ARCHITECTURE.md', 'src/gateway/README.md'].flatMap(
      (path) =>
        [...textOf(path).matchAll(/CONTRACT\.md §(\d+)/g)].map(([, number]) => ({ path, number })),
    );
    expect(cited.length).toBeGreaterThan(0);
    expect(cited.filter(({ number }) => !numbers.has(number))).toEqual([]);
    const own = [...CONTRACT.matchAll(/§(\d+)/g)].map(([, number]) => number);
    expect(own.filter((number) => !numbers.has(number))).toEqual([]);
  });
});

/** The heading of a section of CONTRACT.md. */
function chapter(number: number): string {
  return new RegExp(`^## ${number}\\. .*$`, 'm').exec(CONTRACT)?.[0] ?? '';
}

/** Each metric of a scrape with the labels of its samples. */
function metricsIn(text: string): readonly (readonly [string, readonly string[]])[] {
  const names = [...text.matchAll(/^# HELP (\w+)/gm)].map(([, name = '']) => name);
  return names.map((name) => {
    const samples = text.matchAll(new RegExp(`^${name}(?:_bucket)?\\{([^}]*)\\}`, 'gm'));
    const labels = [...samples].flatMap(([, inside = '']) =>
      [...inside.matchAll(/(\w+)="/g)].map(([, label = '']) => label),
    );
    return [name, [...new Set(labels)].toSorted()] as const;
  });
}

describe('ARCHITECTURE', () => {
  it('ARCHITECTURE has every folder with files, and every file at the top of src/, in its map, and nothing else', () => {
    const listed = firstColumn(sectionOf(ARCHITECTURE, '## Code map'), 'place');
    const there = filesUnder('src').map((path) => path.replace(/^src\//, ''));
    const places = there.map((path) => path.replace(/[^/]+$/, '') || path);
    expect(listed.toSorted()).toEqual([...new Set(places)].toSorted());
  });

  it('ARCHITECTURE names source files that are there', () => {
    const names = new Set(filesUnder('src').map((path) => path.replace(/^.*\//, '')));
    const named = [...ARCHITECTURE.matchAll(/`([\w-]+\.ts)`/g)].map(([, name = '']) => name);
    expect(named.length).toBeGreaterThan(0);
    expect(named.filter((name) => !names.has(name))).toEqual([]);
  });

  it('ARCHITECTURE explains at most 20 words', () => {
    const words = tableIn(sectionOf(ARCHITECTURE, '## Glossary'), 'word');
    expect(words.length).toBeGreaterThan(0);
    expect(words.length).toBeLessThanOrEqual(20);
  });

  it('ARCHITECTURE says of every dependency why it is there', () => {
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
    const documents = { README, ARCHITECTURE, CHANGELOG, CONTRACT };
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
