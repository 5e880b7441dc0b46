/** Other programs hold the lock for as long as they like: the event loop goes on, and nothing is lost. */
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { RECIPIENT, setup } from '../support/daemon.ts';

const TICKS = 100;
const TICK_MS = 10;

/** Comes after so many ticks of a timer: a step that waited for the lock would let none through. */
async function ticks(): Promise<void> {
  for (let count = 0; count < TICKS; count += 1) await sleep(TICK_MS);
}

describe('a lock held by another program', () => {
  it('a lock held by another program stalls no timer, and the row it brings is sent afterwards', async () => {
    const bundle = await setup();
    await bundle.untilState(bundle.drop(), 'await-receipt');
    bundle.db.exec('BEGIN IMMEDIATE');
    bundle.drop();
    await ticks();
    expect(bundle.sandbox.ledger.counters.requests).toBe(1);
    bundle.db.exec('COMMIT');
    await bundle.untilState(2, 'await-receipt');
    expect(bundle.fatal).toEqual([]);
  });

  it('a lock held by another program while requests are out delays their outcomes, and loses none', async () => {
    const bundle = await setup({ sandbox: { latencyMs: 50 } });
    const ids = bundle.db.transaction(() => Array.from({ length: 8 }, () => bundle.drop()))();
    await bundle.until(() => bundle.sandbox.ledger.counters.accepted === 8);
    bundle.db.exec('BEGIN IMMEDIATE');
    const held = bundle.count('sending');
    await ticks();
    expect(bundle.count('sending')).toBe(held);
    bundle.db.exec('COMMIT');
    for (const id of ids) await bundle.untilState(id, 'await-receipt');
    expect(bundle.sandbox.ledger.counters.requests).toBe(8);
  });

  it('a lock held by another program is waited for at the start', async () => {
    const bundle = await setup({ isStopped: true });
    const id = bundle.drop();
    bundle.db.exec('BEGIN IMMEDIATE');
    const starting = bundle.start();
    await sleep(200);
    bundle.db.exec('COMMIT');
    await starting;
    await bundle.untilState(id, 'await-receipt');
  });

  it('a lock held again and again by programs that write all the time is overcome', async () => {
    const bundle = await setup();
    for (let times = 0; times < 60; times += 1) {
      bundle.db.exec('BEGIN IMMEDIATE');
      bundle.drop();
      await sleep(5);
      bundle.db.exec('COMMIT');
      await sleep(5);
    }
    expect(bundle.count('await-receipt')).toBeGreaterThan(0);
    const rows = bundle.all('SELECT 1 FROM messages').length;
    await bundle.until(() => bundle.count('await-receipt') === rows);
    expect(bundle.sandbox.ledger.counters.accepted).toBe(rows);
  });

  it('a lock held by another program for 5 s is reported once, with the command that finds its holder, and so is its end', async () => {
    const bundle = await setup();
    await bundle.untilState(bundle.drop(), 'await-receipt');
    bundle.db.exec('BEGIN IMMEDIATE');
    bundle.drop();
    const { turns } = bundle;
    const before = turns();
    await bundle.until(() => turns() > before + 2);
    expect(bundle.lines('daemon.lock-held')).toEqual([]);
    bundle.clock.advance(6);
    await bundle.until(() => bundle.lines('daemon.lock-held').length > 0);
    const said = turns();
    await bundle.until(() => turns() > said + 5);
    const [line, ...more] = bundle.lines('daemon.lock-held');
    expect(more).toEqual([]);
    expect(line).toMatchObject({ level: 'warn' });
    expect(line?.['remedy']).toContain(`sudo fuser -v ${bundle.path} ${bundle.path}-wal`);
    bundle.db.exec('COMMIT');
    await bundle.untilState(2, 'await-receipt');
    expect(bundle.lines('daemon.lock-released')).toHaveLength(1);
  });

  it('a lock held by another program for less than 5 s is no news', async () => {
    const bundle = await setup();
    bundle.db.exec('BEGIN IMMEDIATE');
    bundle.drop();
    await sleep(100);
    bundle.db.exec('COMMIT');
    await bundle.untilState(1, 'await-receipt');
    expect(bundle.lines().filter(({ event }) => String(event).includes('lock'))).toEqual([]);
  });

  it('a lock held by another program does not keep the daemon from draining', async () => {
    const bundle = await setup({ sandbox: { latencyMs: 100 } });
    const id = bundle.drop({ recipient: RECIPIENT });
    await bundle.until(() => bundle.sandbox.ledger.counters.open === 1);
    bundle.db.exec('BEGIN IMMEDIATE');
    const stopping = bundle.stop();
    await sleep(300);
    bundle.db.exec('COMMIT');
    await stopping;
    expect(bundle.message(id)['state']).toBe('await-receipt');
  });
});

it('a second daemon is refused at once, and the first goes on', async () => {
  const bundle = await setup();
  await expect(bundle.start()).rejects.toMatchObject({ code: 'owned-by-another' });
  await bundle.untilState(bundle.drop(), 'await-receipt');
});
