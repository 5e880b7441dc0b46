/** Commands about many messages, and those that people expect: ids in pipes, retry, --all, help, version. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import { asDaemon } from '../support/as-daemon.ts';
import { Program } from './program.ts';

let program: Program;

beforeEach(() => {
  program = new Program().init();
  program.exec(`INSERT INTO messages (recipient, text, campaign) VALUES
    ('447700900000', 'a', 'spring'), ('447700900001', 'b', 'spring'), ('447700900002', 'c', NULL)`);
});

afterEach(() => program[Symbol.dispose]());

const asked = (): unknown =>
  JSON.parse(
    String(
      program.value(`SELECT json_group_array(json_array(verb, message_id, campaign, account, filter))
        FROM control`),
    ),
  );

it('list --ids prints bare ids, all of them, and cancel - reads them', async () => {
  const { stdout } = await program.run(['list', '--campaign', 'spring', '--ids']);
  expect(stdout).toBe('2\n1\n');
  const { code } = await program.run(['cancel', '-', '--wait', '0'], { input: stdout });
  expect(code).toBe(0);
  expect(asked()).toEqual([
    ['cancel', 2, null, null, null],
    ['cancel', 1, null, null, null],
  ]);
});

it('no ids on standard input ask for nothing, and what is no id is refused with its text', async () => {
  const none = await program.run(['retry', '-'], { input: '\n' });
  expect(none).toMatchObject({
    code: 0,
    stdout: 'Standard input has no ids; nothing was requested.\n',
  });
  const wrong = await program.run(['retry', '-'], { input: '1\n2x\n' });
  expect(wrong.code).toBe(64);
  expect(wrong.stderr).toContain('"2x" is no id');
  expect(asked()).toEqual([]);
});

it('options become a filter, a campaign alone stays a campaign, and nothing at all is refused', async () => {
  await program.run(['requeue', '--campaign', 'spring', '--wait', '0']);
  await program.run([
    ...['cancel', '--campaign', 'spring', '--state', 'queued', 'retry', '--since', '1795425300'],
    ...['--wait', '0'],
  ]);
  const filter = '{"state":["queued","retry"],"since":1795425300,"campaign":"spring"}';
  expect(asked()).toEqual([
    ['requeue', null, 'spring', null, null],
    ['cancel', null, null, null, filter],
  ]);
  for (const verb of ['cancel', 'requeue', 'retry']) {
    expect((await program.run([verb])).code).toBe(64);
    expect((await program.run([verb, '1', '--state', 'queued'])).code).toBe(64);
  }
});

it('pause --all and resume --all name everything, and nothing beside it', async () => {
  await program.run(['pause', '--all', '--wait', '0']);
  await program.run(['resume', '--all', '--wait', '0']);
  expect(asked()).toEqual([
    ['pause', null, null, '*', null],
    ['resume', null, null, '*', null],
  ]);
  for (const args of [['pause'], ['pause', 'main', '--all'], ['pause', '--all', '--sender', 'A']]) {
    expect((await program.run(args)).code).toBe(64);
  }
});

it('help and version are commands', async () => {
  const [help, whole] = [await program.run(['help', 'list']), await program.run(['help'])];
  expect(help.stdout).toBe((await program.run(['list', '--help'])).stdout);
  expect(whole.stdout).toContain('requeue');
  expect((await program.run(['version'])).stdout).toBe((await program.run(['--version'])).stdout);
  const unknown = await program.run(['help', 'lst']);
  expect(unknown.code).toBe(64);
  expect(unknown.stderr).toContain('there is no command "lst"');
});

it('stats --campaign tells how far a campaign has come and what it has cost', async () => {
  program.exec(
    asDaemon(`UPDATE messages SET state = 'delivered', parts = 2, price = 0.0667 WHERE id = 1`),
  );
  const { stdout } = await program.run(['stats', '--campaign', 'spring']);
  expect(stdout).toContain('Campaign spring: 1 of 2 done (50 %).');
  expect(stdout).toContain('So far 0.0667 EUR for 2 parts.');
  const json = await program.run(['stats', '--campaign', 'spring', '--json']);
  expect(JSON.parse(json.stdout)).toMatchObject({
    ...{ kind: 'campaign', messages: 2, done: 1, parts: 2, price: 0.0667 },
    states: { queued: 1, delivered: 1 },
  });
  const none = await program.run(['stats', '--campaign', 'sprung']);
  expect(none.code).toBe(1);
  expect(none.stderr).toContain('the nearest is "spring"');
});

it('stats says when the last receipt came', async () => {
  program.exec(`INSERT INTO receipts (received_at, raw, digest) VALUES (1795425300, '{}', 'd')`);
  const { stdout } = await program.run(['stats']);
  expect(stdout).toContain('The last receipt came 2026-11-23 09:15:00');
  const json = await program.run(['stats', '--json']);
  expect(json.stdout).toContain('{"kind":"receipts","last_at":"2026-11-23T09:15:00.000Z"}');
});

it('completion offers accounts and campaigns, and no name that a shell would expand', async () => {
  program.exec(`INSERT INTO messages (recipient, text, campaign) VALUES
    ('447700900000', 'a', '$(touch x)'), ('447700900000', 'a', '-rf'), ('447700900000', 'a', 'a b')`);
  const names = async (which: string): Promise<string> =>
    (await program.run(['completion', '--names', which])).stdout;
  expect(await names('campaigns')).toBe('spring\n');
  expect(await names('accounts')).toBe('main\nsecond\n');
  const { stdout } = await program.run(['completion', 'bash']);
  expect(stdout).toContain('sms-spoold completion --names accounts');
  expect(stdout).toContain('sms-spoold completion --names campaigns');
});
