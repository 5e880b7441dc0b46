import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { setup } from '../support/daemon.ts';
import { Program, widestLine } from './program.ts';

let program: Program;
beforeEach(() => {
  program = new Program().init();
  /* After a daemon on its spool has ended, which an `afterEach` would not wait for. */
  onTestFinished(() => program[Symbol.dispose]());
});

const documents = (stdout: string): Record<string, unknown>[] =>
  stdout
    .trim()
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>);

const rows = (): readonly unknown[] => {
  const db = program.open();
  try {
    return db.prepare('SELECT * FROM suppressions ORDER BY recipient').all();
  } finally {
    db.close();
  }
};

describe('suppress', () => {
  it('suppress puts recipients on the list as digits, with the reason and the date', async () => {
    const args = ['suppress', '+447700900000', '447700900001', '--reason', 'asked by phone'];
    const { code, stdout } = await program.run(args);
    expect({ code, stdout }).toEqual({
      code: 0,
      stdout: '447700900000: suppressed\n447700900001: suppressed\n',
    });
    const since: unknown = expect.closeTo(Date.now() / 1000, -2);
    expect(rows()).toEqual([
      { recipient: '447700900000', reason: 'asked by phone', since },
      { recipient: '447700900001', reason: 'asked by phone', since },
    ]);
  });

  it('suppress says operator where no reason is given', async () => {
    await program.run(['suppress', '447700900000']);
    expect(program.value('SELECT reason FROM suppressions')).toBe('operator');
  });

  it('suppress leaves who is on the list already, and says since when and why', async () => {
    program.exec(`INSERT INTO suppressions VALUES ('447700900000', 'number-barred', 1795425300),
      ('+447700900001', NULL, 1795425300)`);
    const before = rows();
    const args = ['suppress', '447700900000', '447700900001', '--reason', 'again'];
    const { code, stdout } = await program.run(args);
    expect({ code, stdout }).toEqual({
      code: 0,
      stdout:
        '447700900000: already on the list since 2026-11-23 09:15:00 (number-barred)\n' +
        '447700900001: already on the list since 2026-11-23 09:15:00\n',
    });
    expect(rows()).toEqual(before);
  });

  it('suppress takes a recipient that is named twice once', async () => {
    const { stdout } = await program.run(['suppress', '447700900000', '+447700900000']);
    expect(stdout).toBe('447700900000: suppressed\n');
  });

  it('suppress prints JSON', async () => {
    program.exec(`INSERT INTO suppressions VALUES ('447700900000', 'number-barred', 1795425300)`);
    const { stdout } = await program.run(['suppress', '447700900000', '447700900001', '--json']);
    expect(documents(stdout)).toEqual([
      {
        recipient: '447700900000',
        reason: 'number-barred',
        since: '2026-11-23T09:15:00.000Z',
        added: false,
      },
      {
        recipient: '447700900001',
        reason: 'operator',
        since: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/) as unknown,
        added: true,
      },
    ]);
  });
});

describe('unsuppress', () => {
  it('unsuppress takes recipients off the list in either form, and says who was not on it', async () => {
    program.exec(`INSERT INTO suppressions VALUES ('447700900000', NULL, 1795425300),
      ('+447700900001', NULL, 1795425300), ('447700900002', NULL, 1795425300)`);
    const args = ['unsuppress', '+447700900000', '447700900001', '447700900009'];
    const { code, stdout } = await program.run(args);
    expect({ code, stdout }).toEqual({
      code: 0,
      stdout:
        '447700900000: no longer suppressed\n' +
        '447700900001: no longer suppressed\n' +
        '447700900009: was not on the list\n',
    });
    expect(rows()).toMatchObject([{ recipient: '447700900002' }]);
  });

  it('unsuppress prints JSON', async () => {
    program.exec(`INSERT INTO suppressions VALUES ('447700900000', NULL, 1795425300)`);
    const { stdout } = await program.run(['unsuppress', '447700900000', '447700900009', '--json']);
    expect(documents(stdout)).toEqual([
      { recipient: '447700900000', removed: true },
      { recipient: '447700900009', removed: false },
    ]);
  });
});

describe('a recipient that is none', () => {
  it.each([
    ['12', '"12"'],
    ['07700900000', '"07700900000"'],
    ['44 7700 900000', '"44 7700 900000"'],
    ['++447700900000', '"++447700900000"'],
    ['4477009000001234', '"4477009000001234"'],
    ['\u001b[2J447700900000', '"\\u001b[2J447700900000"'],
  ])('%j is named, and nothing is done with the others', async (wrong, named) => {
    for (const verb of ['suppress', 'unsuppress']) {
      const { code, stdout, stderr } = await program.run([verb, '447700900000', wrong]);
      expect({ code, stdout, stderr }).toEqual({
        code: 64,
        stdout: '',
        stderr:
          'sms-spoold: number: expected an international number with its country code: ' +
          `7 to 15 digits after + or 00 or neither, no spaces; found ${named}\n`,
      });
    }
    expect(rows()).toEqual([]);
  });

  it('a recipient that is none is counted where there are many', async () => {
    const { stderr } = await program.run(['suppress', '1', '2', '3', '4', '5']);
    expect(stderr).toMatch(/found "1", "2", "3" and 2 more\n$/);
  });

  it.each([[['suppress']], [['unsuppress']], [['suppress', '447700900000', '--reason', ' ']]])(
    'a recipient that is none leaves with 64 for %j',
    async (args) => {
      const { code, stderr } = await program.run(args);
      expect(code).toBe(64);
      expect(stderr).toMatch(/^sms-spoold: .*\n$/);
      expect(rows()).toEqual([]);
    },
  );
});

it('a spool that another program keeps locked is left as it is, with exit code 75', async () => {
  const db = program.open();
  db.exec('BEGIN IMMEDIATE');
  const [suppress, list] = await Promise.all([
    program.run(['suppress', '447700900000']),
    program.run(['suppressed']),
  ]);
  db.exec('ROLLBACK');
  db.close();
  expect(suppress.code).toBe(75);
  expect(list.code).toBe(0);
  expect(rows()).toEqual([]);
});

describe('suppressed', () => {
  const fill = (): void =>
    program.exec(`INSERT INTO suppressions VALUES
      ('447700900001', 'number-barred', 1795425300), ('+447700900002', NULL, 1795425400),
      ('447700900003', '${'a long reason '.repeat(9)}', 1795425200)`);

  it('suppressed shows the newest first within COLUMNS, without whole recipients', async () => {
    fill();
    const { code, stdout } = await program.run(['suppressed'], { env: { COLUMNS: '80' } });
    expect(code).toBe(0);
    expect(widestLine(stdout)).toBeLessThanOrEqual(80);
    expect(stdout.split('\n').map((line) => line.slice(0, 40).trimEnd())).toEqual([
      'RECIPIENT  SINCE                REASON',
      '4477…002   2026-11-23 09:16:40',
      '4477…001   2026-11-23 09:15:00  number-b',
      '4477…003   2026-11-23 09:13:20  a long r',
      '',
    ]);
  });

  it('suppressed shows whole recipients when asked to, and no more than asked', async () => {
    fill();
    const { stdout } = await program.run(['suppressed', '--full', '--limit', '2']);
    expect(stdout.match(/^\+?\d+(?= )/gm)).toEqual(['447700900002', '447700900001']);
  });

  it('suppressed prints one JSON document a line, recipients masked unless asked for', async () => {
    fill();
    const masked = documents((await program.run(['suppressed', '--json', '--limit', '2'])).stdout);
    expect(masked).toEqual([
      { recipient: '4477…002', reason: null, since: '2026-11-23T09:16:40.000Z' },
      { recipient: '4477…001', reason: 'number-barred', since: '2026-11-23T09:15:00.000Z' },
    ]);
    const full = documents((await program.run(['suppressed', '--json', '--full'])).stdout);
    expect(full.map(({ recipient }) => recipient)).toEqual([
      '447700900002',
      '447700900001',
      '447700900003',
    ]);
  });

  it('suppressed goes on over many pages', async () => {
    program.exec(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60000)
      INSERT INTO suppressions SELECT 447700900000 + i, 'operator', 1795425300 + i % 7 FROM n`);
    const { stdout } = await program.run(['suppressed', '--json', '--full', '--limit', '59999']);
    const found = documents(stdout).map(({ recipient }) => recipient);
    expect(found).toHaveLength(59_999);
    expect(new Set(found).size).toBe(59_999);
  });

  it('suppressed shows control characters as text, and no text as a date', async () => {
    program.exec(
      `INSERT INTO suppressions VALUES ('4477' || char(27) || '[2J', char(27) || 'x', char(7) || 'soon')`,
    );
    const { code, stdout } = await program.run(['suppressed', '--full']);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^4477\\u\{1B\}\[2J +\? +\\u\{1B\}x$/m);
  });

  it('suppressed says that nobody is on the list', async () => {
    expect((await program.run(['suppressed'])).stdout).toBe('No recipient is suppressed.\n');
    expect((await program.run(['suppressed', '--json'])).stdout).toBe('');
  });

  it.each([[['--limit', '0']], [['--limit', 'all']], [['--limit', '10001']]])(
    'suppressed leaves with 64 for %j',
    async (args) => {
      expect((await program.run(['suppressed', ...args])).code).toBe(64);
    },
  );
});

it('a running daemon heeds both commands from the next message on', async () => {
  const bundle = await setup({ spoolPath: program.spoolPath });
  await program.run(['suppress', '+447700900007']);
  const refused = bundle.drop({ recipient: '447700900007' });
  expect(await bundle.untilState(refused, 'permanent-failure')).toMatchObject({
    reason: 'suppressed',
  });
  await program.run(['unsuppress', '447700900007']);
  await bundle.untilState(bundle.drop({ recipient: '447700900007' }), 'await-receipt');
  expect(bundle.sandbox.ledger.counters.requests).toBe(1);
});
