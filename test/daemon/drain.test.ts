/** Leaving: what has not left is given back, what has is waited for, and nothing stays open. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { KEY, SECRET, setup, type Bundle } from '../support/daemon.ts';

const PROGRAM = join(import.meta.dirname, '../../src/main.ts');

/** The program itself, as a service manager runs it. */
async function run(bundle: Bundle): Promise<{ child: ChildProcess; ended: Promise<unknown[]> }> {
  const file = join(dirname(bundle.path), 'sms-spoold.toml');
  const text = `
[spool]
path = "spool.db"
[accounts.main]
api_key = "${KEY}"
api_secret = { env = "TEST_SECRET" }
base_url = "${bundle.sandbox.url}"
sender = "AcmeInc"
rate = 1000
concurrency = 4
`;
  writeFileSync(file, text, { mode: 0o600 });
  const child = spawn(process.execPath, [PROGRAM, '--config', file, 'run'], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, TEST_SECRET: SECRET },
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  const ended = once(child, 'close');
  let log = '';
  child.stdout.on('data', (chunk: Buffer) => (log += chunk.toString()));
  await bundle.until(() => log.includes('daemon.ready'), 'daemon.ready');
  return { child, ended };
}

const dropMany = ({ db, drop }: Bundle, count: number): void => {
  const all = db.transaction(() => {
    for (let index = 0; index < count; index += 1) drop({ recipient: `4477009${10_000 + index}` });
  });
  all.immediate(); // another process may write meanwhile
};

describe('the daemon', () => {
  it('the daemon waits for what is out, gives back the rest, and goes on from there the next time', async () => {
    const bundle = await setup({
      account: { concurrency: 4, rate: 5_000 },
      sandbox: { latencyMs: 50 },
    });
    dropMany(bundle, 60);
    await bundle.until(() => bundle.count('await-receipt') > 10);
    await bundle.stop();
    expect(bundle.count('sending')).toBe(0);
    expect(bundle.all('SELECT 1 FROM attempts WHERE ended_at IS NULL')).toEqual([]);
    const sent = bundle.sandbox.ledger.counters.accepted;
    expect(bundle.count('await-receipt')).toBe(sent);
    expect(bundle.count('queued')).toBe(60 - sent);
    expect(bundle.all(`SELECT 1 FROM messages WHERE state = 'queued' AND attempts > 0`)).toEqual(
      [],
    );
    await bundle.sandbox.configure({ latencyMs: 0 });
    await bundle.start();
    await bundle.until(() => bundle.count('await-receipt') === 60);
    expect(bundle.sandbox.ledger.counters.accepted).toBe(60);
    expect(bundle.all('SELECT DISTINCT attempts FROM messages')).toEqual([{ attempts: 1 }]);
    expect(bundle.all('SELECT 1 FROM attempts WHERE follows IS NOT NULL')).toEqual([]);
  });

  it('the daemon that is idle leaves at once', async () => {
    const bundle = await setup();
    await bundle.untilState(bundle.drop(), 'await-receipt');
    await bundle.stop();
    expect(bundle.lines('daemon.draining')).toMatchObject([{ in_flight: 0 }]);
    expect(bundle.lines('daemon.stopped')).toHaveLength(1);
  });
});

describe('the program', () => {
  it('drains on SIGTERM and ends with 0', async () => {
    const bundle = await setup({ isStopped: true, sandbox: { latencyMs: 150 } });
    const { child, ended } = await run(bundle);
    dropMany(bundle, 40);
    await bundle.until(() => bundle.sandbox.ledger.counters.open === 4);
    child.kill('SIGTERM');
    expect(await ended).toEqual([0, null]);
    const { accepted } = bundle.sandbox.ledger.counters;
    expect(bundle.count('await-receipt')).toBe(accepted);
    expect(accepted).toBeGreaterThanOrEqual(4);
    expect(bundle.count('queued')).toBe(40 - accepted);
  });

  it('the program leaves at once on the second SIGTERM, and what was out is uncertain then', async () => {
    const bundle = await setup({ isStopped: true });
    const { child, ended } = await run(bundle);
    const id = bundle.drop({ recipient: '999709900001' });
    await bundle.until(() => bundle.sandbox.ledger.counters.open === 1);
    child.kill('SIGTERM');
    child.kill('SIGTERM');
    await bundle.until(() => child.exitCode !== null || child.signalCode !== null || resend(child));
    await ended;
    expect(bundle.message(id)['state']).toBe('sending');
    await bundle.start();
    expect(await bundle.untilState(id, 'uncertain')).toMatchObject({ reason: 'interrupted' });
    bundle.advance(301);
    await bundle.until(() => bundle.attempts(id).length === 2);
    expect(bundle.attempts(id)[1]).toMatchObject({ follows: 1 });
  });
});

/* Two signals of a kind that come together are one to the kernel. */
function resend(child: ChildProcess): false {
  child.kill('SIGTERM');
  return false;
}
