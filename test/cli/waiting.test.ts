/** Without an account the daemon waits for a configuration, which it reads at each SIGHUP. */
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { expect, it, onTestFinished } from 'vitest';
import { Program } from './program.ts';

const LISTEN = '[admin]\nlisten = "127.0.0.1:0"\n[receipts]\nlisten = "127.0.0.1:0"\n';
/* Nothing listens there, so that the account cannot be asked for its limit. */
const ACCOUNT =
  '[accounts.main]\napi_key = "abcd1234"\napi_secret = "the-secret"\nbase_url = "http://127.0.0.1:9"\n';

it('the daemon without an account stays up through a wrong file, and starts once SIGHUP finds an account', async () => {
  const program = new Program(LISTEN).init();
  onTestFinished(() => program[Symbol.dispose]());
  const child = program.start(['run']);
  onTestFinished(() => void child.kill('SIGKILL'));
  if (child.stdout === null) throw new Error('no standard output');
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const until = async (event: string): Promise<void> => {
    for (;;) {
      const { value, done } = await lines.next();
      if (done === true) throw new Error(`the daemon ended before ${event}`);
      const line = JSON.parse(value) as { readonly event: string };
      if (line.event === event) return;
    }
  };
  const reread = (content: string): void => {
    program.write('sms-spoold.toml', content);
    child.kill('SIGHUP');
  };
  const spool = '[spool]\npath = "spool.db"\n';
  await until('daemon.waiting');
  reread(`${spool}${LISTEN}`);
  await until('daemon.waiting');
  reread('no TOML');
  await until('daemon.reload-failed');
  reread(`${spool}${LISTEN}${ACCOUNT}`);
  await until('daemon.ready');
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  expect(await ended).toEqual([0, null]);
});
