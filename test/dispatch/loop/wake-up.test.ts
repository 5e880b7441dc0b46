/** When the next row is likely to be claimed: what outcomes may wait for. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { claimAt } from '../../../src/dispatch/loop/wake-up.ts';
import { instant, makeQueue } from '../../support/account-queue.ts';
import { ReadyRows } from '../../support/ready-rows.ts';
import { claimOf } from '../../support/verdicts.ts';

beforeEach(() => void vi.useFakeTimers({ now: 0 }));
afterEach(() => void vi.useRealTimers());

async function setup(rows: number) {
  const table = new ReadyRows();
  const queue = makeQueue({ rate: 100, burst: 1, concurrency: 2 });
  for (let id = 1; id <= rows; id += 1) {
    const row = table.add({ id });
    queue.offer(row, row);
  }
  await vi.advanceTimersByTimeAsync(1_000);
  const take = (): number => {
    const taken = queue.take(1, instant(), table).map(({ row }) => row.id);
    table.claim(taken);
    return taken.length;
  };
  const at = (): number | null => {
    const claimedAt = claimAt(queue, Date.now());
    return claimedAt === null ? null : claimedAt - Date.now();
  };
  return { queue, take, at };
}

describe('the next claim', () => {
  it('the next claim may come at once where a permit is there, and with the next one where it is used', async () => {
    const { take, at } = await setup(10);
    expect(at()).toBe(0);
    expect(take()).toBe(1);
    expect(at()).toBeCloseTo(10);
    await vi.advanceTimersByTimeAsync(4);
    expect(at()).toBeCloseTo(6);
  });

  it('the next claim is expected soon where the permit is late', async () => {
    const { queue, take, at } = await setup(100);
    for (let permit = 0; permit < 50; permit += 1) {
      vi.setSystemTime(Date.now() + 10);
      take();
    }
    vi.setSystemTime(Date.now() + 100);
    expect(queue.limits.account.available(instant())).toBe(0);
    expect(at()).toBe(1);
  });

  it('the next claim is not a matter of time where nothing is ready, or no slot is free', async () => {
    const { queue, at } = await setup(0);
    expect(at()).toBeNull();
    const busy = await setup(10);
    busy.queue.prefetched.push(claimOf({ id: 1 }), claimOf({ id: 2 }));
    expect(busy.at()).toBeNull();
    expect(queue.hasWork).toBe(false);
  });

  it('the next claim waits for what the gateway asked', async () => {
    const { queue, at } = await setup(10);
    queue.limits.account.block(500, Date.now());
    expect(at()).toBe(500);
  });
});
