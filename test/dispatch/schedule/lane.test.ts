/** Who goes next within a lane, whatever sources its rows are in and however old what is known of them. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { rankOf, type SortKey, type SourceKey } from '../../../src/core/message/sort-key.ts';
import { Scheduler } from '../../../src/dispatch/schedule/scheduler.ts';
import type { RowPass, RowQueue } from '../../../src/dispatch/schedule/lane.ts';
import type { ReadyRow } from '../../../src/spool/write/claims.ts';
import { makeQueue } from '../../support/account-queue.ts';
import {
  compareInTurn,
  ReadyRows,
  UNDATED_ENDS_AT,
  type RowOver,
} from '../../support/ready-rows.ts';

const always = (): boolean => true;

function setup(rows: readonly RowOver[] = []) {
  const table = new ReadyRows();
  const lane = makeQueue().lane('AcmeInc');
  const scheduler = new Scheduler<RowQueue>(() => 0);
  const pass: RowPass = {
    ...{ reader: table, used: [], left: [] },
    onLater: (row) => {
      const rowQueue = lane.rowQueueOf(row, row.rank);
      if (rowQueue.offer(row)) scheduler.put(rowQueue);
    },
  };
  /** Gives the row queue whose head the row became; null = it waits behind another. */
  const offered = (key: SourceKey, row: SortKey): RowQueue | null => {
    const rowQueue = lane.rowQueueOf(key, row.rank);
    return rowQueue.offer(row) ? rowQueue : null;
  };
  const offer = (row: ReadyRow): void => {
    const rowQueue = offered(row, row);
    if (rowQueue !== null) scheduler.put(rowQueue);
  };
  const add = (over: RowOver): void => offer(table.add(over));
  /** One transaction: takes rows and claims them; gives their ids. */
  const take = (limit: number): readonly number[] => {
    const ids: number[] = [];
    for (let one = scheduler.next(always); one !== null; one = scheduler.next(always)) {
      if (ids.length === limit) break;
      const { head, place } = one;
      const row = one.first(scheduler.shareOf(one, limit - ids.length, 1), pass);
      if (row !== null && one.head === head) {
        ids.push(row.id);
        scheduler.spend(one);
        one.take(pass, false);
      }
      if (one.place !== place) scheduler.put(one);
    }
    for (const rowQueue of pass.used.splice(0)) rowQueue.endPass();
    table.claim(ids);
    return ids;
  };
  for (const row of rows) add(row);
  return { table, lane, scheduler, add, offer, offered, take };
}

const idsUpTo = (count: number): readonly number[] =>
  Array.from({ length: count }, (_, index) => index + 1);

describe('rows of one campaign in one lane', () => {
  it('go by priority, then by the earliest deadline, their own or that of their validity, then by age', () => {
    const { take } = setup([
      { id: 1 },
      { id: 2, expiresAt: UNDATED_ENDS_AT - 1 },
      { id: 3, expiresAt: UNDATED_ENDS_AT - 2, sender: 'AcmeInc' },
      { id: 4, sender: 'AcmeInc', priority: 9 },
      { id: 5, sender: 'AcmeInc' },
      { id: 6, priority: 0, expiresAt: 1_790_000_001 },
      { id: 7 },
      { id: 8, expiresAt: UNDATED_ENDS_AT + 1 },
    ]);
    expect(take(100)).toEqual([4, 3, 2, 1, 5, 7, 8, 6]);
  });

  it('rows of one campaign in one lane that have no deadline are not passed for ever by ever more that have one', () => {
    const { add, take } = setup([{ id: 1 }]);
    const taken: number[] = [];
    for (let id = 2; taken.at(-1) !== 1 && id < 2_000; id += 1) {
      add({ id, expiresAt: UNDATED_ENDS_AT - 600 + id });
      add({ id: id + 10_000, expiresAt: UNDATED_ENDS_AT - 600 + id });
      taken.push(...take(1));
    }
    expect(taken.at(-1)).toBe(1);
    expect(taken).toHaveLength(2 * 598 + 1); // those that have to go before it, and it
  });

  it('go in the same order one by one, in any batches, and as they arrive', () => {
    const anyRow = fc.record({
      priority: fc.integer({ min: 0, max: 3 }),
      expiresAt: fc.option(fc.integer({ min: UNDATED_ENDS_AT - 2, max: UNDATED_ENDS_AT + 2 })),
      sender: fc.constantFrom(null, 'AcmeInc'),
      account: fc.constantFrom(null, 'main'),
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
            const expected = [...table.waiting].sort(compareInTurn).map(({ id }) => id);
            const size = batches[step++ % batches.length] ?? 1;
            expect(take(size)).toEqual(expected.slice(0, size));
          }
          const rest = [...table.waiting].sort(compareInTurn).map(({ id }) => id);
          expect(take(1000)).toEqual(rest);
        },
      ),
    );
  });

  it('rows of one campaign in one lane are taken past the size of one read', () => {
    const { take } = setup(idsUpTo(300).map((id) => ({ id })));
    expect(take(250)).toEqual(idsUpTo(250));
    expect(take(250)).toEqual(idsUpTo(300).slice(250));
  });
});

describe('reads', () => {
  it('reads are one for many rows where there is one source', () => {
    const { table, take } = setup(idsUpTo(60).map((id) => ({ id })));
    take(1); // finds out whether there are rows of a lower priority
    table.reads = 0;
    expect(take(50)).toHaveLength(50);
    expect(table.reads).toBe(1);
    expect(table.waiting[0]?.id).toBe(52);
  });

  it('reads are one each where campaigns take turns', () => {
    const campaigns = ['a', 'b', 'c', 'd'];
    const { table, take } = setup(
      idsUpTo(400).map((id) => ({ id, campaign: campaigns[id % 4] ?? null })),
    );
    take(4);
    table.reads = 0;
    expect(take(64)).toHaveLength(64);
    expect(table.reads).toBeLessThanOrEqual(8);
  });
});

describe('what is known of a source', () => {
  it('what is known of a source may be out of date: a row that has gone lets none jump the queue', () => {
    const { table, take } = setup([
      { id: 1, campaign: 'a', priority: 9 },
      { id: 2, campaign: 'a', priority: 1 },
      { id: 3, campaign: 'b', priority: 5 },
    ]);
    table.claim([1]);
    expect(take(10)).toEqual([3, 2]);
  });

  it('what is known of a source is corrected by a row that comes later and goes earlier', () => {
    const { offered, add, take } = setup([{ id: 5 }]);
    expect(offered({ account: null, sender: null, campaign: null }, sortKeyOf(9))).toBeNull();
    add({ id: 6, expiresAt: 1_790_000_001 });
    expect(take(1)).toEqual([6]);
    expect(take(1)).toEqual([5]);
  });

  it('what is known of a source grows by rows of a lower priority that a scan has not named', () => {
    const { table, take } = setup([{ id: 1, priority: 9 }]);
    for (const priority of [7, 2, 0]) table.add({ id: priority + 10, priority });
    expect(take(10)).toEqual([1, 17, 12, 10]);
  });

  it('what is known of a source is dropped when it is empty, and found again by the next row', () => {
    const { lane, add, take } = setup([{ id: 1, campaign: 'a' }]);
    take(10);
    expect([lane.hasRows, lane.sources]).toEqual([false, []]);
    add({ id: 2, campaign: 'a' });
    expect(take(10)).toEqual([2]);
  });

  it('what is known of a source is forgotten before a scan, which finds it again', () => {
    const { table, lane, scheduler, offer, take } = setup([{ id: 1 }, { id: 2, campaign: 'a' }]);
    lane.forget();
    expect([lane.hasRows, scheduler.isEmpty]).toEqual([false, true]);
    for (const row of table.waiting) offer(row);
    expect(take(10)).toEqual([1, 2]);
  });

  it('what is known of a source names each source once, whatever priorities it holds', () => {
    const { lane } = setup([{ id: 1, priority: 9 }, { id: 2 }, { id: 3, campaign: 'a' }]);
    expect(lane.sources).toEqual([
      { account: null, sender: null, campaign: null },
      { account: null, sender: null, campaign: 'a' },
    ]);
  });
});

describe('a lane that cannot go', () => {
  it('a lane that cannot go gives back what it kept a little at a time, the higher priority first, and each once', () => {
    const { lane, scheduler, offered, take } = setup();
    const key = (campaign: number) => ({ account: null, sender: null, campaign: String(campaign) });
    for (const id of idsUpTo(200)) {
      const rowQueue = offered(key(id), sortKeyOf(id, id === 200 ? 9 : 4));
      if (rowQueue === null) throw new Error('not offered');
      lane.setAside(rowQueue);
      lane.setAside(rowQueue);
    }
    const back: RowQueue[] = [];
    while (lane.bringBack((rowQueue) => back.push(rowQueue))) expect(back.length % 64).toBe(0);
    expect(back.map(({ head }) => head?.id)).toEqual([200, ...idsUpTo(199)]);
    for (const rowQueue of back) scheduler.put(rowQueue);
    expect(take(10)).toEqual([]); // the table has none of them
    expect(lane.hasRows).toBe(false);
  });
});

function sortKeyOf(id: number, priority = 4): SortKey {
  const rank = rankOf({ priority, isRetry: false, expiresAt: null });
  return { id, rank, expiresAt: null, createdAt: 1_790_000_000, sendAt: null };
}
