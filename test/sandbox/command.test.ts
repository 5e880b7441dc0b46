import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, onTestFinished, test } from 'vitest';
import { sandboxCommand } from '../../src/cli/run/sandbox.ts';
import { MAGIC_RECIPIENTS, MAGIC_WORDS } from '../../src/sandbox/magic-recipients.ts';
import { startReceiver } from './receiver.ts';
import { MESSAGE, ask, post } from './support.ts';

const COMMAND = new URL('../../src/cli/run/sandbox.ts', import.meta.url).href;

function start(...flags: string[]) {
  const script = `
    const { sandboxCommand } = await import(${JSON.stringify(COMMAND)});
    await sandboxCommand().parseAsync(${JSON.stringify(flags)}, { from: 'user' });`;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  const exited = once(child, 'exit') as Promise<[number | null, string | null]>;
  return { child, exited };
}

test('the sandbox command says where it is and how to use it, serves, and leaves on SIGTERM', async () => {
  const flags = ['--port', '0', '--rate', '7', '--sender', '12015550123=1', '--sender', 'Shop=2'];
  const { child, exited } = start(...flags, '--api-secret', 'typed-by-mistake');
  let shown = '';
  child.stdout.setEncoding('utf8');
  for await (const text of child.stdout as AsyncIterable<string>) {
    shown += text;
    if (shown.includes('[reconcile]')) break;
  }
  expect(shown).toContain('expect = false');
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

test('the sandbox command sends receipts as its options say, and prints what a daemon needs to take them', async () => {
  const receiver = await startReceiver();
  const { child, exited } = start(
    ...['--port', '0', '--receipts', receiver.url, '--receipt-delay', '1'],
    ...['--receipt-format', 'json', '--receipt-repeat', '1'],
    ...['--receipt-signature', 'sha512=not-a-real-secret'],
  );
  let shown = '';
  child.stdout.setEncoding('utf8');
  for await (const text of child.stdout as AsyncIterable<string>) {
    shown += text;
    if (shown.includes('[reconcile]')) break;
  }
  const { host } = new URL(receiver.url);
  expect(shown).toContain(
    `    [receipts]
    listen = "${host}"
    path = "/receipts"
    signature_secret = { env = "VONAGE_SIGNATURE_SECRET" }
    signature_method = "sha512"`,
  );
  expect(shown).not.toContain('not-a-real-secret');
  const url = /base_url = "([^"]+)"/.exec(shown)?.[1] ?? '';
  await post({ url }, MESSAGE);
  await expect.poll(() => receiver.came.length, { timeout: 20_000 }).toBe(2);
  expect(receiver.came[0]?.contentType).toBe('application/json');
  expect(receiver.came[0]?.fields['sig']).toMatch(/^[0-9A-F]{128}$/);
  child.kill('SIGTERM');
  expect(await exited).toEqual([0, null]);
});

test('without a URL receipts go to where a daemon listens that nobody told otherwise', async () => {
  let options: { readonly receipts?: unknown } = {};
  const command = sandboxCommand().action((given: typeof options) => void (options = given));
  await command.parseAsync(['--receipts'], { from: 'user' });
  expect(options.receipts).toBe('http://127.0.0.1:8026/receipts');
});

test('the sandbox command lists every magic recipient in its help, in 80 columns', () => {
  let help = '';
  const command = sandboxCommand().configureOutput({ writeOut: (text) => (help += text) });
  command.configureHelp({ helpWidth: 80 }).outputHelp();
  expect(help.split('\n').filter((line) => line.length > 80)).toEqual([]);
  for (const word of MAGIC_WORDS) expect(help.replace(/\s+/g, ' ')).toContain(word);
  for (const { pattern, does } of MAGIC_RECIPIENTS) {
    expect(help).toContain(pattern);
    expect(help).toContain(does);
  }
  expect(help).toContain('001 reset');
});

test.each([
  [['--rate', '0'], 'Expected a whole number from 1'],
  [['--sender', '12015550123'], 'Expected SENDER=RATE'],
  [['--model', 'leaky'], 'Allowed choices are window, sliding, bucket'],
  [['--balance', '-1'], 'Expected an amount'],
  [['--receipts', 'http://192.0.2.1/receipts'], 'Expected an http URL on loopback'],
  [['--receipt-loss', '1.5'], 'Expected a number from 0 to 1'],
  [['--receipt-format', 'xml'], 'Allowed choices are get, form, json'],
  [['--receipt-signature', 'sha3=a'], 'Expected METHOD=SECRET'],
])('the sandbox command refuses %j and says what was expected', async (flags, complaint) => {
  let shown = '';
  const command = sandboxCommand()
    .exitOverride()
    .configureOutput({ writeErr: (text) => (shown += text) });
  await expect(command.parseAsync(flags, { from: 'user' })).rejects.toThrow();
  expect(shown).toContain(complaint);
});
