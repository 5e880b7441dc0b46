/** An account at work: no permit, no row; a lane that waits holds up no other; probes pick another message. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { AccountCircuit } from '../../../src/core/account/account-circuit.ts';
import { instant, makeQueue } from '../../support/account-queue.ts';
import { ReadyRows, type RowOver } from '../../support/ready-rows.ts';
import { answered, claimOf, NOW } from '../../support/verdicts.ts';

beforeEach(() => void vi.useFakeTimers({ now: 0 }));
afterEach(() => void vi.useRealTimers());

const BURST = 1_000;

interface Limits {
  readonly rate?: number;
  readonly burst?: number;
  readonly reserve?: number;
  readonly senders?: Readonly<Record<string, number>>;
}

async function setup(rows: readonly RowOver[] = [], limits: Limits = {}) {
  const table = new ReadyRows();
  const circuit = new AccountCircuit();
  const { rate = 50_000, burst = BURST, reserve = 0, senders = {} } = limits;
  const queue = makeQueue({
    circuit,
    rate,
    burst,
    reserve,
    senders: Object.entries(senders),
    senderBurst: 1,
  });
  const add = (over: RowOver): void => {
    const row = table.add(over);
    queue.offer(row, row);
  };
  /** One step: takes and claims; gives the ids. */
  const take = (limit = 100): readonly number[] => {
    const ids = queue.take(limit, instant(), table).map(({ row }) => row.id);
    table.claim(ids);
    return ids;
  };
  for (const row of rows) add(row);
  await vi.advanceTimersByTimeAsync(3_000); // permits are in stock
  return { table, queue, circuit, add, take };
}

const rowsOf = (sender: string | null, ...ids: readonly number[]): readonly RowOver[] =>
  ids.map((id) => ({ id, sender }));

describe('lanes', () => {
  it('lanes are senders: NULL and the default it stands for are one, with one limit', async () => {
    const { queue, take } = await setup([...rowsOf(null, 1, 3), ...rowsOf('AcmeInc', 2, 4)], {
      senders: { AcmeInc: 1 },
    });
    expect(queue.lane(null)).toBe(queue.lane('AcmeInc'));
    const taken: number[] = [];
    for (let second = 0; second < 10 && taken.length < 4; second += 1) {
      const now = take();
      expect(now.length).toBeLessThanOrEqual(1);
      taken.push(...now);
      await vi.advanceTimersByTimeAsync(1_000);
    }
    expect(taken).toEqual([1, 2, 3, 4]);
  });

  it('lanes that wait hold up no other, whatever their priority', async () => {
    const { queue, take } = await setup([
      { id: 1, sender: 'Slow', priority: 9 },
      { id: 2, sender: 'Slow', priority: 9 },
      ...rowsOf('Quick', 3, 4, 5),
    ]);
    queue.lane('Slow').limits.sender.block(5_000, Date.now());
    expect(take()).toEqual([3, 4, 5]);
    expect(queue.wakeAt(instant())).toBe(Date.now() + 5_000);
    await vi.advanceTimersByTimeAsync(5_000);
    expect(take()).toEqual([1, 2]);
  });

  it('lanes are served by the priority of their heads', async () => {
    const { take } = await setup([
      { id: 1, sender: 'A', priority: 5 },
      { id: 2, sender: 'B', priority: 9 },
      { id: 3, sender: 'A', priority: 2 },
      { id: 4, sender: 'B', priority: 4 },
    ]);
    expect(take()).toEqual([2, 1, 4, 3]);
  });

  it('lanes that are paused or suspended wait, and go on when they are well', async () => {
    const { circuit, take } = await setup([...rowsOf('A', 1), ...rowsOf('B', 2)]);
    circuit.setPaused('A', true, NOW);
    expect(take()).toEqual([2]);
    expect(take()).toEqual([]);
    circuit.setPaused('A', false, NOW);
    expect(take()).toEqual([1]);
  });
});

describe('permits', () => {
  it('permits of the account bound what is taken, whoever wants it', async () => {
    const { take } = await setup([...rowsOf('A', 1, 2, 3), ...rowsOf('B', 4, 5, 6)], {
      rate: 30,
      burst: 2,
    });
    expect(take()).toEqual([1, 2]);
    expect(take()).toEqual([]);
    await vi.advanceTimersByTimeAsync(100);
    expect(take()).toHaveLength(2);
  });

  it('permits are not spent on a lane that may not go', async () => {
    const { queue, take } = await setup([...rowsOf('A', 1), ...rowsOf('B', 2)], {
      rate: 1,
      burst: 1,
    });
    queue.lane('A').limits.sender.block(60_000, Date.now());
    expect(take()).toEqual([2]);
  });

  it('say how long a row waited for them', async () => {
    const { table, queue } = await setup([], { rate: 10, burst: 1 });
    const offer = (id: number): void => {
      const row = table.add({ id });
      queue.offer(row, row);
    };
    const take = () => queue.take(10, instant(), table);
    offer(1);
    table.claim(take().map(({ row }) => row.id));
    offer(2);
    expect(take()).toEqual([]);
    await vi.advanceTimersByTimeAsync(100);
    expect(take()[0]?.limiterMs).toBe(100);
  });

  it('come to nobody while the gateway asked the whole account to wait', async () => {
    const { queue, take } = await setup(rowsOf('A', 1));
    queue.limits.account.block(500, Date.now());
    expect(take()).toEqual([]);
    expect(queue.wakeAt(instant())).toBe(Date.now() + 500);
    await vi.advanceTimersByTimeAsync(500);
    expect(take()).toEqual([1]);
  });
});

describe('a half-open account', () => {
  async function halfOpen(rows: readonly RowOver[]) {
    const kit = await setup(rows);
    const refuse = (id: number): void => {
      kit.circuit.judge(claimOf({ id }), answered(4), NOW);
    };
    refuse(1);
    expect(kit.take()).toEqual([]);
    const open = (): void => void kit.circuit.look(null, true, NOW);
    open();
    return { ...kit, open, refuse };
  }

  it('a half-open account sends one message, and another one than that which shut it', async () => {
    const { circuit, take } = await halfOpen([...rowsOf('A', 1, 2), ...rowsOf('B', 3)]);
    expect(take()).toEqual([2]);
    circuit.began(claimOf({ id: 2 }));
    expect(take()).toEqual([]);
  });

  it('a half-open account looks for it in other lanes', async () => {
    const { take } = await halfOpen([...rowsOf('A', 1), ...rowsOf('B', 3)]);
    expect(take()).toEqual([3]);
  });

  it('a half-open account sends the suspect itself where there is no other', async () => {
    const { take } = await halfOpen(rowsOf('A', 1));
    expect(take()).toEqual([1]);
  });

  it('a half-open account skips lanes that may not go', async () => {
    const { queue, take } = await halfOpen([...rowsOf('A', 2), ...rowsOf('B', 3)]);
    queue.lane('A').limits.sender.block(60_000, Date.now());
    expect(take()).toEqual([3]);
  });

  it('a half-open account sends one message also where the empty sender name is paused', async () => {
    const { circuit, take } = await halfOpen(rowsOf('A', 2));
    circuit.setPaused('', true, NOW);
    expect(take()).toEqual([2]);
  });

  it('a half-open account waits for a message where there is none', async () => {
    const { add, take } = await halfOpen([]);
    expect(take()).toEqual([]);
    add({ id: 9, sender: 'C' });
    expect(take()).toEqual([9]);
  });

  it('a half-open account takes everything once it is open again', async () => {
    const { circuit, take } = await halfOpen([...rowsOf('A', 1, 2, 3), ...rowsOf('B', 4)]);
    expect(take()).toEqual([2]);
    const claim = claimOf({ id: 2 });
    circuit.began(claim);
    circuit.judge(claim, answered(0), NOW + 1);
    expect(take()).toEqual([1, 3, 4]);
  });
});

it('a sender that is half-open sends one message while the others go on', async () => {
  const { circuit, take } = await setup([...rowsOf('A', 11, 12), ...rowsOf('B', 13, 14)]);
  for (let id = 1; id <= 10; id += 1) {
    circuit.judge(claimOf({ id, sender: 'A' }), answered(15), NOW);
  }
  expect(take()).toEqual([13, 14]);
  circuit.look('A', true, NOW);
  expect(take()).toEqual([11]);
});

it('an account queue forgets what it knew when told, and takes what a scan finds', async () => {
  const { table, queue, take } = await setup([...rowsOf('A', 1), ...rowsOf('B', 2)]);
  queue.forget();
  expect(queue.hasWork).toBe(false);
  expect(take()).toEqual([]);
  for (const row of table.waiting) queue.offer(row, row);
  expect(take()).toEqual([1, 2]);
});
