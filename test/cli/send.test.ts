import { afterEach, beforeEach, expect, it } from 'vitest';
import { CONSTRAINTS } from '../../src/spool/schema/constraints.ts';
import { namesOfRefusals } from '../support/schema.ts';
import { Program } from './program.ts';

let program: Program;
beforeEach(() => {
  program = new Program().init();
});
afterEach(() => program[Symbol.dispose]());

it('send drops one row and prints its id', async () => {
  const { code, stdout } = await program.run(['send', '447700900000', 'Your table is ready']);
  expect({ code, stdout }).toEqual({ code: 0, stdout: '1\n' });
  expect(program.value('SELECT recipient || text FROM messages')).toBe(
    '447700900000Your table is ready',
  );
});

it('send takes the text from standard input, without its last line break', async () => {
  const { stdout } = await program.run(['send', '447700900000', '--json'], {
    input: 'Grüße,\nAnn\n',
  });
  expect(stdout).toBe('{"id":1}\n');
  expect(program.value('SELECT text FROM messages')).toBe('Grüße,\nAnn');
});

it('send refuses standard input that is not UTF-8', async () => {
  const input = Buffer.from('Grüße', 'latin1');
  const { code, stderr } = await program.run(['send', '447700900000'], { input });
  expect(code).toBe(64);
  expect(stderr).toBe('sms-spoold: standard input: expected UTF-8 text\n');
  expect(program.value('SELECT count(*) FROM messages')).toBe(0);
});

it('send sets every column that an application may set', async () => {
  const options = {
    '--sender': 'AcmeInc',
    '--account': 'second',
    '--type': 'binary',
    '--body': '0a0b',
    '--udh': '050003',
    '--message-class': '1',
    '--priority': '9',
    '--send-at': '2036-11-23T09:15Z',
    '--expires-at': '2036-11-24T09:15+01:00',
    '--on-uncertain': 'hold',
    '--reference': 'order-9',
    '--campaign': 'spring',
    '--key': 'k1',
    '--entity-id': 'e',
    '--content-id': 'c',
    '--account-ref': 'a',
  };
  const { code, stderr } = await program.run([
    'send',
    '447700900000',
    ...Object.entries(options).flat(),
  ]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  const db = program.open();
  const row = db.prepare('SELECT * FROM messages').get();
  db.close();
  expect(row).toMatchObject({
    sender: 'AcmeInc',
    account: 'second',
    type: 'binary',
    text: null,
    body: '0a0b',
    udh: '050003',
    message_class: 1,
    priority: 9,
    send_at: Date.UTC(2036, 10, 23, 9, 15) / 1000,
    expires_at: Date.UTC(2036, 10, 24, 8, 15) / 1000,
    on_uncertain: 'hold',
    reference: 'order-9',
    campaign: 'spring',
    idempotency_key: 'k1',
    entity_id: 'e',
    content_id: 'c',
    account_ref: 'a',
  });
});

it('send counts +10m from now', async () => {
  const before = Date.now() / 1000;
  await program.run(['send', '447700900000', 'Hello', '--send-at', '+10m']);
  const sendAt = program.value('SELECT send_at FROM messages') as number;
  expect(sendAt).toBeGreaterThanOrEqual(before + 600);
  expect(sendAt).toBeLessThanOrEqual(Date.now() / 1000 + 600);
});

it('send says what a time looks like when it cannot read one', async () => {
  const { code, stderr } = await program.run([
    'send',
    '447700900000',
    'Hi',
    '--send-at',
    'tomorrow',
  ]);
  expect(code).toBe(64);
  expect(stderr).toMatch(/^sms-spoold: --send-at: expected .*\+10m.*; found "tomorrow"\n$/);
});

it.each([
  [['12345', 'Hi'], 'recipient_is_7_to_15_digits', '"12345"'],
  [['447700900000', ''], 'text_is_not_empty', 'of 0 characters'],
  [['447700900000', 'Hi', '--priority', '4.5'], 'priority_is_0_to_9', '"4.5"'],
  [
    ['447700900000', 'Hi', '--send-at', '1795425300000'],
    'send_at_is_unix_seconds',
    '1795425300000',
  ],
  [['447700900000', 'Hi', '--sender', 'Acme Inc'], 'sender_is_15_digits', '"Acme Inc"'],
  [['447700900000', 'Hi', '--type', 'flash'], 'type_is_auto_text', '"flash"'],
])('translates the refusal of %j', async (args, constraint, value) => {
  const { code, stderr } = await program.run(['send', ...args]);
  expect(code).toBe(1);
  expect(stderr).toMatch(/^sms-spoold: \w+: expected .*, found .*\n$/);
  expect(stderr).toContain(constraint);
  expect(stderr).toContain(value);
});

it('send names the message that has the key', async () => {
  await program.run(['send', '447700900000', 'Hi', '--key', 'order-9']);
  const { code, stderr } = await program.run(['send', '447700900001', 'Hi', '--key', 'order-9']);
  expect(code).toBe(1);
  expect(stderr).toContain('idempotency_key_is_used_once');
  expect(stderr).toContain('(message 1 has it)');
});

it('send refuses a key whose message was pruned', async () => {
  await program.run(['send', '447700900000', 'Hi', '--key', 'order-9']);
  program.exec('DELETE FROM messages');
  const { code, stderr } = await program.run(['send', '447700900001', 'Hi', '--key', 'order-9']);
  expect(code).toBe(1);
  expect(stderr).toContain('idempotency_key_is_used_once');
});

it('send has a sentence for every constraint of the schema, and for no other', () => {
  expect(Object.keys(CONSTRAINTS).toSorted()).toEqual([...namesOfRefusals()].toSorted());
});
