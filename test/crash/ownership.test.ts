/**
 * One daemon owns a spool for as long as its process lives, however it ends: a second one leaves at once and
 * touches nothing; one that is started after a kill need not wait for anything.
 */
import { expect, it } from 'vitest';
import type { Program } from './program.ts';
import { Trial } from './trial.ts';

const EXIT_TRY_AGAIN = 75;
const isReady = ({ event }: { readonly event: string }): boolean => event === 'daemon.ready';

it.concurrent('a second daemon leaves at once with exit code 75 and sends nothing', async () => {
  await using trial = await Trial.begin({ latencyMs: 600_000 });
  const first = trial.start();
  await trial.accepted(4);
  const second = trial.start();
  expect(await second.end()).toEqual({ code: EXIT_TRY_AGAIN, signal: null });
  expect(second.errors).toMatch(/^sms-spoold: Another daemon owns the spool .*spool\.db\.\n$/);
  expect(trial.sandbox.ledger.counters.requests).toBe(4);
  first.kill('SIGKILL');
  expect((await trial.died(first)).open.length).toBeGreaterThanOrEqual(4);
  await trial.sandbox.configure({ latencyMs: 2 });
  expect(await trial.finish()).toMatchObject({ complaints: [], doubles: 4 });
});

it.concurrent(
  'a daemon that hangs still owns its spool, and no longer once it is killed',
  async () => {
    await using trial = await Trial.begin({ latencyMs: 600_000 });
    const first = trial.start();
    await trial.accepted(1);
    first.kill('SIGSTOP');
    expect(await trial.start().end()).toEqual({ code: EXIT_TRY_AGAIN, signal: null });
    first.kill('SIGKILL');
    await trial.died(first);
    await trial.sandbox.configure({ latencyMs: 2 });
    expect((await trial.finish()).complaints).toEqual([]);
  },
);

it.concurrent('one of five daemons started together owns the spool', async () => {
  await using trial = await Trial.begin();
  const programs = Array.from({ length: 5 }, () => trial.start());
  const ready = await Promise.all(programs.map(becomesReady));
  expect(ready.filter(Boolean)).toHaveLength(1);
  const owner = programs[ready.indexOf(true)];
  owner?.kill('SIGKILL');
  if (owner !== undefined) await trial.died(owner);
  expect((await trial.finish()).complaints).toEqual([]);
});

/** False: it left because another owns the spool. */
async function becomesReady(program: Program): Promise<boolean> {
  const ready = program.line(isReady).then(() => true);
  const end = program.end();
  const first = await Promise.race([ready.catch(() => false), end]);
  if (typeof first === 'boolean' && first) return true;
  expect(await end).toEqual({ code: EXIT_TRY_AGAIN, signal: null });
  return false;
}
