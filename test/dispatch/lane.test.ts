/** Who goes next within a lane, whatever sources its rows are in and however old what is known of them. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compareTurns, type Turn } from '../../src/core/turn.ts';
import { Lane } from '../../src/dispatch/lane.ts';
import { ReadyRows, type RowOver } from '../support/ready-rows.ts';

function setup(rows: readonly RowOver[] = []) {
  const table = new ReadyRows();
  const lane = new Lane('AcmeInc', null);
  const add = (over: RowOver): void => {
    const row = table.add(over);
    lane.offer(row, row);
  };
  /** One transaction: takes rows and claims them; gives their ids. */
  const take = (limit: number, rival: Turn | null = null): readonly number[] => {
    const ids = lane.take(limit, rival, table.peek).map((row) => row.id);
    lane.endTransaction();
    table.claim(ids);
    return ids;
  };
  for (const row of rows) add(row);
  return { table, lane, add, take };
}

describe('rows of one lane', () => {
  it('go by priority, then by the earliest deadline, rows without one last, then by age', () => {
    const { take } = setup([
      { id: 1, campaign: 'a' },
      { id: 2, campaign: 'b', expiresAt: 2_000_000_000 },
      { id: 3, campaign: 'a', expiresAt: 1_900_000_000 },
      { id: 4, sender: 'AcmeInc', priority: 9 },
      { id: 5, campaign: 'b' },
      { id: 6, priority: 0, expiresAt: 1_800_000_000 },
      { id: 7 },
    ]);
    expect(take(100)).toEqual([4, 3, 2, 1, 5, 7, 6]);
  });

  it('go in the same order one by one, in any batches, and as they arrive', () => {
    const anyRow = fc.record({
      priority: fc.integer({ min: 0, max: 3 }),
      expiresAt: fc.option(fc.integer({ min: 1_800_000_000, max: 1_800_000_003 })),
      sender: fc.constantFrom(null, 'AcmeInc'),
      campaign: fc.constantFrom(null, 'a', 'b', 'c'),
    });
    fc.assert(
      fc.property(
        fc.array(anyRow, { minLength: 1, maxLength: 60 }),
        fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1 }),
        (rows, batches) => {
          const { table, add, take } = setup();
          let step = 0;
          for (const [index, row] of rows.entries()) {
            add({ id: index + 1, ...row });
            if (index % 7 !== 6) continue;
            const expected = table.waiting.map(({ id }) => id);
            const taken = take(batches[step++ % batches.length] ?? 1);
            expect(taken).toEqual(expected.slice(0, taken.length));
            expect(taken.length).toBeGreaterThan(0);
          }
          const rest = table.waiting.map(({ id }) => id);
          expect(take(1000)).toEqual(rest);
        },
      ),
    );
  });

  it('are taken past the size of one read', () => {
    const { take } = setup(Array.from({ length: 300 }, (_, index) => ({ id: index + 1 })));
    expect(take(250)).toHaveLength(250);
    expect(take(250)).toEqual(Array.from({ length: 50 }, (_, index) => index + 251));
  });
});

describe('what is known of a source', () => {
  it('may be out of date: a row that has gone lets none jump the queue', () => {
    const { table, take } = setup([
      { id: 1, campaign: 'a', priority: 9 },
      { id: 2, campaign: 'a', priority: 1 },
      { id: 3, campaign: 'b', priority: 5 },
    ]);
    table.claim([1]);
    expect(take(10)).toEqual([3, 2]);
  });

  it('is corrected by a row that comes later and goes earlier', () => {
    const { lane, add, take } = setup([{ id: 5 }]);
    expect(lane.offer({ account: null, sender: null, campaign: null }, turnOf(9))).toBe(false);
    add({ id: 6, priority: 7 });
    expect(lane.head?.id).toBe(6);
    expect(take(1)).toEqual([6]);
    expect(lane.head?.id).toBe(5);
  });

  it('is dropped when it is empty, and found again by the next row', () => {
    const { lane, add, take } = setup([{ id: 1, campaign: 'a' }]);
    take(10);
    expect([lane.head, lane.sources]).toEqual([null, []]);
    add({ id: 2, campaign: 'a' });
    expect(take(10)).toEqual([2]);
  });

  it('is forgotten before a scan, which finds it again', () => {
    const { table, lane, take } = setup([{ id: 1 }, { id: 2, campaign: 'a' }]);
    lane.forget();
    expect(lane.head).toBeNull();
    for (const row of table.waiting) lane.offer(row, row);
    expect(take(10)).toEqual([1, 2]);
  });
});

describe('a rival lane', () => {
  it('of a higher priority stops the batch, even at a first row that was not known', () => {
    const rows = [
      { id: 1, priority: 5 },
      { id: 2, priority: 3 },
    ];
    expect(setup(rows).take(10, turnOf(9, 4))).toEqual([1]);
    expect(setup(rows).take(10, turnOf(9, 3))).toEqual([1, 2]);
    const { table, lane, take } = setup(rows);
    table.claim([1]);
    expect(take(10, turnOf(9, 4))).toEqual([]);
    expect(lane.head?.id).toBe(2);
  });
});

function turnOf(id: number, priority = 4): Turn {
  return { id, priority, expiresAt: null };
}

it('reads a source once for many rows', () => {
  const { table, take } = setup(Array.from({ length: 60 }, (_, index) => ({ id: index + 1 })));
  table.reads = 0;
  expect([...take(50)].sort((a, b) => a - b)).toHaveLength(50);
  expect(table.reads).toBe(1);
  expect([...table.waiting].sort(compareTurns)[0]?.id).toBe(51);
});
