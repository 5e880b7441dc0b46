/** The limits of an account, its groups and its senders in an account queue: what waits for which, what is paid, and what becomes of it when a step fails. */
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import type { Instant } from '../../src/core/window/usage-window.ts';
import type { NestedRules, RateRule } from '../../src/core/window/rate-limits.ts';
import type { Observation } from '../../src/core/answer/observation.ts';
import { partsLeft } from '../../src/dispatch/send/outcomes.ts';
import type { Capabilities } from '../../src/gateway/gateway.ts';
import { makeQueue } from '../support/account-queue.ts';
import { silentGateway } from '../support/gateway.ts';
import { ReadyRows, type RowOver } from '../support/ready-rows.ts';

const NOON_MS = 1_811_851_200_000;
beforeEach(() => void vi.useFakeTimers({ now: NOON_MS }));
afterEach(() => void vi.useRealTimers());

const PLAIN: RateRule = { perSecond: null, windows: [], per: 'request', zone: 'UTC' };
const monotonicMs = (): number => Date.now() - NOON_MS;
const clock = { now: (): number => Date.now() / 1000, monotonicMs };
const at = (): Instant => ({ now: clock.now(), nowMs: clock.monotonicMs() });
const text = (parts: number): string => 'x'.repeat(parts === 1 ? 20 : parts * 153);

const NEVER_LEFT: Observation = { kind: 'never-left', cause: 'connection-refused' };

interface Options {
  readonly rate?: number;
  readonly senderRates?: Readonly<Record<string, number>>;
  /** Left out = the gateway can do everything. */
  readonly capabilities?: Partial<Capabilities>;
}

async function setup(
  rules: Partial<NestedRules>,
  { rate = 1_000, senderRates = {}, capabilities = {} }: Options = {},
) {
  const table = new ReadyRows();
  const whole = { account: PLAIN, senders: new Map(), groups: [], ...rules };
  const queue = makeQueue({
    ...{ clock, defaultSender: 'A', rate, burst: rate >= 1_000 ? 100 : 1, concurrency: 100 },
    ...{
      gateway: silentGateway(capabilities),
      reserve: 0,
      senders: Object.entries(senderRates),
      senderBurst: 1,
      rules: whole,
    },
  });
  const { limits } = queue;
  onTestFinished(() => void queue.stop());
  const add = (over: RowOver): void => {
    const row = table.add(over);
    queue.offer(row, row);
  };
  /** Takes without an end: the transaction is open. */
  const begin = (): readonly number[] => queue.take(100, at(), table).map(({ row }) => row.id);
  const commit = (ids: readonly number[]): readonly number[] => {
    table.claim(ids);
    limits.save(at(), false);
    limits.committed();
    return ids;
  };
  const take = (): readonly number[] => commit(begin());
  /** The answer to a message names so many parts; null = nobody answers; 0 = it never left. */
  const answer = (id: number, parts: number | null): void => {
    const told = parts === 0 ? NEVER_LEFT : observation(parts);
    limits.settle(id, partsLeft(told, queue.gateway.capabilities), at());
  };
  const used = (): readonly number[] => limits.save(at(), true).map((row) => row.used);
  /** So long, in steps of so many ms, it takes and answers at once as predicted; all that it took. */
  const run = async (forMs: number, everyMs = 100): Promise<readonly number[]> => {
    const all: number[] = [];
    for (let passed = 0; passed < forMs; passed += everyMs) {
      for (const id of take()) {
        all.push(id);
        answer(id, null);
      }
      await vi.advanceTimersByTimeAsync(everyMs);
    }
    return all;
  };
  await vi.advanceTimersByTimeAsync(3_000); // permits are in stock
  return { queue, limits, table, add, begin, commit, take, answer, used, run };
}

const perMinute = (count: number, over: Partial<RateRule> = {}): RateRule => ({
  ...PLAIN,
  windows: [{ count, span: 'min' }],
  ...over,
});

describe('all rules must allow', () => {
  it('account, group and sender: the tightest says when, and holds up nobody else', async () => {
    const { queue, add, take } = await setup({
      account: perMinute(6),
      senders: new Map([['A', perMinute(1)]]),
      groups: [{ ...perMinute(3), name: 'us', senders: ['A', 'B'] }],
    });
    for (let id = 1; id <= 4; id += 1) add({ id, sender: 'A' });
    for (let id = 5; id <= 8; id += 1) add({ id, sender: 'B' });
    for (let id = 9; id <= 12; id += 1) add({ id, sender: 'C' });
    expect(take()).toEqual([1, 5, 6, 9, 10, 11]);
    expect(take()).toEqual([]);
    expect(queue.wakeAt(at())).toBeNull();
  });

  it('a group is paced as one, whoever of it sends', async () => {
    const { add, run } = await setup({
      groups: [{ ...PLAIN, perSecond: 2, name: 'us', senders: ['A', 'B'] }],
    });
    for (let id = 1; id <= 40; id += 1) add({ id, sender: id % 2 === 0 ? 'A' : 'B' });
    for (let id = 100; id < 103; id += 1) add({ id, sender: 'C' });
    const taken = await run(10_000);
    const ofGroup = taken.filter((id) => id < 100);
    expect(taken.slice(0, 4).toSorted((a, b) => a - b)).toEqual([1, 100, 101, 102]);
    expect(ofGroup.length).toBeGreaterThanOrEqual(17);
    expect(ofGroup.length).toBeLessThanOrEqual(20);
    expect(ofGroup).toEqual(ofGroup.toSorted((a, b) => a - b));
  });
});

describe('parts', () => {
  it.each(['account', 'sender', 'group'])(
    'parts of a message cost one permit each of its %s',
    async (scope) => {
      const rule = { ...PLAIN, per: 'part', perSecond: 3 } as const;
      const { add, run } = await setup(
        {
          ...(scope === 'account' ? { account: rule } : {}),
          ...(scope === 'sender' ? { senders: new Map([['A', rule]]) } : {}),
          ...(scope === 'group' ? { groups: [{ ...rule, name: 'us', senders: ['A'] }] } : {}),
        },
        {
          ...(scope === 'account' ? { rate: 3 } : {}),
          ...(scope === 'sender' ? { senderRates: { A: 3 } } : {}),
        },
      );
      for (let id = 1; id <= 20; id += 1) add({ id, text: text(6) });
      expect(await run(9_900)).toEqual([1, 2, 3, 4, 5]);
    },
  );

  it('parts that the answer names beyond what was predicted are paid for later', async () => {
    const rule = { ...PLAIN, per: 'part', perSecond: 1 } as const;
    const rules = { groups: [{ ...rule, name: 'us', senders: ['A'] }] };
    const { add, take, answer, run } = await setup(rules);
    add({ id: 1 });
    add({ id: 2 });
    expect(take()).toEqual([1]);
    answer(1, 5);
    expect(await run(4_800)).toEqual([]);
    expect(await run(1_000)).toEqual([2]);
  });

  it('parts are counted as predicted, corrected by the answer, and not at all when it never left', async () => {
    const { add, take, answer, used } = await setup({ account: perMinute(20, { per: 'part' }) });
    for (const id of [1, 2, 3]) add({ id, text: text(3) });
    expect(take()).toEqual([1, 2, 3]);
    expect(used()).toEqual([9]);
    answer(1, 4);
    answer(2, null);
    answer(3, 0);
    expect(used()).toEqual([7]);
  });

  it('parts are counted as predicted whatever the answer of a gateway that does not answer by part', async () => {
    const capabilities = { partsInAnswer: false };
    const { add, take, answer, used } = await setup(
      { account: perMinute(20, { per: 'part' }) },
      { capabilities },
    );
    add({ id: 1, text: text(3) });
    expect(take()).toEqual([1]);
    answer(1, 1);
    expect(used()).toEqual([3]);
  });
});

describe('a message that does not fit', () => {
  it('a message that does not fit is waited for, though there would be room for smaller ones, and is larger than the window', async () => {
    const { add, run } = await setup({ account: perMinute(4, { per: 'part' }) });
    for (let id = 1; id <= 60; id += 1) add({ id, campaign: 'small' });
    add({ id: 100, campaign: 'large', text: text(7) });
    const taken = await run(200_000, 250);
    expect(taken).toContain(100);
    expect(taken.length).toBeGreaterThan(5);
  });

  it('a message that does not fit is passed by one of a higher priority that fits', async () => {
    const { add, run } = await setup({ account: perMinute(4, { per: 'part' }) });
    add({ id: 1, text: text(2) });
    add({ id: 2, text: text(4) });
    expect(await run(2_000)).toEqual([1]);
    add({ id: 3, priority: 9 });
    expect(await run(1_500)).toEqual([3]);
  });

  it('a message that does not fit holds up nobody once it was taken back', async () => {
    const { table, add, run } = await setup({ account: perMinute(4, { per: 'part' }) });
    add({ id: 1, text: text(2) });
    add({ id: 2, text: text(4) });
    add({ id: 3 });
    expect(await run(2_000)).toEqual([1]);
    table.claim([2]);
    expect(await run(1_500)).toEqual([3]);
  });
});

describe('a step that is rolled back', () => {
  it('a step that is rolled back has used nothing', async () => {
    const { limits, queue, table, add, begin, take, used } = await setup({ account: perMinute(3) });
    for (let id = 1; id <= 4; id += 1) add({ id });
    expect(begin()).toEqual([1, 2, 3]);
    expect(used()).toEqual([3]);
    limits.rolledBack(at());
    expect(used()).toEqual([0]);
    queue.forget();
    for (const row of table.waiting) queue.offer(row, row);
    expect(take()).toEqual([1, 2, 3]);
  });
});

describe('what waits for a window', () => {
  it('what waits for a window wakes the account queue when it frees, and comes back paced', async () => {
    const { queue, add, run } = await setup(
      { groups: [{ ...perMinute(5), perSecond: 1, name: 'us', senders: ['A'] }] },
      {},
    );
    for (let id = 1; id <= 12; id += 1) add({ id });
    expect(await run(8_000)).toHaveLength(5);
    const wakeAt = queue.wakeAt(at()) ?? 0;
    await vi.advanceTimersByTimeAsync(Math.ceil(wakeAt - monotonicMs()) + 10_000);
    expect((await run(100)).length).toBe(1);
    expect((await run(3_000)).length).toBeLessThanOrEqual(3);
  });
});

it('answers to what is no message of its own change nothing', async () => {
  const { answer, used } = await setup({ account: perMinute(3) });
  answer(99, 4);
  answer(98, 0);
  expect(used()).toEqual([0]);
});

function observation(parts: number | null): Observation {
  if (parts === null) {
    return { kind: 'unanswered', cause: 'timeout', httpStatus: null, traceId: null };
  }
  const part = {
    gatewayId: null,
    status: 0,
    price: null,
    network: null,
    errorText: null,
    balance: null,
  };
  const all = Array.from({ length: parts }, () => part);
  return { kind: 'answered', httpStatus: 200, parts: all, retryAfterMs: null, traceId: null };
}
