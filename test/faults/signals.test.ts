/** Signals at every moment of the program's life, from the load of its first file on. */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it, type TestContext } from 'vitest';
import { rigUp } from './rig.ts';

/** A file of dist/ that is about to be loaded, or an event of the status log. */
const MOMENTS = [
  'load cli/program.js',
  'load cli/run/run.js',
  'load daemon/daemon.js',
  'load spool/spool.js',
  'daemon.started',
  'daemon.ready',
] as const;

describe.concurrent.each(MOMENTS)('at %s', (moment) => {
  const [, file] = /^load (.*)$/.exec(moment) ?? [];
  const signalled = async (
    signal: NodeJS.Signals,
    { onTestFinished }: Pick<TestContext, 'onTestFinished'>,
  ) => {
    const rig = await rigUp({ onTestFinished });
    const isThere = existsSync(resolve(import.meta.dirname, '../../dist', file ?? '.'));
    expect(isThere, `dist/${file} is there`).toBe(true);
    const env = file === undefined ? {} : { SIGNAL_AT: file, SIGNAL: signal };
    const program = rig.start({ preload: '../faults/signal-at.ts', env });
    if (file === undefined) {
      await program.line(({ event }) => event === moment);
      program.kill(signal);
    }
    return { rig, program };
  };

  it('SIGHUP ends nothing: the daemon comes to work, and reads its configuration', async (context) => {
    const { rig, program } = await signalled('SIGHUP', context);
    await program.line(({ event }) => event === 'daemon.ready');
    rig.drop(1);
    await program.line(({ to }) => to === 'await-receipt');
    program.kill('SIGTERM');
    expect(await program.end()).toEqual({ code: 0, signal: null });
  });

  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    it(`${signal} ends the daemon with 0`, async (context) => {
      const { program } = await signalled(signal, context);
      expect(await program.end()).toEqual({ code: 0, signal: null });
    });
  }
});
