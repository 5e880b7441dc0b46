import { afterEach, beforeEach, expect, it } from 'vitest';
import { Program } from './program.ts';

let program: Program;
beforeEach(() => {
  program = new Program().init();
});
afterEach(() => program[Symbol.dispose]());

/** Answers the next `count` control rows as the daemon would, once they are there. */
async function answer(count: number, set: string): Promise<void> {
  const db = program.open();
  const open = db.prepare('SELECT count(*) FROM control WHERE done_at IS NULL').pluck();
  while ((open.get() as number) < count) await new Promise((resolve) => setImmediate(resolve));
  db.exec(`UPDATE control SET done_at = 1795425300, ${set}`);
  db.close();
}

it('a command notes what the daemon cannot do yet, and ends with 0', async () => {
  const { code, stdout } = await program.run([
    'pause',
    'main',
    '--sender',
    'AcmeInc',
    '--wait',
    '0',
  ]);
  expect(code).toBe(0);
  expect(stdout).toContain('sender AcmeInc of account main: not done yet (request 1)');
  expect(stdout).toContain('the daemon acts on it when it runs');
  const db = program.open();
  const row = db.prepare('SELECT * FROM control').get();
  db.close();
  expect(row).toMatchObject({
    verb: 'pause',
    account: 'main',
    sender: 'AcmeInc',
    message_id: null,
    campaign: null,
    done_at: null,
  });
});

it('a command that asks the daemon waits for the daemon and says what it did', async () => {
  const done = program.run(['cancel', '41', '42', '--wait', '60s']);
  await answer(2, 'affected = 1');
  const { code, stdout } = await done;
  expect({ code, stdout }).toEqual({
    code: 0,
    stdout: 'message 41: cancelled\nmessage 42: cancelled\n',
  });
});

it('a command that asks the daemon counts the messages of a campaign', async () => {
  const done = program.run(['requeue', '--campaign', 'spring', '--wait', '60s']);
  await answer(1, 'affected = 12');
  expect((await done).stdout).toBe('campaign spring: 12 messages requeued\n');
});

it('a command that asks the daemon does not say cancelled of a message that is uncertain', async () => {
  program.exec(`INSERT INTO messages (recipient, text) VALUES ('447700900000', 'Hi');
    UPDATE messages SET revision = revision + 1, state = 'uncertain'`);
  const done = program.run(['cancel', '1', '--wait', '60s']);
  await answer(1, 'affected = 1');
  expect((await done).stdout).toBe('message 1: is uncertain, and never sent again\n');
});

it('a command that asks the daemon leaves with 1 and the reason when it is refused', async () => {
  const done = program.run(['requeue', '41', '--wait', '60s']);
  await answer(1, `affected = 0, refused = 'it is delivered'`);
  const { code, stdout } = await done;
  expect({ code, stdout }).toEqual({ code: 1, stdout: 'message 41: refused, it is delivered\n' });
});

it('a command that asks the daemon prints the request as JSON', async () => {
  const { stdout } = await program.run(['resume', 'second', '--wait', '0', '--json']);
  expect(JSON.parse(stdout)).toMatchObject({
    id: 1,
    verb: 'resume',
    account: 'second',
    done_at: null,
  });
});

it('a command that asks the daemon names the nearest account when there is no such one, and asks for nothing', async () => {
  const { code, stderr } = await program.run(['pause', 'mian']);
  expect(code).toBe(1);
  expect(stderr).toBe('sms-spoold: there is no account "mian"; the nearest is main\n');
  expect(program.value('SELECT count(*) FROM control')).toBe(0);
});

it.each([[['cancel']], [['cancel', '1', '--campaign', 'x']], [['requeue', 'one']], [['pause']]])(
  'a command that asks the daemon leaves with 64 for %j',
  async (args) => {
    const { code, stderr } = await program.run(args);
    expect(code).toBe(64);
    expect(stderr).toMatch(/^sms-spoold: .*\n$/);
    expect(program.value('SELECT count(*) FROM control')).toBe(0);
  },
);
