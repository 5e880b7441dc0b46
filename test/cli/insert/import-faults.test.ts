/** What is wrong with a CSV file: every kind is named with its line and a remedy before anything is imported. */
import { open } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { checkFile } from '../../../src/cli/insert/import-check.ts';
import type { CheckedFile } from '../../../src/cli/insert/import-check.ts';
import { rowWarnings } from '../../../src/cli/options/name-warnings.ts';
import { loadConfig } from '../../../src/config/load.ts';
import { CommandError } from '../../../src/terminal/exit-codes.ts';
import type { Database } from '../../../src/spool/file/open.ts';
import { Program } from '../program.ts';

const NOW_MS = Date.UTC(2026, 10, 23, 9, 15);

let program: Program;
let db: Database;
beforeEach(() => {
  program = new Program().init();
  db = program.open();
});
afterEach(() => {
  db.close();
  program[Symbol.dispose]();
});

async function check(content: string | Buffer): Promise<CheckedFile> {
  const file = program.write('some.csv', content);
  const config = loadConfig({ file: null, env: {}, cwd: program.folder, secrets: 'leave' });
  const warningsAbout = rowWarnings({ config, db }, NOW_MS);
  await using handle = await open(file);
  const source = { file, handle, size: (await handle.stat()).size, nowMs: NOW_MS };
  return await checkFile(source, db, warningsAbout);
}

/** Everything that is wrong, one line each. */
async function problemsOf(content: string | Buffer): Promise<readonly string[]> {
  try {
    await check(content);
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    return error.details.length > 0 ? error.details : [error.message];
  }
  return [];
}

const utf16be = (text: string): Buffer => Buffer.from(text, 'utf16le').swap16();

describe('a faulty file', () => {
  it.each([
    ['only commas', 'recipient,text\n447700900000,hello\n,\n,\n', 1],
    ['blanks and commas', 'recipient,text\n447700900000,hello\n , \n\t,\n', 1],
    ['CRLF rows under an LF header', 'recipient,text\n447700900006,one\r\n447700900007,two\r\n', 2],
    ['LF rows under a CRLF header', 'recipient,text\r\n447700900006,one\n447700900007,two\n', 2],
    ['CR alone', 'recipient,text\r447700900006,one\r447700900007,two\r', 2],
  ])('imports the messages of a file with %s', async (_name, content, messages) => {
    expect((await check(content)).messages).toBe(messages);
  });

  it('no text ends in the CR of its line end, in a file of many chunks as well', async () => {
    const rows = Array.from({ length: 4_000 }, (_, n) => `${447700000000 + n},text ${n}\r\n`);
    const file = program.write('some.csv', `recipient,text\n${rows.join('')}`);
    const { stdout } = await program.run(['import', file]);
    expect(stdout).toBe('4000 imported.\n');
    expect(
      db.prepare(`SELECT count(*) FROM messages WHERE text LIKE '%' || char(13)`).pluck().get(),
    ).toBe(0);
  });

  it.each([
    [
      '\u202a447700900014\u202c',
      'U+202A (left-to-right embedding), U+202C (pop directional formatting)',
    ],
    ['\u200b447700900015', 'U+200B (zero-width space)'],
    ['447700900016\ufeff', 'U+FEFF (byte order mark)'],
    ['447700\u00a0900016', 'U+00A0 (no-break space)'],
    ['447700\u2011900016', 'U+2011 \u2011 (non-breaking hyphen)'],
    ['４４７７００９０００１６', 'U+FF14 ４, U+FF17 ７'],
  ])(
    'a faulty file names the invisible or foreign characters of the recipient %j',
    async (cell, named) => {
      const [problem = ''] = await problemsOf(`recipient,text\n${cell},hello\n`);
      expect(problem).toContain('line 2: recipient ');
      expect(problem).toContain(named);
      expect(problem).toMatch(/; remove (it|them)$/);
    },
  );

  it.each([
    ['phone', 'message'],
    ['Mobile', 'Body'],
    ['to', 'SMS Text'],
    ['Phone Number', 'msg'],
    ['MSISDN', 'content'],
  ])('a faulty file understands the headers %s and %s', async (recipient, text) => {
    expect((await check(`${recipient},${text}\n447700900016,hello\n`)).messages).toBe(1);
  });

  it.each([
    ['recipient,phone,text\n1,2,3\n', 'the columns recipient and phone both stand for recipient'],
    ['recipient,text\u200b\n1,2\n', 'U+200B (zero-width space); remove it'],
    ['recipient,state\n1,2\n', 'there is no column "state"'],
  ])('a faulty file says what is wrong with the header of %j', async (content, sentence) => {
    expect((await problemsOf(content)).join('\n')).toContain(sentence);
  });

  it.each([
    ['"447700900014"', '="447700900014"'],
    ['447700900014', '"=""447700900014"""'],
  ])(
    'a faulty file calls a formula cell a formula and shows what to write (%s)',
    async (_shown, cell) => {
      const [problem = ''] = await problemsOf(`recipient,text\n${cell},formula\n`);
      expect(problem).toMatch(/^line 2: .*formula of a spreadsheet; write the value itself: \d+$/);
    },
  );

  it.each([
    ['447700900014,"a"b\n447700900015,x', 'line 2: something follows a closing quote'],
    ['447700900014,a "b" c\n447700900015,x', 'line 2: a quote stands inside a cell'],
    ['447700900014,"a\n447700900015,x', 'line 3: a quote is opened and not closed again'],
  ])('a faulty file names the line of a wrong quote in %j', async (rows, sentence) => {
    expect((await problemsOf(`recipient,text\n${rows}\n`)).join()).toContain(sentence);
  });

  it.each(['4.477E+11', '4,477E+11', '447700900019.0'])(
    'a faulty file says of the recipient %s that a spreadsheet changed it',
    async (cell) => {
      const [problem = ''] = await problemsOf(`recipient,text\n"${cell}",t\n`);
      expect(problem).toMatch(/^line 2: recipient .* by a spreadsheet.*format the column as text/);
    },
  );

  it.each(['2026-12-01 9:00', '01/12/2026 09:00', '1.7964E+09', '46357', '46357.375', 'tomorrow'])(
    'a faulty file does not take %s for a time, and says what is',
    async (cell) => {
      const [problem = ''] = await problemsOf(`recipient,text,send_at\n447700900019,t,${cell}\n`);
      expect(problem).toMatch(/^line 2: send_at /);
      if (cell !== '1.7964E+09') expect(problem).toMatch(/ISO 8601 \(2026-.*Unix seconds.*\+10m/);
    },
  );

  it.each([
    [
      'UTF-16BE',
      Buffer.concat([Buffer.from([0xfe, 0xff]), utf16be('recipient,text\n447700900019,t\n')]),
    ],
    ['UTF-16BE', utf16be('recipient,text\n447700900019,t\n')],
    ['UTF-16LE', Buffer.from('recipient,text\n447700900019,t\n', 'utf16le')],
  ])(
    'a faulty file names the encoding %s and the command that converts it',
    async (name, content) => {
      const [problem = ''] = await problemsOf(content);
      expect(problem).toContain(`the file is ${name}, expected UTF-8`);
      expect(problem).toContain(`iconv -f ${name} -t UTF-8`);
    },
  );

  it('a faulty file names every bad line of a file, in order, and imports nothing', async () => {
    const file = program.write(
      'some.csv',
      'recipient,text\n447700900000,fine\n="4477",x\n07700900000,y\n447700900001\n,no recipient\n',
    );
    const { code, stdout, stderr } = await program.run(['import', file]);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    const lines = stderr.split('\n').filter((line) => line.startsWith('line '));
    expect(lines.map((line) => /^line \d+/.exec(line)?.[0])).toEqual(
      [3, 4, 5, 6].map((line) => `line ${line}`),
    );
    expect(db.prepare('SELECT count(*) FROM messages').pluck().get()).toBe(0);
  });
});

describe('an idempotency key that is there twice', () => {
  const HEAD = 'recipient,text,idempotency_key\n';

  it.each([
    ['another recipient', '447700900109,one,K', 'line 3: idempotency_key "K" is that of line 2'],
    ['another text', '447700900108,two,K', 'line 3: idempotency_key "K" is that of line 2'],
  ])(
    'an idempotency key that is there twice in one file with %s is an error',
    async (_name, line, sentence) => {
      expect((await problemsOf(`${HEAD}447700900108,one,K\n${line}\n`)).join()).toContain(sentence);
    },
  );

  it('an idempotency key that is there twice in one file with the same message is none, however the number is written', async () => {
    expect(await problemsOf(`${HEAD}447700900108,one,K\n+447700900108,one,K\n`)).toEqual([]);
  });

  it('an idempotency key that is there twice with another message of the spool is an error that names it and what differs', async () => {
    db.exec(
      `INSERT INTO messages (recipient, text, idempotency_key) VALUES ('447700900108', 'one', 'K')`,
    );
    expect(await problemsOf(`${HEAD}00447700900108,one,K\n`)).toEqual([]);
    expect((await problemsOf(`${HEAD}447700900109,one,K\n`)).join()).toContain(
      'is that of message 1, which is another message: recipient differs',
    );
    db.exec('DELETE FROM messages');
    expect((await problemsOf(`${HEAD}447700900108,one,K\n`)).join()).toContain(
      'was used by message 1, which was pruned',
    );
  });
});

describe('before a message costs', () => {
  it('import says which lines become unicode, in how many parts, because of which characters', async () => {
    const text =
      'It\u2019s 10\u00a0EUR today and we will close at six so please come early and bring your papers with you, thanks';
    const report = await check(`recipient,text\n447700900102,plain\n447700900103,"${text}"\n`);
    expect(report.report).toEqual([
      '2 messages, 3 parts; 1 line becomes unicode:',
      'line 3: unicode, 2 parts, because of U+2019 \u2019 (right single quotation mark), U+00A0 (no-break space)',
    ]);
  });

  it('import refuses letters that GSM-7 does not have where type is text', async () => {
    const [problem = ''] = await problemsOf('recipient,text,type\n447700900113,Привет,text\n');
    expect(problem).toContain('line 2: type text is GSM-7, which does not have U+041F П');
    expect(problem).toContain('Leave type out, or use unicode');
  });

  it('import refuses more than 3,200 characters', async () => {
    const [problem = ''] = await problemsOf(`recipient,text\n447700900125,${'x'.repeat(4_000)}\n`);
    expect(problem).toContain('text_is_at_most_3200_characters');
  });
});

describe('what a line can hardly mean', () => {
  it('import warns of an unknown account and of an expiry that has passed, and imports', async () => {
    const report = await check(
      'recipient,text,account,expires_at\n447700900000,a,mian,\n447700900000,b,,2026-11-01\n447700900000,c,main,\n',
    );
    expect(report.messages).toBe(3);
    expect(report.report).toEqual([
      'warning: line 2: no account is named "mian" in the configuration; the nearest is "main"; the message waits until there is one',
      expect.stringMatching(/^warning: line 3: expires_at .* has passed: the message expires/),
    ]);
  });
});
