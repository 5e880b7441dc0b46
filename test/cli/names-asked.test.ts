/** Names on the command line that nobody knows, and texts whose cost is said before it arises. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import { Program } from './program.ts';

let program: Program;
beforeEach(() => {
  program = new Program().init();
});
afterEach(() => program[Symbol.dispose]());

it('send warns of an unknown account and of an expiry in the past, and adds the message', async () => {
  const args = ['send', '447700900000', 'Hi', '--account', 'secnod', '--expires-at', '2025-11-01'];
  const { code, stdout, stderr } = await program.run(args);
  expect({ code, stdout }).toEqual({ code: 0, stdout: '1\n' });
  expect(stderr).toContain(
    'warning: no account is named "secnod" in the configuration; the nearest is "second"',
  );
  expect(stderr).toMatch(/warning: expires_at 2025-11-01 00:00:00 has passed: the message expires/);
});

it.each([
  [
    ['list', '--account', 'mian'],
    'no account is named "mian" in the configuration; the nearest is "main"',
  ],
  [
    ['list', '--reason', 'unroutabel'],
    'no message can have the reason "unroutabel"; the nearest is "unroutable"',
  ],
  [['list', '--sender', 'AcmeInk', '--count'], 'the sender "AcmeInk"; the nearest is "AcmeInc"'],
  [['list', '--campaign', 'sprong', '--ids'], 'of the campaign "sprong"; the nearest is "spring"'],
  [['cancel', '--account', 'mian', '--wait', '0'], 'no account is named "mian"'],
  [['requeue', '--reason', 'operatr', '--wait', '0'], 'the nearest is "operator"'],
  [['retry', '--campaign', 'sprong', '--wait', '0'], 'the nearest is "spring"'],
  [
    ['pause', 'main', '--sender', 'AcmeInk', '--wait', '0'],
    'the sender "AcmeInk" of account "main"; the nearest is "AcmeInc"',
  ],
  [['resume', 'main', '--sender', 'AcmeInk', '--wait', '0'], 'the nearest is "AcmeInc"'],
  [['log', '--spool', '--sender', 'AcmeInk'], 'the nearest is "AcmeInc"'],
  [['log', '--spool', '--campaign', 'sprong'], 'the nearest is "spring"'],
])('%j warns and goes on', async (args, warning) => {
  program.exec(
    `INSERT INTO messages (recipient, text, campaign) VALUES ('447700900000', 'a', 'spring')`,
  );
  const { code, stderr } = await program.run(args);
  expect(code).toBe(0);
  expect(stderr.trimEnd().split('\n')).toEqual([expect.stringContaining('sms-spoold: warning: ')]);
  expect(stderr).toContain(warning);
});

it('names that the configuration, the spool or a message has get no warning', async () => {
  program.exec(`INSERT INTO messages (recipient, text, account, sender, campaign)
    VALUES ('447700900000', 'a', 'old', 'Shop', 'spring');
    UPDATE messages SET revision = revision + 1, state = 'retry', reason = 'rare-cause'`);
  for (const args of [
    ['--account', 'old', '--sender', 'Shop', '--campaign', 'spring', '--reason', 'rare-cause'],
    ['--account', 'main', '--sender', 'AcmeInc', '--reason', 'http-418'],
  ]) {
    expect((await program.run(['list', ...args])).stderr).toBe('');
  }
});

it('send refuses letters that type text does not have, and names them', async () => {
  const { code, stderr } = await program.run(['send', '447700900113', 'Привет', '--type', 'text']);
  expect(code).toBe(1);
  expect(stderr).toContain('U+041F П');
  expect(program.value('SELECT count(*) FROM messages')).toBe(0);
});

it('send and show say encoding, parts and the character that caused them', async () => {
  const text = `No-break\u00a0space ${'x'.repeat(80)}`;
  const said = 'unicode, 2 parts, because of U+00A0 (no-break space)';
  const sent = await program.run(['send', '447700900113', text]);
  expect(sent).toEqual({ code: 0, stdout: '1\n', stderr: `${said}\n` });
  const dry = await program.run(['send', '447700900113', text, '--dry-run', '--json']);
  expect(JSON.parse(dry.stdout)).toEqual({
    ...{ encoding: 'unicode', predicted_parts: 2, not_in_gsm: ['\u00a0'] },
  });
  expect(program.value('SELECT count(*) FROM messages')).toBe(1);
  expect((await program.run(['show', '1'])).stdout).toMatch(
    new RegExp(`^encoding +${said.replaceAll(/[()+]/g, '\\$&')}$`, 'm'),
  );
  const shown = JSON.parse((await program.run(['show', '1', '--json'])).stdout) as object;
  expect(shown).toMatchObject({ encoding: 'unicode', predicted_parts: 2, not_in_gsm: ['\u00a0'] });
});

it('import --dry-run says what the file becomes, and imports nothing', async () => {
  const file = program.write('some.csv', 'recipient,text\n447700900103,It\u2019s\n');
  const { code, stdout, stderr } = await program.run(['import', file, '--dry-run']);
  expect({ code, stdout }).toEqual({ code: 0, stdout: '1 would be imported.\n' });
  expect(stderr).toBe(
    '1 message, 1 part; 1 line becomes unicode:\nline 2: unicode, 1 part, because of U+2019 \u2019 (right single quotation mark)\n',
  );
  expect(program.value('SELECT count(*) FROM messages')).toBe(0);
});
