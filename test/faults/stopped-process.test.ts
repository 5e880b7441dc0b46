/** The whole process is stopped by SIGSTOP while requests are open, as a frozen machine or a closed lid does it. */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { rigUp } from './rig.ts';

const REQUESTS = 20;
/** Longer than the account's time-out. */
const STOPPED_MS = 3_000;

it('none of 20 requests that are answered while the process is stopped becomes uncertain', async () => {
  const rig = await rigUp({
    account: `concurrency = ${REQUESTS}\ntimeout = "1s"`,
    sandbox: { latencyMs: 700 },
  });
  const program = rig.start();
  await program.line(({ event }) => event === 'daemon.ready');
  rig.drop(REQUESTS);
  await rig.until(() => rig.sandbox.ledger.counters.open === REQUESTS);
  program.kill('SIGSTOP');
  await rig.until(() => rig.sandbox.ledger.counters.open === 0);
  await sleep(STOPPED_MS);
  program.kill('SIGCONT');
  const settled = new Map<number, string>();
  await program.line(({ id, from, to }) => {
    if (id !== undefined && from === 'sending' && to !== undefined) settled.set(id, to);
    return settled.size === REQUESTS;
  });
  expect([...settled.values()]).toEqual(Array.from({ length: REQUESTS }, () => 'await-receipt'));
  expect(rig.sandbox.ledger.counters.requests).toBe(REQUESTS);
  program.kill('SIGTERM');
  expect(await program.end()).toMatchObject({ code: 0 });
});
