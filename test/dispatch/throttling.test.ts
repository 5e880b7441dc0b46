/**
 * What throttled answers do to an account and its senders: deadlines, one message first, the learned pace,
 * and what is written of it. The account queue is real; the test says what the gateway answered, and when.
 */
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import type { LaneAct } from '../../src/core/answer/verdict.ts';
import {
  AccountThrottle,
  type AccountLimits,
} from '../../src/dispatch/feedback/account-throttle.ts';
import { nothingPending } from '../../src/dispatch/work.ts';
import { paceOf, senderPaceOf } from '../../src/limiter/pace.ts';
import { instant, makeQueue } from '../support/account-queue.ts';
import { policyWith } from '../support/policy.ts';
import { ReadyRows } from '../support/ready-rows.ts';
import { claimOf } from '../support/verdicts.ts';

beforeEach(() => void vi.useFakeTimers({ now: 0 }));
afterEach(() => void vi.useRealTimers());

const wait = (over: Partial<Extract<LaneAct, { kind: 'wait' }>> = {}): LaneAct => ({
  ...{ kind: 'wait', scope: 'account', waitMs: null, limit: null, intervalMs: null },
  ...over,
});

interface Options {
  readonly rate?: number;
  readonly limits?: Partial<AccountLimits>;
  readonly senders?: Readonly<Record<string, number>>;
}

async function setup({ rate = 30, limits = {}, senders = {} }: Options = {}) {
  const table = new ReadyRows();
  const pending = nothingPending();
  const queue = makeQueue({
    rate,
    pace: paceOf(rate),
    senders: Object.entries(senders),
    senderPace: senderPaceOf,
  });
  onTestFinished(() => void queue.stop());
  const own = { configuredRate: rate, ceiling: rate, concurrency: 10, ...limits };
  const throttle = new AccountThrottle({ queue, limits: own, pending, policy: policyWith() });
  let id = 0;
  const drop = (sender = 'AcmeInc', priority = 4): number => {
    id += 1;
    const row = table.add({ id, sender, priority });
    queue.offer(row, row);
    return id;
  };
  const take = (): readonly number[] => {
    const ids = queue.take(100, instant(), table).map(({ row }) => row.id);
    table.claim(ids);
    return ids;
  };
  /** The request that left then is answered now: with these acts, or accepted. */
  const answer = (sentAtMs: number, acts: readonly LaneAct[] = [], sender = 'AcmeInc'): void => {
    const now = Date.now() / 1000;
    const isAccepted = acts.length === 0;
    const claim = claimOf({ sender, claimedAt: sentAtMs / 1000 });
    const isAnswered = !acts.some(({ kind }) => kind === 'unanswered');
    const answered = { isAnswered, isJudged: isAnswered, isAccepted };
    throttle.heard({ claim, acts, ...answered, sentAtMs, now, nowMs: Date.now() });
  };
  /** Sends all that it may, for so long, and is accepted at once up to `limit` a second. */
  const run = async (forMs: number, limit = Infinity): Promise<void> => {
    const until = Date.now() + forMs;
    let second = 0;
    let count = 0;
    while (Date.now() < until) {
      await vi.advanceTimersByTimeAsync(10);
      if (Math.floor(Date.now() / 1000) !== second) {
        second = Math.floor(Date.now() / 1000);
        count = 0;
      }
      drop();
      for (const taken of take()) {
        count += 1;
        expect(taken).toBeGreaterThan(0);
        answer(Date.now(), count > limit ? [wait()] : []);
      }
    }
  };
  await vi.advanceTimersByTimeAsync(1_000); // permits are in stock
  const events = (): readonly string[] => pending.entries.map(({ row }) => row.event);
  return { queue, account: queue.limits.account, pending, drop, take, answer, run, events };
}

describe('an account that is throttled', () => {
  it('an account that is throttled waits by a deadline, sends one message, and the rest once that one was answered', async () => {
    const { queue, drop, take, answer } = await setup();
    for (let count = 0; count < 5; count += 1) drop();
    answer(Date.now(), [wait({ waitMs: 480 })]);
    expect(queue.wakeAt(instant())).toBe(Date.now() + 500);
    await vi.advanceTimersByTimeAsync(499);
    expect(take()).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    expect(take()).toEqual([1]);
    const probedAt = Date.now();
    await vi.advanceTimersByTimeAsync(300);
    expect(take()).toEqual([]);
    answer(probedAt);
    expect(take()).toEqual([2, 3]);
  });

  it('an account that is throttled tries another message when the first is not answered', async () => {
    const { queue, drop, take, answer } = await setup();
    drop();
    drop();
    answer(Date.now(), [wait({ waitMs: 80 })]);
    await vi.advanceTimersByTimeAsync(100);
    expect(take()).toEqual([1]);
    expect(queue.wakeAt(instant())).toBe(Date.now() + 2_000);
    await vi.advanceTimersByTimeAsync(2_000);
    expect(take()).toEqual([2]);
  });

  it('an account that is throttled waits longer from cohort to cohort where the text names no time', async () => {
    const { queue, answer } = await setup();
    const waits = [1, 2, 3, 4, 5].map(() => {
      const from = Math.max(Date.now(), queue.limits.account.blockedUntilMs ?? 0);
      vi.setSystemTime(from + 1);
      answer(from + 1, [wait()]);
      return (queue.limits.account.blockedUntilMs ?? 0) - Date.now();
    });
    expect(waits.slice(1)).toEqual([1_000, 2_000, 4_000, 8_000]);
  });

  it('an account that is throttled is cut once by all answers to requests that left before', async () => {
    const { account, answer, run } = await setup();
    await run(2_000);
    const sentAtMs = Date.now();
    await vi.advanceTimersByTimeAsync(50);
    answer(sentAtMs, [wait()]);
    answer(sentAtMs + 20, [wait()]);
    answer(sentAtMs + 40, [wait()]);
    expect(account.rate).toBe(30);
    const again = Date.now();
    await vi.advanceTimersByTimeAsync(50);
    answer(again, [wait()]);
    const { rate } = account;
    expect(rate).toBeLessThan(30);
    answer(again + 10, [wait()]);
    expect(account.rate).toBe(rate);
  });

  it('an account that is throttled finds what is really there, goes no faster, and comes back when there is more', async () => {
    const { queue, account, run } = await setup();
    await run(20_000, 20);
    expect(account.rate).toBeGreaterThan(17);
    expect(account.rate).toBeLessThan(23);
    expect(queue.limits.account.pace).toBeCloseTo(paceOf(account.rate ?? 0));
    await run(60_000);
    expect(account.rate).toBe(30);
  });
});

describe('a limit that the text names', () => {
  const named = (limit: number, waitMs: number): LaneAct => wait({ limit, waitMs });
  /** So many went through just before. */
  const fill = (answer: (sentAtMs: number) => void, count: number): void => {
    for (let one = 0; one < count; one += 1) answer(Date.now());
  };

  it('a limit that the text names is the ceiling, aimed at in the windows it tells of', async () => {
    const { queue, pending, answer, run, events } = await setup();
    fill(answer, 20);
    answer(Date.now(), [named(20, 480)]);
    expect(events()).toContain('account.limit');
    expect(pending.rates).toMatchObject([{ account: 'main', sender: null, learnedRate: 20 }]);
    await run(3_000);
    expect(queue.limits.account.schedule).toMatchObject({ count: 20, intervalMs: 1_000 });
  });

  it('a limit that the text names is aimed at in windows of the length that the text names', async () => {
    const { queue, answer, run } = await setup();
    fill(answer, 10);
    await vi.advanceTimersByTimeAsync(500);
    fill(answer, 10);
    answer(Date.now(), [wait({ limit: 20, waitMs: 240, intervalMs: 500 })]);
    await run(3_000);
    expect(queue.limits.account.schedule).toMatchObject({ count: 10, intervalMs: 500 });
  });

  it('a limit that the text names is not aimed at in windows longer than is remembered', async () => {
    const { queue, account, answer, run } = await setup();
    fill(answer, 20);
    answer(Date.now(), [wait({ limit: 20, waitMs: 480, intervalMs: 60_000 })]);
    await run(3_000);
    expect(account.rate).toBe(20);
    expect(queue.limits.account.schedule).toBeNull();
  });

  it('a limit that the text names is kept without its windows where others filled them', async () => {
    const { queue, account, answer, run } = await setup();
    fill(answer, 5);
    answer(Date.now(), [named(20, 480)]);
    await run(3_000);
    expect(account.rate).toBeLessThanOrEqual(20);
    expect(queue.limits.account.schedule).toBeNull();
  });

  it('a limit that the text names is replaced by another that a later text names', async () => {
    const { queue, account, answer } = await setup({ rate: 60 });
    answer(Date.now(), [named(20, 100)]);
    await vi.advanceTimersByTimeAsync(5_000);
    answer(Date.now(), [named(40, 100)]);
    expect(account.rate).toBeLessThanOrEqual(40);
    expect(account.rate).toBeGreaterThan(20);
    expect(queue.limits.account.pace).toBeGreaterThan(20);
  });

  it('above the configured one changes nothing, and its windows are not aimed at', async () => {
    const { queue, account, answer, run } = await setup({ rate: 25 });
    answer(Date.now(), [named(30, 480)]);
    await run(3_000);
    expect(account.rate).toBe(25);
    expect(queue.limits.account.schedule).toBeNull();
  });

  it('a limit that the text names is doubted after an hour, and what is more is felt for', async () => {
    const { account, answer, run } = await setup({ rate: 30 });
    answer(Date.now(), [named(20, 100)]);
    await run(2_000);
    vi.setSystemTime(Date.now() + 3_600_000);
    await run(500);
    expect(account.rate).toBeLessThan(21);
    await run(60_000);
    expect(account.rate).toBe(30);
  });

  it('a limit that the text names whose windows are missed again and again is paced evenly instead', async () => {
    const { queue, answer, run } = await setup({ rate: 5 });
    fill(answer, 5);
    answer(Date.now(), [named(5, 480)]);
    await run(5_000);
    for (let misses = 0; misses < 4; misses += 1) {
      expect(queue.limits.account.schedule).not.toBeNull();
      answer(Date.now(), [named(5, 10)]);
      await run(4_100);
    }
    expect(queue.limits.account.schedule).toBeNull();
  });
});

describe('what is written', () => {
  it('what is written says when less is available than configured, since when, at most once a minute', async () => {
    const { pending, run } = await setup();
    await run(30_000, 12);
    const lines = pending.entries.filter(({ row }) => row.event === 'account.limit');
    expect(lines).toHaveLength(1);
    const [line] = lines;
    expect(line?.details.configured).toBe(30);
    expect(line?.details.limit).toBeLessThan(14);
    expect(line?.details.remedy).toMatch(
      /^configured 30\/s, available 1\d(\.\d)?\/s since 00:00 UTC: is another client/,
    );
    await run(40_000);
    const later = pending.entries.filter(({ row }) => row.event === 'account.limit');
    expect(later.length).toBeLessThanOrEqual(2);
  });

  it('what is written keeps what was learned, and that nothing is learned when all of it is there again', async () => {
    const { pending, run } = await setup();
    await run(30_000, 12);
    const learned = pending.rates.at(-1);
    expect(learned?.learnedRate).toBeGreaterThan(10);
    expect(learned?.learnedRate).toBeLessThan(14);
    expect(pending.rates.length).toBeLessThan(8);
    await run(60_000);
    expect(pending.rates.at(-1)).toMatchObject({ configuredRate: 30, learnedRate: null });
  });

  it('what is written begins where the last run left off, under the configured ceiling', async () => {
    const { account, run } = await setup({
      rate: 18,
      limits: { configuredRate: 30, ceiling: 30 },
    });
    expect(account.rate).toBeCloseTo(18);
    await run(60_000);
    expect(account.rate).toBe(30);
  });
});

describe('a sender that is throttled', () => {
  const slow = wait({ scope: 'sender', waitMs: 230 });

  it('a sender that is throttled waits alone, and comes back with one message, in the order it had', async () => {
    const { queue, drop, take, answer } = await setup({ rate: 1_000 });
    answer(Date.now(), [slow], 'Slow');
    expect(queue.limits.account.blockedUntilMs).toBeNull();
    const [low, high, next] = [drop('Slow', 4), drop('Slow', 9), drop('Slow', 9)];
    const quick = drop('Quick', 0);
    expect(take()).toEqual([quick]);
    await vi.advanceTimersByTimeAsync(250);
    expect(take()).toEqual([high]);
    const probedAt = Date.now();
    await vi.advanceTimersByTimeAsync(100);
    expect(take()).toEqual([]);
    answer(probedAt, [], 'Slow');
    expect(take()).toEqual([next, low]);
  });

  it('a sender that is throttled tells its spacing by what is left to wait, and gets it shorter again in time', async () => {
    const { queue, answer, pending } = await setup();
    const limit = queue.lane('Slow').limits.sender;
    answer(1_000, [], 'Slow');
    vi.setSystemTime(1_300);
    answer(1_270, [slow], 'Slow');
    expect(1000 / (limit.pace ?? 0)).toBeCloseTo((500 * 1.1) / 0.97, 0);
    expect(pending.rates.at(-1)).toMatchObject({ sender: 'Slow', configuredRate: null });
    const before = limit.pace ?? 0;
    for (let count = 0; count < 400; count += 1) {
      vi.setSystemTime(Date.now() + 1000 / (limit.pace ?? 1));
      answer(Date.now(), [], 'Slow');
    }
    expect(limit.pace).toBeGreaterThan(before * 1.05);
  });

  it('a sender that is throttled is never sent faster than it is configured, whatever is learned', async () => {
    const { queue, answer } = await setup({ senders: { Slow: 2 } });
    const limit = queue.lane('Slow').limits.sender;
    answer(1_000, [], 'Slow');
    vi.setSystemTime(1_300);
    answer(1_270, [slow], 'Slow');
    for (let count = 0; count < 5_000; count += 1) {
      vi.setSystemTime(Date.now() + 1000 / (limit.pace ?? 1));
      answer(Date.now(), [], 'Slow');
      expect(limit.pace).toBeLessThanOrEqual(senderPaceOf(2));
    }
    expect(limit.pace).toBeCloseTo(senderPaceOf(2));
  });
});

describe('requests that are too many at a time', () => {
  const narrow: LaneAct = { kind: 'narrow' };
  const late: readonly LaneAct[] = [{ kind: 'unanswered', left: true }, narrow];

  /** So many slots are at work. */
  async function busy(count: number) {
    const kit = await setup();
    for (let open = 0; open < count; open += 1) kit.queue.slots.open(() => undefined);
    return kit;
  }

  it.each([
    ['status 10', [narrow]],
    ['HTTP 429', [wait(), narrow]],
    ['no answer in time', late],
  ])('requests that are too many at a time are halved by %s, once a cohort', async (_, acts) => {
    const { queue, answer, pending } = await busy(10);
    const sentAtMs = Date.now();
    await vi.advanceTimersByTimeAsync(100);
    answer(sentAtMs, acts);
    answer(sentAtMs + 50, acts);
    expect(queue.slots.concurrency).toBe(5);
    await vi.advanceTimersByTimeAsync(100);
    answer(sentAtMs + 150, acts);
    expect(queue.slots.concurrency).toBe(2);
    const written = { account: 'main', configured: 10 };
    expect(pending.widths).toEqual([
      { ...written, learned: 5 },
      { ...written, learned: 2 },
    ]);
  });

  it('keep the account waiting after status 10, and say so; not where one was only late', async () => {
    const ten = await busy(10);
    ten.answer(Date.now(), [narrow]);
    expect(ten.queue.limits.account.blockedUntilMs).toBe(Date.now() + 1_000);
    expect(ten.events()).toEqual(['account.throttled']);
    const one = await busy(10);
    one.answer(Date.now(), late);
    expect([one.queue.limits.account.blockedUntilMs, one.events()]).toEqual([null, []]);
  });

  it('requests that are too many at a time are none where one that was alone got no answer: probes of a gateway that is down', async () => {
    const { queue, answer } = await busy(1);
    for (let probes = 0; probes < 5; probes += 1) {
      const sentAtMs = Date.now();
      await vi.advanceTimersByTimeAsync(30_000);
      answer(sentAtMs, late);
    }
    expect(queue.slots.concurrency).toBe(10);
    answer(Date.now(), [narrow]);
    expect(queue.slots.concurrency).toBe(5);
  });

  it('grow back to what is configured, and it is written that all of it is there', async () => {
    const { queue, answer, pending } = await busy(10);
    answer(Date.now(), [narrow]);
    for (let count = 0; count < 600; count += 1) {
      await vi.advanceTimersByTimeAsync(50);
      answer(Date.now());
      expect(queue.slots.concurrency).toBeLessThanOrEqual(10);
    }
    expect(queue.slots.concurrency).toBe(10);
    expect(pending.widths.at(-1)).toEqual({ account: 'main', configured: 10, learned: null });
  });

  it('requests that are too many at a time do not grow while few are open', async () => {
    const { queue, answer } = await busy(2);
    answer(Date.now(), [narrow]);
    for (let count = 0; count < 600; count += 1) {
      await vi.advanceTimersByTimeAsync(50);
      answer(Date.now());
    }
    expect(queue.slots.concurrency).toBe(5);
  });
});
