import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, test } from 'vitest';
import { sandboxCommand } from '../../../src/commands/sandbox.ts';
import { MAGIC_RECIPIENTS } from '../../../src/gateway/sandbox/magic-recipients.ts';
import { ask } from './support.ts';

const COMMAND = new URL('../../../src/commands/sandbox.ts', import.meta.url).href;

function start(...flags: string[]) {
  const script = `
    const { sandboxCommand } = await import(${JSON.stringify(COMMAND)});
    await sandboxCommand().parseAsync(${JSON.stringify(flags)}, { from: 'user' });`;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = once(child, 'exit') as Promise<[number | null, string | null]>;
  return { child, exited };
}

test('says where it is and how to use it, serves, and leaves on SIGTERM', async () => {
  const flags = ['--port', '0', '--rate', '7', '--sender', '12015550123=1', '--sender', 'Shop=2'];
  const { child, exited } = start(...flags, '--api-secret', 'typed-by-mistake');
  let shown = '';
  child.stdout.setEncoding('utf8');
  for await (const text of child.stdout as AsyncIterable<string>) {
    shown += text;
    if (shown.includes('sender = "AcmeInc"')) break;
  }
  const url = /base_url = "([^"]+)"/.exec(shown)?.[1] ?? '';
  expect(shown).toContain('VONAGE_API_KEY=sandbox1');
  expect(shown).not.toContain('typed-by-mistake');
  expect(JSON.parse((await ask(`${url}/control`)).text)).toMatchObject({
    accounts: { sandbox1: { rate: 7 } },
    senders: { 12015550123: { rate: 1 }, Shop: { rate: 2 } },
  });
  child.kill('SIGTERM');
  expect(await exited).toEqual([0, null]);
});

test('lists every magic recipient in its help', () => {
  let help = '';
  const command = sandboxCommand().configureOutput({ writeOut: (text) => (help += text) });
  command.outputHelp();
  for (const { pattern, does } of MAGIC_RECIPIENTS) {
    expect(help).toContain(pattern);
    expect(help).toContain(does);
  }
  expect(help).toContain('001 reset');
});

test.each([
  [['--rate', '0'], 'expected a whole number from 1'],
  [['--sender', '12015550123'], 'expected SENDER=RATE'],
  [['--model', 'leaky'], 'Allowed choices are window, bucket'],
  [['--balance', '-1'], 'expected an amount'],
])('refuses %j and says what was expected', async (flags, complaint) => {
  let shown = '';
  const command = sandboxCommand()
    .exitOverride()
    .configureOutput({ writeErr: (text) => (shown += text) });
  await expect(command.parseAsync(flags, { from: 'user' })).rejects.toThrow();
  expect(shown).toContain(complaint);
});
