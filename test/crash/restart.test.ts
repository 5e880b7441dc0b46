/**
 * The daemon is killed again while it picks up what a kill left: as it marks what was open as uncertain, as it
 * gives that back for another attempt, and during that attempt, which is then as uncertain as the first.
 */
import { describe, expect, it } from 'vitest';
import { POINTS, type Point } from './kill-points.ts';
import { Trial } from './trial.ts';

const MESSAGES = 20;
const FIRST = { point: 'request.after', count: 11 } as const;

const RESCUE: readonly Point[] = [
  'begin.before',
  'begin.after',
  'settle.messages',
  'settle.attempts',
  'settle.events',
  'settle.commit.before',
  'settle.commit.after',
];

const LAPSE: readonly Point[] = ['lapse.written', 'lapse.commit.before', 'lapse.commit.after'];

const AGAIN: readonly Point[] = [
  'claim.commit.after',
  'request.after',
  'answer.parsed',
  'settle.commit.before',
  'settle.commit.after',
];

describe('a daemon that is killed', () => {
  for (const point of [...RESCUE, ...LAPSE]) {
    it.concurrent(`twice, the second time ${POINTS[point]} (${point}), picks up all`, async () => {
      await using trial = await Trial.begin({ messages: MESSAGES });
      await trial.crash(FIRST);
      await trial.crash({ point, count: 1 });
      const { complaints, doubles } = await trial.finish();
      expect(complaints).toEqual([]);
      expect(doubles).toBeGreaterThan(0);
    });
  }

  for (const point of AGAIN) {
    it.concurrent(
      `during the second attempt, ${POINTS[point]} (${point}), marks the third`,
      async () => {
        await using trial = await Trial.begin({ messages: MESSAGES });
        const first = await trial.crash(FIRST);
        const fresh = MESSAGES - first.settled - first.open.length;
        // What the first run left open is settled once before any of it goes again.
        const rescued = point.startsWith('settle.') ? first.open.length : 0;
        const second = await trial.crash({ point, count: rescued + fresh + 1 });
        await trial.crash({ point: 'begin.after', count: 2 });
        const { complaints, doubles, answersLost } = await trial.finish();
        expect(complaints).toEqual([]);
        expect(doubles).toBe(answersLost);
        expect(answersLost).toBeGreaterThan(0);
        if (point === 'settle.commit.after') return;
        expect(first.open.some((id) => second.open.includes(id))).toBe(true);
      },
    );
  }

  it.concurrent(
    'a daemon that is killed in every attempt of a message, five times, delivers it at last',
    async () => {
      await using trial = await Trial.begin({ messages: 1 });
      for (let times = 1; times <= 5; times += 1) {
        const { open } = await trial.crash({ point: 'request.after', count: 1 });
        expect(open).toEqual([1]);
      }
      expect(await trial.finish()).toMatchObject({ complaints: [], doubles: 5 });
    },
  );
});
