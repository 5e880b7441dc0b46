/**
 * Who gets an account's permits, over random lanes, campaigns, priorities, kinds, deadlines, arrivals, throttles
 * and scans: each permit of a run is held against what waited and might have had it.
 */
import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { RETRY_SHARE } from '../../../src/core/window/deficit-counter.ts';
import { isRetryRank } from '../../../src/core/message/sort-key.ts';
import type { ReadyRow } from '../../../src/spool/write/claims.ts';
import { instant, makeQueue } from '../../support/account-queue.ts';
import {
  compareInTurn,
  ReadyRows,
  UNDATED_ENDS_AT,
  type RowOver,
} from '../../support/ready-rows.ts';

beforeEach(() => void vi.useFakeTimers({ now: 0 }));
afterEach(() => void vi.useRealTimers());

const LANES = ['AcmeInc', 'A', 'B', 'Paced'];
/** A lane of this sender lets one go at a time. */
const PACED = 'Paced';
const DEFAULT = 'AcmeInc';

const laneOf = (row: { readonly sender: string | null }): string => row.sender ?? DEFAULT;

async function setup(reserve: number) {
  const table = new ReadyRows();
  const queue = makeQueue({
    ...{ defaultSender: DEFAULT, rate: 50_000, burst: 1_000, concurrency: 1_000, reserve },
    ...{ senders: [[PACED, 100]], senderBurst: 1 },
  });
  const offer = (row: ReadyRow): void => queue.offer(row, row);
  const add = (over: RowOver): void => offer(table.add(over));
  const take = (permits: number): readonly ReadyRow[] => {
    const rows = queue.take(permits, instant(), table).map(({ row }) => row);
    table.claim(rows.map(({ id }) => id));
    return rows;
  };
  /** As a scan does: every source by its first row alone. */
  const scan = (): void => {
    queue.forget();
    const seen = new Set<string>();
    for (const row of table.waiting) {
      const source = JSON.stringify([row.account, row.sender, row.campaign]);
      if (!seen.has(source)) offer(row);
      seen.add(source);
    }
  };
  const wait = async (): Promise<void> => {
    await vi.advanceTimersByTimeAsync(20);
  };
  await vi.advanceTimersByTimeAsync(100); // permits are in stock
  return { table, queue, offer, add, take, scan, wait };
}

type Kit = Awaited<ReturnType<typeof setup>>;

/** Holds each permit against what waited, and counts what must not grow. */
class Referee {
  readonly #reserve: number;
  /** Rows that wait, by campaign and priority: permits others had while one might have had them. */
  readonly #passedOver = new Map<string, number>();
  /** By pair of campaigns: permits the one had while the other might have had them. */
  readonly #ahead = new Map<string, number>();
  #campaignsMost = 1;
  /** By kind: permits for which a lower priority waited, and those that went to one. */
  readonly #priorities = { first: new Share(), retry: new Share() };
  /** Permits for which both kinds waited, and those that went to a retry. */
  readonly #kinds = new Share();

  constructor(reserve: number) {
    this.#reserve = reserve;
  }

  /** What may go: whoever may not, even for a moment, stands at the end of the line again. */
  look(able: readonly ReadyRow[]): void {
    const names = new Set(able.map(nameOf));
    for (const key of [...this.#ahead.keys()]) {
      const [, behind = ''] = key.split('|');
      if (!names.has(behind)) this.#ahead.delete(key);
    }
    for (const name of [...this.#passedOver.keys()]) {
      if (!names.has(name)) this.#passedOver.delete(name);
    }
  }

  /** `able`: the rows that might have gone. */
  permit(row: ReadyRow, able: readonly ReadyRow[]): void {
    const ofCampaign = able.filter((other) => nameOf(other) === nameOf(row));
    expect(row.id, 'order within a campaign').toBe([...ofCampaign].sort(compareInTurn)[0]?.id);
    const ofKind = able.filter((other) => kindOf(other) === kindOf(row));
    if (ofKind.length < able.length) this.#kinds.note(kindOf(row) === 'retry', RETRY_SHARE);
    this.#checkPriority(row, ofKind);
    this.#checkTurns(row, ofKind);
  }

  #checkPriority(row: ReadyRow, able: readonly ReadyRow[]): void {
    const priorities = able.map(({ priority }) => priority);
    const highest = Math.max(...priorities);
    if (Math.min(...priorities) === highest) return;
    this.#priorities[kindOf(row)].note(row.priority < highest, this.#reserve);
  }

  #checkTurns(row: ReadyRow, able: readonly ReadyRow[]): void {
    const mine = nameOf(row);
    const names = new Set(able.map(nameOf));
    const equals = [...names].filter((name) => priorityOf(name) === priorityOf(mine));
    this.#campaignsMost = Math.max(this.#campaignsMost, equals.length);
    for (const key of [...this.#ahead.keys()]) {
      if (key.endsWith(`|${mine}`)) this.#ahead.delete(key);
    }
    for (const other of equals.filter((name) => name !== mine)) {
      const key = `${mine}|${other}`;
      const count = (this.#ahead.get(key) ?? 0) + 1;
      this.#ahead.set(key, count);
      expect(count, `${mine} before ${other}`).toBeLessThanOrEqual(1);
    }
    this.#checkPatience(mine, names);
  }

  #checkPatience(mine: string, names: ReadonlySet<string>): void {
    this.#passedOver.delete(mine);
    const bound = this.#campaignsMost * Math.ceil(9 / this.#reserve + 1);
    for (const name of names) {
      if (name === mine) continue;
      const count = (this.#passedOver.get(name) ?? 0) + 1;
      this.#passedOver.set(name, count);
      expect(count, `${name} passed over`).toBeLessThanOrEqual(bound);
    }
  }
}

/** So many of the permits that both might have had go to those behind. */
class Share {
  #contested = 0;
  #behind = 0;

  note(isBehind: boolean, share: number): void {
    this.#contested += 1;
    if (isBehind) this.#behind += 1;
    const owed = share * this.#contested;
    const slack = 1 + 1e-6;
    expect(this.#behind, 'permits for those behind, at most').toBeLessThan(owed + slack);
    expect(this.#behind, 'permits for those behind, at least').toBeGreaterThan(owed - slack);
  }
}

const kindOf = ({ rank }: ReadyRow): 'first' | 'retry' => (isRetryRank(rank) ? 'retry' : 'first');
const nameOf = (row: ReadyRow): string => `${row.priority} ${row.campaign ?? '-'} ${kindOf(row)}`;
const priorityOf = (name: string): string => name.split(' ')[0] ?? '';

/** Takes, and has the referee look at each permit. */
function takeJudged(kit: Kit, permits: number, referee: Referee): readonly ReadyRow[] {
  const { queue, table } = kit;
  const now = Date.now();
  const left = new Map(
    LANES.map((name) => {
      const lane = queue.lane(name);
      return [name, lane.limits.available({ now: now / 1_000, nowMs: now })];
    }),
  );
  const waiting = new Map(table.waiting.map((row) => [row.id, row]));
  const ableNow = (): readonly ReadyRow[] =>
    [...waiting.values()].filter((other) => (left.get(laneOf(other)) ?? 0) > 0);
  const taken = kit.take(permits);
  referee.look(ableNow());
  for (const row of taken) {
    referee.permit(row, ableNow());
    waiting.delete(row.id);
    left.set(laneOf(row), (left.get(laneOf(row)) ?? 0) - 1);
    referee.look(ableNow());
  }
  if (taken.length < permits) expect(ableNow(), 'left although there were permits').toEqual([]);
  return taken;
}

const anyRow = fc.record({
  priority: fc.constantFrom(0, 3, 4, 9),
  campaign: fc.constantFrom(null, 'a', 'b', 'c'),
  sender: fc.constantFrom(null, ...LANES),
  expiresAt: fc.option(fc.integer({ min: UNDATED_ENDS_AT - 3, max: UNDATED_ENDS_AT + 2 })),
  state: fc.constantFrom('queued', 'queued', 'retry'),
});
const anyStep = fc.record({
  arrivals: fc.array(anyRow, { maxLength: 30 }),
  permits: fc.integer({ min: 1, max: 40 }),
  blocked: fc.subarray(LANES),
  /** Of what was taken, so many come back: throttled. */
  back: fc.integer({ min: 0, max: 3 }),
  isCancelled: fc.boolean(),
  isScanned: fc.boolean(),
});
const anyRun = fc.record({
  reserve: fc.constantFrom(0.05, 0.1, 0.25, 0.5),
  steps: fc.array(anyStep, { minLength: 1, maxLength: 25 }),
});

it('the order holds over any lanes, campaigns, priorities, deadlines, arrivals and throttles', async () => {
  await fc.assert(
    fc.asyncProperty(anyRun, async ({ reserve, steps }) => {
      const kit = await setup(reserve);
      const referee = new Referee(reserve);
      let id = 0;
      for (const { arrivals, permits, blocked, back } of steps) {
        for (const row of arrivals) kit.add({ id: (id += 1), ...row });
        for (const name of blocked) kit.queue.lane(name).limits.sender.block(1, Date.now());
        const taken = takeJudged(kit, permits, referee);
        for (const row of taken.slice(0, back)) kit.add(row);
        await kit.wait();
      }
      while (kit.table.waiting.length > 0) {
        takeJudged(kit, 50, referee);
        await kit.wait();
      }
      await kit.queue.stop();
    }),
    { numRuns: 60 },
  );
}, 60_000);

it('the order loses no row whatever scans and cancellations come between, and takes none twice', async () => {
  await fc.assert(
    fc.asyncProperty(anyRun, async ({ reserve, steps }) => {
      const kit = await setup(reserve);
      let id = 0;
      const gone: number[] = [];
      const note = (rows: readonly ReadyRow[]): void =>
        void gone.push(...rows.map((row) => row.id));
      for (const { arrivals, permits, blocked, isCancelled, isScanned } of steps) {
        for (const row of arrivals) kit.add({ id: (id += 1), ...row });
        for (const name of blocked) kit.queue.lane(name).limits.sender.block(1, Date.now());
        const [first] = kit.table.waiting;
        if (isCancelled && first !== undefined) {
          kit.table.claim([first.id]);
          gone.push(first.id);
        }
        if (isScanned) kit.scan();
        note(kit.take(permits));
        await kit.wait();
      }
      for (let times = 0; kit.table.waiting.length > 0; times += 1) {
        note(kit.take(50));
        expect(times).toBeLessThan(1_000);
        await kit.wait();
      }
      expect(gone.sort((a, b) => a - b)).toEqual(Array.from({ length: id }, (_, at) => at + 1));
      await kit.queue.stop();
    }),
    { numRuns: 40 },
  );
}, 60_000);

describe('campaigns', () => {
  const rows = (campaign: string | null, ids: readonly number[]): readonly RowOver[] =>
    ids.map((id) => ({ id, campaign }));
  const range = (from: number, count: number): readonly number[] =>
    Array.from({ length: count }, (_, index) => from + index);

  it('campaigns of one priority take turns, a row each, and those without one are one', async () => {
    const { add, take } = await setup(0.1);
    for (const row of [...rows('big', range(1, 5)), ...rows(null, [6, 7]), ...rows('small', [8])])
      add(row);
    expect(take(100).map(({ id }) => id)).toEqual([1, 6, 8, 2, 7, 3, 4, 5]);
  });

  it('campaigns that come later are not delayed by a large one, in the same lane or another', async () => {
    for (const sender of [null, 'A']) {
      const { add, take } = await setup(0.1);
      for (const row of rows('big', range(1, 500))) add(row);
      take(1);
      for (const row of rows('small', range(1_000, 10))) add({ ...row, sender });
      const small = take(21).filter(({ campaign }) => campaign === 'small');
      expect(small).toHaveLength(10);
    }
  });

  it('campaigns do not gain by dropping their rows one at a time', async () => {
    const { add, take } = await setup(0.1);
    for (const row of rows('big', range(1, 100))) add(row);
    let drops = 0;
    const taken = range(0, 40).flatMap(() => {
      add({ id: 1_000 + (drops += 1), campaign: `trickle` });
      return take(1);
    });
    expect(taken.filter(({ campaign }) => campaign === 'big')).toHaveLength(20);
  });

  it('keep their turns over a scan', async () => {
    const { add, take, scan } = await setup(0.1);
    for (const row of [...rows('a', range(1, 10)), ...rows('b', range(11, 10))]) add(row);
    const taken = range(0, 8).flatMap(() => {
      scan();
      return take(1);
    });
    expect(taken.map(({ campaign }) => campaign).join('')).toBe('abababab');
  });

  it('campaigns are one over all lanes: its many senders give it no more turns', async () => {
    const { add, take } = await setup(0.1);
    for (const id of range(1, 60)) add({ id, campaign: 'wide', sender: `S${id}` });
    for (const row of rows('narrow', range(100, 20))) add(row);
    const taken = take(20).filter(({ campaign }) => campaign === 'narrow');
    expect(taken).toHaveLength(10);
  });
});

describe('the reserve', () => {
  const counts = (rows: readonly ReadyRow[]): Readonly<Record<string, number>> =>
    Object.fromEntries(
      [9, 4, 0].map((priority) => [
        String(priority),
        rows.filter((row) => row.priority === priority).length,
      ]),
    );

  async function backlogs(reserve: number, senders: Readonly<Record<string, string | null>>) {
    const kit = await setup(reserve);
    let id = 0;
    for (const priority of [9, 4, 0]) {
      for (let times = 0; times < 300; times += 1) {
        kit.add({ id: (id += 1), priority, sender: senders[String(priority)] ?? null });
      }
    }
    return kit;
  }

  it('the reserve is shared by the lower priorities, within a lane and across lanes', async () => {
    for (const senders of [{}, { 9: 'A', 4: 'B', 0: null }]) {
      const { take } = await backlogs(0.1, senders);
      expect(counts(take(200))).toEqual({ 9: 180, 4: 10, 0: 10 });
    }
  });

  it('the reserve of nothing lets the highest go first until none is left', async () => {
    const { take } = await backlogs(0, {});
    expect(counts(take(500))).toEqual({ 9: 300, 4: 200, 0: 0 });
  });

  it('the reserve is not saved up while no lower priority waits', async () => {
    const { add, take } = await setup(0.5);
    for (let id = 1; id <= 300; id += 1) add({ id, priority: 9 });
    take(200);
    for (let id = 301; id <= 400; id += 1) add({ id, priority: 0 });
    expect(counts(take(20))).toEqual({ 9: 10, 4: 0, 0: 10 });
  });

  it('the reserve is found by a look below where a scan has named only the first row of a source', async () => {
    const kit = await backlogs(0.1, {});
    kit.scan();
    expect(counts(kit.take(202))).toEqual({ 9: 182, 4: 10, 0: 10 });
  });

  it('the reserve holds within the limit of a paced sender, too', async () => {
    const { take, wait } = await backlogs(0.1, { 9: PACED, 4: PACED, 0: PACED });
    const taken: ReadyRow[] = [];
    for (let times = 0; taken.length < 100 && times < 1_000; times += 1) {
      taken.push(...take(50));
      await wait();
    }
    expect(counts(taken)).toEqual({ 9: 90, 4: 5, 0: 5 });
  });
});

it('a row that was throttled keeps its place', async () => {
  const { table, offer, add, take } = await setup(0.1);
  for (const id of [1, 2, 3]) add({ id });
  const [row] = take(1);
  if (row === undefined) throw new Error('nothing was taken');
  offer(table.add(row));
  expect(take(10).map(({ id }) => id)).toEqual([1, 2, 3]);
});

it('a lane with many campaigns costs no more per permit than one with few', async () => {
  const { table, add, take, wait } = await setup(0.1);
  for (let id = 1; id <= 5_000; id += 1) add({ id, campaign: String(id), sender: PACED });
  take(100);
  await wait();
  table.reads = 0;
  const began = new Set<number>();
  for (let times = 0; times < 50; times += 1) {
    for (const { id } of take(100)) began.add(id);
    await wait();
  }
  expect(began.size).toBe(50);
  expect(table.reads).toBeLessThanOrEqual(50);
});

describe('many rows at once', () => {
  const wide = async (over: Partial<RowOver> = {}) => {
    const kit = await setup(0.1);
    for (let id = 1; id <= 2_000; id += 1) kit.add({ id, sender: `S${id % 100}`, ...over });
    return kit;
  };

  it('many rows at once are read a lane at a time, however many lanes there are', async () => {
    const { table, take } = await wide();
    table.reads = 0;
    expect(take(400)).toHaveLength(400);
    expect(table.reads).toBeLessThanOrEqual(150); // one for each run, and one to look below
  });

  it('leave no lane behind by more than a run', async () => {
    const { take } = await wide();
    const counts = new Map<string | null, number>();
    for (const { sender } of [...take(400), ...take(400)])
      counts.set(sender, (counts.get(sender) ?? 0) + 1);
    expect(counts.size).toBe(100);
    expect(Math.max(...counts.values())).toBeLessThanOrEqual(8);
  });

  it('go by their deadlines all the same', async () => {
    const { add, take } = await wide();
    for (let id = 3_000; id < 3_100; id += 1)
      add({ id, sender: `S${id % 100}`, expiresAt: 1_790_000_000 - id });
    expect(take(100).map(({ id }) => id)).toEqual(
      Array.from({ length: 100 }, (_, index) => 3_099 - index),
    );
  });
});
