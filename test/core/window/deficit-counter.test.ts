import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { isOwed, NOTHING_OWED, owedAfter } from '../../../src/core/window/deficit-counter.ts';

function play(reserve: number, permits: number): readonly boolean[] {
  let owed = NOTHING_OWED;
  return Array.from({ length: permits }, () => {
    const wentBelow = isOwed(owed, reserve);
    owed = owedAfter(owed, reserve, wentBelow);
    return wentBelow;
  });
}

it('the deficit counter gives every tenth permit to a lower priority where a tenth is reserved', () => {
  const below = play(0.1, 1_000).flatMap((isBelow, index) => (isBelow ? [index + 1] : []));
  expect(below).toEqual(Array.from({ length: 100 }, (_, index) => (index + 1) * 10));
});

it('the deficit counter gives none where nothing is', () => {
  expect(play(0, 1_000)).not.toContain(true);
});

it('the deficit counter keeps to the share within one permit, over any stretch', () => {
  const run = fc.tuple(
    fc.double({ min: 0.001, max: 0.5, noNaN: true }),
    fc.integer({ min: 0, max: 500 }),
    fc.integer({ min: 1, max: 500 }),
  );
  fc.assert(
    fc.property(run, ([reserve, from, length]) => {
      const below = play(reserve, from + length)
        .slice(from)
        .filter((isBelow) => isBelow);
      expect(Math.abs(below.length - reserve * length)).toBeLessThanOrEqual(1 + 1e-6);
    }),
  );
});
