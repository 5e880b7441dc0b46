/** What feeds the watchdog, and the line that goes with it. */
import { expect, it } from 'vitest';
import { Pulse, QUEUED_MAX, statusLines, type HealthFacts } from '../../src/systemd/pulse.ts';
import { setup as startDaemon } from '../support/daemon.ts';

const IDLE: HealthFacts = { queued: 0, inFlight: 0, ended: 0, stopped: [] };

function setup() {
  const said: string[] = [];
  const announcer = {
    isHeard: true,
    watchdogMs: 30_000,
    alive: (line: string) => void said.push(`alive: ${line}`),
    status: (line: string) => void said.push(line),
  };
  const loop = { turns: 7 };
  const pulse = new Pulse({ announcer, turns: () => loop.turns, status: () => 'as it is' });
  return { said, loop, pulse };
}

it('the pulse feeds the watchdog while the loop goes round, and not when it stands still', () => {
  const { said, loop, pulse } = setup();
  pulse.look();
  loop.turns += 1;
  pulse.look();
  pulse.look();
  loop.turns += 500;
  pulse.look();
  expect(said).toEqual([
    'the loop hangs; as it is',
    'alive: as it is',
    'the loop hangs; as it is',
    'alive: as it is',
  ]);
});

it('the pulse counts the turns of a loop with nothing to do, and of one that finds the spool locked', async () => {
  const { turns, until, db } = await startDaemon();
  const idle = turns();
  await until(() => turns() > idle, 'a turn with nothing to do');
  db.exec('BEGIN IMMEDIATE');
  const locked = turns();
  await until(() => turns() > locked + 2, 'turns before a locked spool');
  db.exec('ROLLBACK');
});

it('the pulse says what waits, what is out, and how fast it went since the last line', () => {
  const now = { health: IDLE, ms: 1_000 };
  const line = statusLines(
    () => now.health,
    () => now.ms,
  );
  expect(line()).toBe('0 queued, 0 in flight, 0.0/s');
  now.health = { ...IDLE, queued: 812, inFlight: 10, ended: 298 };
  now.ms += 10_000;
  expect(line()).toBe('812 queued, 10 in flight, 29.8/s');
  now.ms += 10_000;
  expect(line()).toBe('812 queued, 10 in flight, 0.0/s');
});

it('the pulse names the first accounts that are stopped, with the reason, and counts no backlog to its end', () => {
  const stopped = ['main suspended (wrong-credentials)', 'eu paused (operator)', '2 more stopped'];
  const health = (): HealthFacts => ({ ...IDLE, queued: QUEUED_MAX, stopped });
  expect(statusLines(health, () => 0)()).toBe(
    '10000 or more queued, 0 in flight, 0.0/s; main suspended (wrong-credentials); eu paused (operator); ' +
      '2 more stopped',
  );
});

it('the pulse has its figures from the spool and the loop', async () => {
  const { drop, untilState, ask, health } = await startDaemon();
  const id = drop();
  await untilState(id, 'await-receipt');
  await ask({ verb: 'pause', account: 'main' });
  drop();
  expect(health()).toEqual({
    ...{ queued: 1, inFlight: 0, ended: 1 },
    stopped: ['main paused (operator)'],
  });
});
