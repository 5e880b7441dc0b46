/** SIGTERM in every state: the daemon leaves within its deadline, with the right exit code, and loses nothing unsaid. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { Program } from '../crash/program.ts';
import { rigUp, type Rig } from './rig.ts';
import { Shims } from './shim.ts';

const MANY = 200;
const shims = new Shims();
afterAll(() => shims[Symbol.dispose]());

/** The time that the unit gives a stop. */
function unitsLimitMs(): number {
  const unit = resolve(import.meta.dirname, '../../systemd/sms-spoold.service');
  return Number(/^TimeoutStopSec=(\d+)$/m.exec(readFileSync(unit, 'utf8'))?.[1]) * 1_000;
}

const SILENCE = { silenceMs: 90_000 } as const;
const limits = { timeout: 180_000 };
const ready = ({ event }: { readonly event: string }): boolean => event === 'daemon.ready';

async function stop(program: Program): Promise<number | null> {
  const began = performance.now();
  program.kill('SIGTERM');
  const { code, signal } = await program.end();
  expect(signal).toBeNull();
  expect(performance.now() - began).toBeLessThan(unitsLimitMs());
  return code;
}

/** Every message whose request was answered has its outcome in the spool, or a line. */
function nothingIsLost(rig: Rig, program: Program): void {
  const unwritten = new Set(
    program.lines.filter(({ event }) => event === 'message.unwritten').map(({ id }) => id),
  );
  const open = rig.db.prepare<[], number>(`SELECT id FROM messages WHERE state = 'sending'`);
  const unsaid = open
    .pluck()
    .all()
    .filter((id) => !unwritten.has(id));
  expect(unsaid).toEqual([]);
}

describe.concurrent('SIGTERM', limits, () => {
  it('SIGTERM while nothing is to be done ends the daemon with 0', async ({ onTestFinished }) => {
    const rig = await rigUp({ onTestFinished });
    const program = rig.start(SILENCE);
    await program.line(ready);
    expect(await stop(program)).toBe(0);
  });

  it('SIGTERM while 200 requests are open waits for their answers and ends with 0', async ({
    onTestFinished,
  }) => {
    const rig = await rigUp({
      onTestFinished,
      account: `concurrency = ${MANY}`,
      sandbox: { latencyMs: 4_000 },
    });
    const program = rig.start(SILENCE);
    await program.line(ready);
    rig.drop(MANY);
    await rig.until(() => rig.sandbox.ledger.counters.requests === MANY);
    expect(await stop(program)).toBe(0);
    expect(rig.count('await-receipt')).toBe(MANY);
  });

  it('SIGTERM while the gateway answers nothing puts what is out in doubt, on disk, and ends with 0', async ({
    onTestFinished,
  }) => {
    const rig = await rigUp({
      onTestFinished,
      account: 'concurrency = 20\ntimeout = "10m"',
      sandbox: { latencyMs: 600_000 },
    });
    const program = rig.start(SILENCE);
    await program.line(ready);
    rig.drop(20);
    await rig.until(() => rig.sandbox.ledger.counters.open === 20);
    expect(await stop(program)).toBe(0);
    expect(rig.count('uncertain')).toBe(20);
  });

  it('SIGTERM while another program holds the lock ends with 1 and a line for each outcome that is lost', async ({
    onTestFinished,
  }) => {
    const rig = await rigUp({
      onTestFinished,
      account: 'concurrency = 22',
      sandbox: { latencyMs: 500 },
    });
    const program = rig.start(SILENCE);
    await program.line(ready);
    rig.drop(22);
    await rig.until(() => rig.sandbox.ledger.counters.open === 22);
    rig.db.exec('BEGIN IMMEDIATE');
    await program.line(({ event }) => event === 'daemon.lock-held');
    expect(await stop(program)).toBe(1);
    rig.db.exec('COMMIT');
    expect(program.lines.filter(({ event }) => event === 'message.unwritten')).toHaveLength(22);
    expect(program.lines.at(-1)).toMatchObject({ event: 'daemon.stopped', level: 'error' });
    nothingIsLost(rig, program);
  });

  it('SIGTERM while the lock is held and nothing is to be written ends with 0', async ({
    onTestFinished,
  }) => {
    const rig = await rigUp({ onTestFinished });
    const program = rig.start(SILENCE);
    await program.line(ready);
    rig.db.exec('BEGIN IMMEDIATE');
    await program.line(({ event }) => event === 'daemon.lock-held');
    expect(await stop(program)).toBe(0);
    rig.db.exec('COMMIT');
  });

  it.skipIf(!shims.isThere)(
    'SIGTERM while there is no room ends with 1 and a line each',
    async ({ onTestFinished }) => {
      const rig = await rigUp({
        onTestFinished,
        account: 'concurrency = 22',
        sandbox: { latencyMs: 500 },
      });
      const shim = shims.make();
      const program = rig.start({ ...SILENCE, env: shim.env });
      await program.line(ready);
      rig.drop(22);
      await rig.until(() => rig.sandbox.ledger.counters.open === 22);
      shim.fail('EDQUOT');
      await program.line(({ event }) => event === 'daemon.disk-full');
      expect(await stop(program)).toBe(1);
      expect(program.lines.filter(({ event }) => event === 'message.unwritten')).toHaveLength(22);
      nothingIsLost(rig, program);
    },
  );

  it('SIGTERM while the disk is full ends with 1 and a line each, on a small disk', async ({
    onTestFinished,
    skip,
  }) => {
    const folder = mkdtempSync(join(tmpdir(), 'sms-spoold-small-'));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', folder]);
    if (mounted.status !== 0) skip('only root may mount a small disk');
    onTestFinished(() => void spawnSync('umount', ['-l', folder]));
    const rig = await rigUp({
      onTestFinished,
      within: folder,
      account: 'concurrency = 22',
      sandbox: { latencyMs: 500 },
    });
    const program = rig.start(SILENCE);
    await program.line(ready);
    rig.drop(22);
    await rig.until(() => rig.sandbox.ledger.counters.open === 22);
    spawnSync('sh', ['-c', `cat /dev/zero > ${join(folder, 'filler')}`]);
    await program.line(({ event }) => event === 'daemon.disk-full');
    expect(await stop(program)).toBe(1);
    nothingIsLost(rig, program);
  });

  it('SIGTERM while the start waits for a lock ends with 0', async ({ onTestFinished }) => {
    const rig = await rigUp({ onTestFinished });
    rig.db.exec('BEGIN IMMEDIATE');
    const program = rig.start(SILENCE);
    await program.line(({ event }) => event === 'daemon.started');
    expect(await stop(program)).toBe(0);
    rig.db.exec('COMMIT');
    expect(program.lines.at(-1)).toMatchObject({ event: 'daemon.stopped' });
  });
});
