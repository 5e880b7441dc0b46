/**
 * The daemon is killed between every two steps of a message's life, early, amidst and at the end of its work,
 * and started again: no message is lost or stuck, and only what was marked uncertain is sent twice.
 */
import { describe, expect, it } from 'vitest';
import { POINTS, type Point } from './kill-points.ts';
import { Trial, type TrialOptions } from './trial.ts';

const MESSAGES = 30;
const ANYWHERE = [1, 17, MESSAGES] as const;

const CLAIMING = [
  'claim.marked',
  'claim.attempted',
  'claim.commit.before',
  'claim.commit.after',
  'request.before',
  'request.half',
] as const;

const OPEN = [
  'request.after',
  'answer.read',
  'answer.parsed',
  'settle.messages',
  'settle.attempts',
  'settle.parts',
  'settle.events',
  'settle.commit.before',
] as const;

const SETTLED = ['settle.commit.after', 'log.after'] as const;

interface Killed {
  readonly open: number;
  readonly doubles: number;
  readonly states: Readonly<Record<string, number>>;
}

async function killAndFinish(
  point: Point,
  count: number,
  options: TrialOptions = {},
): Promise<Killed> {
  await using trial = await Trial.begin({ messages: MESSAGES, ...options });
  const { open } = await trial.crash({ point, count });
  const { complaints, doubles, states } = await trial.finish();
  expect(complaints).toEqual([]);
  expect(doubles).toBeLessThanOrEqual(open.length);
  return { open: open.length, doubles, states };
}

/** One test for each point and count. */
function each(
  points: readonly Point[],
  counts: readonly number[],
  test: (point: Point, count: number) => Promise<void>,
): void {
  for (const point of points) {
    for (const count of counts) {
      it.concurrent(`${POINTS[point]} (${point}, no. ${count})`, () => test(point, count));
    }
  }
}

describe('a kill and a restart send nothing twice', () => {
  each(CLAIMING, [1], async (point, count) => {
    expect((await killAndFinish(point, count)).doubles).toBe(0);
  });
});

describe('a kill and a restart send twice, and say so, what was open', () => {
  each(OPEN, ANYWHERE, async (point, count) => {
    expect((await killAndFinish(point, count)).doubles).toBeGreaterThan(0);
  });
});

describe('a kill and a restart lose and hold up nothing', () => {
  each(['begin.before', 'begin.after'], [1, 2, 3, 4, 6], async (point, count) => {
    await killAndFinish(point, count);
  });
  each(CLAIMING, [17, MESSAGES], async (point, count) => {
    await killAndFinish(point, count);
  });
  each(SETTLED, [1, 17], async (point, count) => {
    await killAndFinish(point, count);
  });
});

describe('a kill and a restart leave nothing to doubt', () => {
  each(SETTLED, [MESSAGES], async (point, count) => {
    expect(await killAndFinish(point, count)).toMatchObject({ open: 0, doubles: 0 });
  });
});

describe('under hold, what a kill left open stays uncertain and is never sent again', () => {
  each([...CLAIMING, ...OPEN, ...SETTLED], [17], async (point, count) => {
    const { open, doubles, states } = await killAndFinish(point, count, { onUncertain: 'hold' });
    expect(doubles).toBe(0);
    expect(states['uncertain'] ?? 0).toBe(open);
  });
});
