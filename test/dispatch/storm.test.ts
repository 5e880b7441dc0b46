/**
 * An outage and its end on a clock that is moved: account queue, lanes, pacer, slots, request sender, outcomes and circuit as
 * they are, against a gateway that the test breaks and mends. Only SQLite and HTTP are left out.
 */
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { RETRY_SHARE } from '../../src/core/window/deficit-counter.ts';
import type { Observation } from '../../src/core/answer/observation.ts';
import { RequestSender } from '../../src/dispatch/send/sender.ts';
import type { AccountQueue, TakenRow } from '../../src/dispatch/schedule/account-queue.ts';
import { Outcomes } from '../../src/dispatch/send/outcomes.ts';
import { nothingPending } from '../../src/dispatch/work.ts';
import type { ReadyRow } from '../../src/spool/write/claims.ts';
import { paceOf } from '../../src/limiter/pace.ts';
import { makeQueue } from '../support/account-queue.ts';
import { ReadyRows, type RowOver } from '../support/ready-rows.ts';
import { claimOf, DAY } from '../support/verdicts.ts';
import { policyWith } from '../support/policy.ts';
import { CAPABLE } from '../support/gateway.ts';

const RATE = 30;
const CONCURRENCY = 10;
const LATENCY_MS = 40;
const TICK_MS = 10;
const BEGAN = 1_790_000_000;

beforeEach(() => void vi.useFakeTimers({ now: BEGAN * 1_000 }));
afterEach(() => void vi.useRealTimers());

/** What the gateway does with the n-th request. */
type Mood = (request: number) => Observation;

const nothing = { retryAfterMs: null, traceId: null } as const;
const answer = (status: number): Observation => {
  const part = { gatewayId: null, price: null, network: null, errorText: null, balance: null };
  return { kind: 'answered', httpStatus: 200, parts: [{ ...part, status }], ...nothing };
};
const well: Mood = () => answer(0);
const halfFails: Mood = (request) => answer(request % 2 === 0 ? 5 : 0);
const down: Mood = () => ({ kind: 'http', httpStatus: 503, errorText: null, ...nothing });

interface Sent {
  readonly id: number;
  readonly isRetry: boolean;
  /** Unix ms. */
  readonly at: number;
}

class Storm {
  mood: Mood = well;
  readonly sent: Sent[] = [];
  readonly accepted = new Set<number>();
  readonly queue: AccountQueue;
  readonly #table = new ReadyRows();
  readonly #pending = nothingPending();
  readonly #outcomes: Outcomes;
  readonly #sender: RequestSender;
  readonly #rows = new Map<number, ReadyRow>();
  /** Rows that wait for an instant (Unix seconds). */
  #waiting: { readonly row: ReadyRow; readonly at: number }[] = [];
  #id = 0;
  #chance = 7;

  constructor() {
    const monotonicMs = (): number => Date.now() - BEGAN * 1_000;
    const clock = { now: () => Date.now() / 1_000, monotonicMs };
    this.queue = makeQueue({
      clock,
      gateway: {
        capabilities: CAPABLE,
        send: (claim, _ttl, done) => {
          const observation = this.mood(this.sent.length);
          const isRetry = this.#rows.get(claim.id)?.state === 'retry';
          this.sent.push({ id: claim.id, isRetry, at: Date.now() });
          setTimeout(() => done(observation), LATENCY_MS);
        },
        close: () => Promise.resolve(),
      },
      ...{ rate: RATE, pace: paceOf(RATE) },
      concurrency: CONCURRENCY,
      onBug: (error) => {
        throw error;
      },
    });
    onTestFinished(() => this.queue.stop());
    this.#outcomes = new Outcomes({
      policy: policyWith(),
      clock,
      random: () => (this.#chance = (this.#chance * 16_807) % 2_147_483_647) / 2_147_483_647,
      pending: this.#pending,
      limits: new Map([
        ['main', { configuredRate: RATE, ceiling: null, concurrency: CONCURRENCY }],
      ]),
      isCancelAsked: () => false,
      onBalance: () => undefined,
    });
    this.#sender = new RequestSender({ clock, outcomes: this.#outcomes, kick: () => undefined });
  }

  /** Retries that are due. */
  get retriesDue(): number {
    return this.#table.waiting.filter(isRetry).length;
  }

  /** Those, and rows that wait for an instant. */
  get retriesLeft(): number {
    return this.#waiting.length + this.retriesDue;
  }

  drop(count: number, over: Partial<RowOver> = {}): readonly number[] {
    return Array.from({ length: count }, () => {
      const id = (this.#id += 1);
      this.#offer({ ...over, id });
      return id;
    });
  }

  /** Time passes; `each` is called before every tick. */
  async play(seconds: number, each: () => void = () => undefined, tickMs = TICK_MS): Promise<void> {
    for (let left = seconds * 1_000; left > 0; left -= tickMs) {
      each();
      this.#step();
      await vi.advanceTimersByTimeAsync(tickMs);
    }
  }

  /** The same where nothing is measured. */
  skip(seconds: number): Promise<void> {
    return this.play(seconds, () => undefined, 60);
  }

  sentSince(at: number): readonly Sent[] {
    return this.sent.filter((one) => one.at >= at);
  }

  #offer(over: RowOver): void {
    const row = this.#table.add(over);
    this.#rows.set(row.id, row);
    this.queue.offer(row, row);
  }

  /* As a step of the dispatcher does: what ended, what is due, and the next claims. */
  #step(): void {
    this.#settle();
    const now = Date.now() / 1_000;
    const due = this.#waiting.filter(({ at }) => at <= now);
    this.#waiting = this.#waiting.filter(({ at }) => at > now);
    for (const { row } of due) this.#offer({ ...row, state: 'retry' });
    const state = this.queue.circuit.stateOf();
    if (state.kind === 'suspended' && !state.isHalfOpen && state.nextProbeAt <= now) {
      this.queue.circuit.look(null, true, now);
    }
    const { queue } = this;
    const nowMs = Date.now() - BEGAN * 1_000;
    const limit = queue.slots.free - queue.prefetched.length;
    const taken = queue.take(limit, { now, nowMs }, this.#table);
    this.#table.claim(taken.map(({ row }) => row.id));
    this.#sender.send(new Map([[queue, taken.map((one) => this.#claimOf(one))]]));
  }

  #settle(): void {
    for (const { claim, settlement } of this.#pending.ended.splice(0)) {
      const { account, sender, campaign, id } = claim.row;
      const { to, attempts, dueAt } = settlement;
      if (to === 'await-receipt') this.accepted.add(id);
      else if (to === 'queued') this.#offer({ account, sender, campaign, id, attempts });
      else if (to === 'retry' || to === 'uncertain') {
        const row = this.#rows.get(id);
        if (row === undefined) throw new Error(`${id} was never dropped`);
        this.#waiting.push({ row: { ...row, attempts }, at: dueAt ?? 0 });
      } else throw new Error(`${id} became ${to}`);
    }
  }

  #claimOf({ row, lane }: TakenRow) {
    const now = Date.now() / 1_000;
    const { id, attempts } = row;
    const times = { claimedAt: now, createdAt: now, deadline: now + DAY };
    return claimOf({
      id,
      row,
      sender: lane.sender ?? 'AcmeInc',
      ...times,
      attempts: attempts + 1,
    });
  }
}

const isRetry = ({ state }: ReadyRow): boolean => state === 'retry';
const retriesIn = (sent: readonly Sent[]): number => sent.filter((one) => one.isRetry).length;

/** How many went within any second, at the most. */
function peakOf(sent: readonly Sent[]): number {
  const counts = sent.map(
    ({ at }) => sent.filter((other) => other.at >= at && other.at < at + 1_000).length,
  );
  return Math.max(0, ...counts);
}

/** Trouble for a minute, nobody at home for two, and then all is well: what has failed is due at once. */
async function outage(): Promise<Storm> {
  const storm = new Storm();
  storm.mood = halfFails;
  await storm.play(60, () => {
    if (storm.queue.prefetched.length === 0 && storm.sent.length % 2 === 0) storm.drop(1);
  });
  storm.mood = down;
  storm.drop(200);
  await storm.skip(120);
  expect(storm.queue.circuit.stateOf()).toMatchObject({
    kind: 'suspended',
    reason: 'gateway-down',
  });
  storm.mood = well;
  await vi.waitFor(async () => {
    await storm.skip(1.2);
    expect(storm.queue.circuit.stateOf().kind).toBe('active');
  });
  return storm;
}

describe('after an outage of two minutes', () => {
  it('a new message is on the wire at once, whatever else is due, and nothing goes too fast', async () => {
    const storm = await outage();
    expect(storm.retriesDue).toBeGreaterThan(300);
    const backAt = Date.now();
    const dropped = new Map<number, number>();
    let tick = 0;
    await storm.play(20, () => {
      if ((tick += 1) % 10 !== 0) return;
      for (const id of storm.drop(1, { priority: 9 })) dropped.set(id, Date.now());
    });
    expect(dropped.size).toBe(200);
    const since = storm.sentSince(backAt);
    const delays = [...dropped].flatMap(([id, at]) => {
      const sent = since.find((one) => one.id === id);
      return sent === undefined ? [] : [sent.at - at];
    });
    expect(delays.length).toBeGreaterThan(198);
    /* Its permit, and before it at most one of the retries' share and one of the reserve. */
    expect(Math.max(...delays)).toBeLessThanOrEqual((3 * 1_000) / paceOf(RATE) + 2 * TICK_MS);
    expect(peakOf(since)).toBeLessThanOrEqual(RATE);
  });

  it('the retries have their share while others wait, then all of it, and none is left', async () => {
    const storm = await outage();
    const left = storm.retriesLeft;
    expect(storm.retriesDue).toBeGreaterThan(300);
    storm.drop(900);
    const backAt = Date.now();
    await storm.play(20);
    const sent = storm.sentSince(backAt);
    expect(sent.length).toBeGreaterThan(19 * paceOf(RATE));
    expect(retriesIn(sent) / sent.length).toBeCloseTo(RETRY_SHARE, 1);
    expect(storm.retriesDue).toBeGreaterThan(0);
    await storm.skip(60);
    expect(storm.retriesLeft).toBeLessThan(left);
    await storm.skip(400);
    expect(storm.retriesLeft).toBe(0);
    expect(storm.accepted.size).toBe(new Set(storm.sent.map(({ id }) => id)).size);
    expect(peakOf(storm.sentSince(backAt))).toBeLessThanOrEqual(RATE);
  });
});

it('ten thousand retries at once drain at the whole rate, the oldest first, when nothing is new', async () => {
  const storm = new Storm();
  const ids = storm.drop(10_000, { state: 'retry', attempts: 1 });
  await storm.play(10);
  const sent = storm.sent.map(({ id }) => id);
  expect(sent.length).toBeGreaterThan(9 * paceOf(RATE));
  expect(sent).toEqual(ids.slice(0, sent.length));
});
