import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { compareTurns, type Turn } from '../../src/core/turn.ts';

const anyTurn = fc.record({
  id: fc.integer({ min: 1, max: 20 }),
  priority: fc.integer({ min: 0, max: 3 }),
  expiresAt: fc.option(fc.integer({ min: 1, max: 5 })),
});

const turn = (id: number, priority: number, expiresAt: number | null): Turn => ({
  id,
  priority,
  expiresAt,
});

it('puts priority before deadline before age, and rows without a deadline after those with', () => {
  const sorted = [
    turn(9, 9, null),
    turn(7, 4, 100),
    turn(2, 4, 200),
    turn(8, 4, 200),
    turn(1, 4, null),
    turn(3, 4, null),
    turn(4, 0, 1),
  ];
  expect([...sorted].reverse().sort(compareTurns)).toEqual(sorted);
});

it('is a total order: two rows are equal only when they are one row', () => {
  fc.assert(
    fc.property(anyTurn, anyTurn, anyTurn, (a, b, c) => {
      expect(Math.sign(compareTurns(a, b))).toBe(-Math.sign(compareTurns(b, a)) + 0);
      if (compareTurns(a, b) <= 0 && compareTurns(b, c) <= 0) {
        expect(compareTurns(a, c)).toBeLessThanOrEqual(0);
      }
      if (compareTurns(a, b) === 0) expect(b).toEqual(a);
    }),
  );
});
