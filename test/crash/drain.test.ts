/**
 * The daemon is told to leave and is killed while it drains, at every step of that: what had not left is sent
 * once, and only what was out and unanswered is in doubt.
 */
import { describe, expect, it } from 'vitest';
import { POINTS, type Point } from './kill-points.ts';
import { Trial } from './trial.ts';

const DRAIN_AT = 10;

const WHILE_OUT: readonly Point[] = ['drain.signal', 'answer.read', 'answer.parsed'];

const WHILE_SETTLING: readonly Point[] = [
  'settle.messages',
  'settle.attempts',
  'settle.events',
  'settle.commit.before',
  'settle.commit.after',
];

const WHEN_DRAINED: readonly Point[] = ['close.before', 'close.after', 'exit'];

const drained = ({ event }: { readonly event: string }): boolean => event === 'daemon.draining';

describe('a drain', () => {
  it.concurrent('a drain puts nothing in doubt when it is let be', async () => {
    await using trial = await Trial.begin({ latencyMs: 20 });
    const program = trial.start();
    await program.line(({ event }) => event === 'message.await-receipt');
    program.kill('SIGTERM');
    expect(await program.end()).toEqual({ code: 0, signal: null });
    expect(trial.left(program).open).toEqual([]);
    expect(await trial.finish()).toMatchObject({ complaints: [], doubles: 0 });
  });

  for (const point of [...WHILE_OUT, ...WHILE_SETTLING]) {
    it.concurrent(
      `a drain loses nothing when it is killed ${POINTS[point]} (${point})`,
      async () => {
        await using trial = await Trial.begin({ latencyMs: 20 });
        const { open } = await trial.crash({ point, count: 1, drainAt: DRAIN_AT });
        const { complaints, doubles } = await trial.finish();
        expect(complaints).toEqual([]);
        expect(doubles).toBeLessThanOrEqual(open.length);
      },
    );
  }

  for (const point of WHEN_DRAINED) {
    it.concurrent(
      `a drain has put nothing in doubt when it is killed ${POINTS[point]} (${point})`,
      async () => {
        await using trial = await Trial.begin({ latencyMs: 20 });
        const { open } = await trial.crash({ point, count: 1, drainAt: DRAIN_AT });
        expect(open).toEqual([]);
        expect(await trial.finish()).toMatchObject({ complaints: [], doubles: 0 });
      },
    );
  }

  it.concurrent(
    'a drain puts what is out in doubt when a second signal breaks it off',
    async () => {
      await using trial = await Trial.begin({ latencyMs: 600_000 });
      const program = trial.start();
      await program.line(({ event }) => event === 'daemon.ready');
      await trial.accepted(1);
      program.kill('SIGTERM');
      await program.line(drained);
      program.kill('SIGTERM');
      expect(await program.end()).toEqual({ code: 1, signal: null });
      const { open } = trial.left(program);
      await trial.sandbox.configure({ latencyMs: 2 });
      const { complaints, doubles } = await trial.finish();
      expect(complaints).toEqual([]);
      expect(doubles).toBeGreaterThan(0);
      expect(doubles).toBeLessThanOrEqual(open.length);
    },
  );

  it.concurrent(
    'a drain puts what is out in doubt when it is killed waiting for answers',
    async () => {
      await using trial = await Trial.begin({ latencyMs: 600_000 });
      const program = trial.start();
      await trial.accepted(4);
      program.kill('SIGTERM');
      await program.line(drained);
      program.kill('SIGKILL');
      const { open } = await trial.died(program);
      expect(open.length).toBeGreaterThanOrEqual(4);
      await trial.sandbox.configure({ latencyMs: 2 });
      expect(await trial.finish()).toMatchObject({ complaints: [], doubles: 4 });
    },
  );
});
