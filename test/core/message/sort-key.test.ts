/** Whose turn it is within a source, by rank, and within a campaign, by deadline. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  compareDeadlineKeys,
  compareSortKeys,
  isRetryRank,
  isUndatedRank,
  LAST_RANK,
  levelOf,
  placeOf,
  rankOf,
  withRetry,
  type SortKey,
} from '../../../src/core/message/sort-key.ts';

interface Facts {
  readonly id: number;
  readonly priority: number;
  readonly isRetry?: boolean;
  readonly expiresAt?: number | null;
}

function turn({ id, priority, isRetry = false, expiresAt = null }: Facts): SortKey {
  const rank = rankOf({ priority, isRetry, expiresAt });
  return { id, rank, expiresAt, createdAt: 1_000, sendAt: null };
}

const anyFacts = fc.record({
  id: fc.integer({ min: 1, max: 20 }),
  priority: fc.integer({ min: 0, max: 9 }),
  isRetry: fc.boolean(),
  expiresAt: fc.option(fc.integer({ min: 1, max: 5 })),
});

describe('the order of the index', () => {
  it('the order of the index puts priority before kind, rows with a deadline before those without, and then age', () => {
    const sorted = [
      turn({ id: 9, priority: 9 }),
      turn({ id: 7, priority: 4, expiresAt: 100 }),
      turn({ id: 2, priority: 4, expiresAt: 200 }),
      turn({ id: 8, priority: 4, expiresAt: 200 }),
      turn({ id: 3, priority: 4 }),
      turn({ id: 5, priority: 4 }),
      turn({ id: 6, priority: 4, isRetry: true, expiresAt: 50 }),
      turn({ id: 1, priority: 4, isRetry: true }),
      turn({ id: 4, priority: 0, expiresAt: 1 }),
    ];
    expect([...sorted].reverse().sort(compareSortKeys)).toEqual(sorted);
  });

  it('the order of the index is a total order: two rows are equal only when they are one row', () => {
    fc.assert(
      fc.property(anyFacts, anyFacts, anyFacts, (...facts) => {
        const [a, b, c] = facts.map(turn) as [SortKey, SortKey, SortKey];
        expect(Math.sign(compareSortKeys(a, b))).toBe(-Math.sign(compareSortKeys(b, a)) + 0);
        if (compareSortKeys(a, b) <= 0 && compareSortKeys(b, c) <= 0) {
          expect(compareSortKeys(a, c)).toBeLessThanOrEqual(0);
        }
        if (compareSortKeys(a, b) === 0) expect(b).toEqual(a);
      }),
    );
  });
});

describe('a rank', () => {
  it('a rank tells priority, kind and whether there is a deadline, for any row', () => {
    fc.assert(
      fc.property(anyFacts, (facts) => {
        const { rank } = turn(facts);
        expect(rank).toBeGreaterThanOrEqual(0);
        expect(rank).toBeLessThanOrEqual(LAST_RANK);
        expect([9 - levelOf(rank), isRetryRank(rank), isUndatedRank(rank)]).toEqual([
          facts.priority,
          facts.isRetry,
          facts.expiresAt === null,
        ]);
      }),
    );
  });

  it('a rank of a row that becomes a retry, or is none any more, differs in nothing else', () => {
    fc.assert(
      fc.property(anyFacts, fc.boolean(), (facts, isRetry) => {
        expect(withRetry(turn(facts).rank, isRetry)).toBe(turn({ ...facts, isRetry }).rank);
      }),
    );
  });
});

it('the order has rows without a deadline go by their validity, from when they may be sent', () => {
  const undated = turn({ id: 1, priority: 4 });
  const later = { ...turn({ id: 2, priority: 4 }), sendAt: 1_500 };
  const before = turn({ id: 3, priority: 4, expiresAt: 1_059 });
  const between = turn({ id: 4, priority: 4, expiresAt: 1_061 });
  const after = turn({ id: 5, priority: 4, expiresAt: 1_561 });
  const places = [after, between, before, later, undated].map((one) => placeOf(one, 60_000));
  expect(places.sort(compareDeadlineKeys).map(({ id }) => id)).toEqual([3, 1, 4, 2, 5]);
});
