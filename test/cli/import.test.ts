import { createHash } from 'node:crypto';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { Program, ended } from './program.ts';

let program: Program;
beforeEach(() => {
  program = new Program().init();
});
afterEach(() => program[Symbol.dispose]());

const count = (): unknown => program.value('SELECT count(*) FROM messages');

it('import drops a row for every line, cells with commas, quotes and line breaks included', async () => {
  const text = 'recipient,text,priority,send_at,campaign\r\n';
  const rows =
    '447700900000,"Hello, ""Ann""\nbye",9,2026-11-23T09:15Z,spring\r\n\r\n+447700900001,plain,,,\r\n';
  const file = program.write('some.csv', `\ufeff${text}${rows}`);
  const { code, stdout, stderr } = await program.run(['import', file]);
  expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: '2 imported.\n', stderr: '' });
  const db = program.open();
  const found = db
    .prepare('SELECT recipient, text, priority, send_at, campaign FROM messages')
    .all();
  db.close();
  expect(found).toEqual([
    {
      recipient: '447700900000',
      text: 'Hello, "Ann"\nbye',
      priority: 9,
      send_at: Date.UTC(2026, 10, 23, 9, 15) / 1000,
      campaign: 'spring',
    },
    { recipient: '+447700900001', text: 'plain', priority: 4, send_at: null, campaign: null },
  ]);
});

it('keys each row by the hash of the file and its line', async () => {
  const content = 'recipient,text\n447700900000,one\n447700900001,two\n';
  await program.run(['import', program.write('some.csv', content)]);
  const hash = createHash('sha256').update(content).digest('hex').slice(0, 16);
  expect(program.value('SELECT group_concat(idempotency_key) FROM messages')).toBe(
    `import:${hash}:2,import:${hash}:3`,
  );
});

it('imports nothing when one line is bad and names its number', async () => {
  const file = program.write(
    'some.csv',
    'recipient,text,priority\n447700900000,fine,\n12,bad,\n447700900001,fine,11\n447700900002,short\n',
  );
  const { code, stdout, stderr } = await program.run(['import', file]);
  expect(code).toBe(1);
  expect(stdout).toBe('');
  expect(stderr).toContain('3 bad lines; nothing was imported');
  expect(stderr).toMatch(
    /^line 3: recipient_is_7_to_15_digits: expected .* found recipient "12"$/m,
  );
  expect(stderr).toMatch(/^line 4: priority_is_0_to_9: .* found priority "11"$/m);
  expect(stderr).toMatch(/^line 5: expected 3 cells like the header, found 2$/m);
  expect(count()).toBe(0);
});

it('import names fifty bad lines and counts the rest', async () => {
  const file = program.write('some.csv', `recipient,text\n${'12,bad\n'.repeat(60)}`);
  const { stderr } = await program.run(['import', file]);
  expect(stderr).toContain('60 bad lines');
  expect(stderr.match(/^line \d+:/gm)).toHaveLength(50);
  expect(stderr).toContain('… and 10 more');
});

it.each([
  ['recipient,texxt\n1,2\n', 'there is no column "texxt"; the nearest is text'],
  ['Send At,recipient\n1,2\n', 'there is no column "Send At"; the nearest is send_at'],
  ['recipient,state\n1,2\n', 'there is no column "state"'],
  ['text\nHello\n', 'the column recipient is missing'],
  ['recipient,text,text\n1,2,3\n', 'the column text is there twice'],
  ['recipient;text\n1;2\n', 'separated by commas'],
  ['', 'the file is empty'],
  ['recipient,text\n447700900000,"open\n', 'line 2: a quote is opened and not closed again'],
  [Buffer.from('recipient,text\n447700900000,Grüße\n', 'latin1'), 'line 2: expected UTF-8'],
])('import says what is wrong with the file %j', async (content, sentence) => {
  const { code, stderr } = await program.run(['import', program.write('some.csv', content)]);
  expect(code).toBe(1);
  expect(stderr).toContain(sentence);
  expect(count()).toBe(0);
});

it('import says that a file is not there, or is none', async () => {
  expect((await program.run(['import', 'no.csv'])).stderr).toMatch(/: there is no such file\n$/);
  expect((await program.run(['import', '.'])).stderr).toMatch(/ is not a regular file/);
});

it('import drops nothing twice, rows that were pruned meanwhile included', async () => {
  const file = program.write('some.csv', 'recipient,text\n447700900000,one\n447700900001,two\n');
  await program.run(['import', file]);
  program.exec('DELETE FROM messages WHERE id = 1');
  const { code, stdout } = await program.run(['import', file]);
  expect({ code, stdout }).toEqual({ code: 0, stdout: '0 imported, 2 were there already.\n' });
  expect(count()).toBe(1);
});

it('import keeps to the keys of the file where it has some', async () => {
  const lines = 'recipient,text,idempotency_key\n447700900000,a,k1\n447700900001,b,k2\n';
  await program.run(['import', program.write('first.csv', lines)]);
  const more = `${lines}447700900002,c,k3\n447700900003,d,\n`;
  const { stdout } = await program.run(['import', program.write('second.csv', more)]);
  expect(stdout).toBe('2 imported, 2 were there already.\n');
});

it('completes a broken import without doubling a row', async () => {
  // As large as it must be to be still at work when it is killed.
  for (let rows = 10_000; ; rows *= 2) {
    const lines = Array.from({ length: rows }, (_, line) => `${447700000000 + line},Hello`);
    const file = program.write('many.csv', `recipient,text\n${lines.join('\n')}\n`);
    program.exec('DELETE FROM messages; DELETE FROM keys');
    await killWhenBegun(file);
    const present = count() as number;
    if (present === rows) continue;
    expect(present).toBeGreaterThan(0);
    const { stdout } = await program.run(['import', file]);
    expect(stdout).toBe(`${rows - present} imported, ${present} were there already.\n`);
    expect(count()).toBe(rows);
    expect(program.value('SELECT count(DISTINCT recipient) FROM messages')).toBe(rows);
    return;
  }
});

async function killWhenBegun(file: string): Promise<void> {
  const child = program.start(['import', file]);
  const gone = ended(child);
  const db = program.open();
  const begun = db.prepare('SELECT EXISTS (SELECT 1 FROM messages)').pluck();
  while (begun.get() === 0) await new Promise((resolve) => setImmediate(resolve));
  child.kill('SIGKILL');
  await gone;
  db.close();
}

it('import lets another writer in while it is at work', async () => {
  const lines = Array.from({ length: 5_000 }, (_, line) => `${447700000000 + line},Hello`);
  const file = program.write('many.csv', `recipient,text\n${lines.join('\n')}\n`);
  const done = program.run(['import', file]);
  const db = program.open();
  const begun = db.prepare(`SELECT EXISTS (SELECT 1 FROM messages)`).pluck();
  while (begun.get() === 0) await new Promise((resolve) => setImmediate(resolve));
  // Throws when it does not get the lock within the busy timeout.
  db.exec(`INSERT INTO messages (recipient, text) VALUES ('447700900000', 'in between')`);
  db.close();
  expect((await done).stdout).toBe('5000 imported.\n');
  expect(count()).toBe(5_001);
});
