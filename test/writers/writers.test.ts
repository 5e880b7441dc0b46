/**
 * Libraries that people insert messages with. Each writes from a program of its own, before the daemon starts and
 * again after the daemon has sent the rows.
 */
import { spawn, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { expect, it, onTestFinished } from 'vitest';
import { setup } from '../support/daemon.ts';
import type { Given } from './programs/given.ts';

interface Writer {
  readonly name: string;
  readonly program: string;
  readonly command: string;
  /** What is not on this machine, for the title of the test that is then skipped. Null: nothing. */
  readonly missing: string | null;
}

const works = (command: string, ...args: readonly string[]): boolean =>
  spawnSync(command, args, { stdio: 'ignore' }).status === 0;

/** The first Python that has the module: Debian's is not always the one on the PATH. */
function python(name: string, module: string, debian: string): Writer {
  const has = `import importlib.util, sys; sys.exit(importlib.util.find_spec("${module}") is None)`;
  const command = ['python3', '/usr/bin/python3'].find((one) => works(one, '-c', has));
  return {
    name,
    program: `with-${module}.py`,
    command: command ?? 'python3',
    missing: command === undefined ? debian : null,
  };
}

function php(name: string, program: string, folder: string, debian: string): Writer {
  const has = `exit(extension_loaded("pdo_sqlite") && is_file("/usr/share/php/${folder}/autoload.php") ? 0 : 1);`;
  const isThere = works('php', '-r', has);
  return { name, program, command: 'php', missing: isThere ? null : debian };
}

const node = (name: string, program: string): Writer => ({
  ...{ name, program, command: process.execPath, missing: null },
});

const WRITERS: readonly Writer[] = [
  python('SQLAlchemy', 'sqlalchemy', 'python3-sqlalchemy'),
  python('Django', 'django', 'python3-django'),
  {
    name: 'ActiveRecord',
    program: 'with-activerecord.rb',
    command: 'ruby',
    missing: works('ruby', '-e', 'gem "activerecord"; gem "sqlite3"')
      ? null
      : 'ruby-activerecord and ruby-sqlite3',
  },
  php(
    'Eloquent',
    'with-eloquent.php',
    'Illuminate/Database',
    'php-illuminate-database and php-sqlite3',
  ),
  php('Doctrine DBAL', 'with-doctrine.php', 'Doctrine/DBAL', 'php-doctrine-dbal and php-sqlite3'),
  node('Sequelize', 'with-sequelize.ts'),
  node('Knex', 'with-knex.ts'),
  node('TypeORM', 'with-typeorm.ts'),
  node('Drizzle', 'with-drizzle.ts'),
];

const ROWS = {
  small: { recipient: '447700900001', text: 'a few columns' },
  whole: { recipient: '447700900002', text: 'every column' },
  bulk: [
    { recipient: '447700900003', text: 'with a reference', reference: 'order-9' },
    { recipient: '447700900004', text: 'urgent', priority: 9, campaign: 'spring' },
    { recipient: '447700900005', type: 'binary', body: '00ff' },
  ],
  keyed: { recipient: '447700900006', text: 'once', idempotency_key: 'login-77' },
} as const;

const DEFAULTS = {
  ...{ text: null, type: 'auto', body: null, priority: 4, campaign: null, reference: null },
  ...{ idempotency_key: null, state: 'queued', attempts: 0, is_dated: 1 },
};
const INSERTED = `SELECT recipient, text, type, body, priority, campaign, reference, idempotency_key, state, attempts,
  typeof(created_at) = 'real' AND abs(created_at - unixepoch()) < 600 AND updated_at >= created_at AS is_dated
  FROM messages ORDER BY recipient`;
const AFTER: Readonly<Record<number, object>> = {
  1: { reference: 'changed again', revision: expect.any(Number) as number },
  2: { reference: 'fresh', revision: expect.any(Number) as number },
};

interface Answers {
  /** Ids that the library gave for the first two rows. */
  readonly ids: () => Promise<unknown>;
  /** Lets the program save the rows again. Error texts of it; null where there was no error. */
  readonly saved: () => Promise<unknown>;
}

function start({ command, program }: Writer, given: Given): Answers {
  const path = join(import.meta.dirname, 'programs', program);
  const child = spawn(command, [path, JSON.stringify(given)], { timeout: 30_000 });
  onTestFinished(() => void child.kill());
  let complaint = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (complaint += text));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async (): Promise<unknown> => {
    const { done, value } = await lines.next();
    if (done === true) throw new Error(`${program} ended: ${complaint}`);
    return JSON.parse(value) as unknown;
  };
  return {
    ids: next,
    saved: () => {
      child.stdin.write('\n');
      return next();
    },
  };
}

for (const writer of WRITERS) {
  const { name, missing } = writer;
  const needs = missing === null ? '' : ` (needs ${missing})`;
  it.skipIf(missing !== null)(
    `${name} inserts few columns, all columns and unlike rows, and saves again what it read${needs}`,
    async () => {
      const bundle = await setup({ isStopped: true });
      const columns = bundle.all(`SELECT name, type FROM pragma_table_info('messages')`);
      const program = start(writer, {
        ...ROWS,
        path: bundle.path,
        columns: Object.fromEntries(
          columns.map((row) => [String(row['name']), String(row['type'])]),
        ),
      });
      expect(await program.ids()).toEqual({ small: 1, whole: 2 });
      expect(bundle.all(INSERTED)).toEqual([
        { ...DEFAULTS, ...ROWS.small, reference: 'changed' },
        { ...DEFAULTS, ...ROWS.whole, reference: 'changed' },
        ...ROWS.bulk.map((row) => ({ ...DEFAULTS, ...row })),
        { ...DEFAULTS, ...ROWS.keyed },
      ]);
      await bundle.start();
      await bundle.until(() => bundle.count('await-receipt') === 6);
      const before = bundle.all('SELECT * FROM messages');
      const saved = await program.saved();
      expect(saved).toEqual({
        small: null,
        stale: expect.stringContaining('state_is_changed_by_the_daemon_ask_in_control') as string,
        fresh: null,
      });
      expect(bundle.all('SELECT * FROM messages')).toEqual(
        before.map((row) => ({ ...row, ...AFTER[Number(row['id'])] })),
      );
    },
  );
}
