/** Claims of a step: the pass over the account queues only reads; stale rows cost no permit and are written after it. */
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { AccountQueue } from '../../../src/dispatch/schedule/account-queue.ts';
import { Claimer } from '../../../src/dispatch/schedule/claimer.ts';
import { workAt } from '../../../src/dispatch/work.ts';
import { instant, makeQueue } from '../../support/account-queue.ts';
import { smuggle } from '../../support/as-daemon.ts';
import { policyWith } from '../../support/policy.ts';
import { ReadyRows } from '../../support/ready-rows.ts';
import { NOW, setup as setupSpool } from '../../support/spool.ts';

beforeEach(() => void vi.useFakeTimers({ now: NOW * 1_000 }));
afterEach(() => void vi.useRealTimers());

const CANCELS = { cancelOf: () => null, tookBack: () => undefined };

async function setup() {
  const whole = setupSpool();
  const policy = policyWith({ defaultSenders: new Map([['main', 'AcmeInc']]) });
  const claimer = new Claimer(whole.spool, policy, {
    cancels: CANCELS,
    onReleased: () => undefined,
  });
  const queue = makeQueue({ rate: 1_000, burst: 3 });
  await vi.advanceTimersByTimeAsync(3_000); // permits are in stock
  const step = (queues: readonly AccountQueue[] = [queue]): readonly number[] =>
    whole.commit(() => {
      const { now, nowMs } = instant();
      for (const { head, ...key } of whole.spool.sources.scan(100, [null])) queue.offer(key, head);
      const claims = claimer.claim(new Map(queues.map((one) => [one, 10])), workAt(now, nowMs, []));
      return [...claims.values()].flat().map(({ id }) => id);
    });
  const states = (): unknown[] =>
    whole.other.all('SELECT state FROM messages ORDER BY id').flatMap(Object.values);
  return { ...whole, queue, step, states };
}

it('stale rows are written after the pass over the account queues, which writes nothing', async () => {
  const { spool, other, queue, step, states } = await setup();
  const writes = vi.spyOn(spool.moves, 'write');
  other.drop({ expires_at: NOW + 1 });
  smuggle(other.db, { sender: `'not a sender'` });
  const good = [other.drop(), other.drop(), other.drop()];
  const duringPass: number[] = [];
  const take = queue.take.bind(queue);
  queue.take = (...given) => {
    const taken = take(...given);
    duringPass.push(writes.mock.calls.length);
    return taken;
  };
  expect(step()).toEqual(good);
  expect(duringPass).toEqual([0]);
  expect(writes).toHaveBeenCalledTimes(2);
  expect(states()).toEqual(['expired', 'permanent-failure', 'sending', 'sending', 'sending']);
});

it('a step writes no more than a thousand stale rows of an account, and the next step the rest', async () => {
  const { other, step } = await setup();
  other.db.transaction(() => {
    for (let row = 0; row < 1_100; row += 1) other.drop({ expires_at: NOW + 1 });
  })();
  const last = other.drop({ expires_at: NOW + 100 });
  const expired = (): unknown =>
    other.all(`SELECT count(*) FROM messages WHERE state = 'expired'`)[0];
  expect(step()).toEqual([]);
  expect(expired()).toEqual({ 'count(*)': 1_000 });
  expect(step([])).toEqual([]);
  expect(step()).toEqual([last]);
  expect(expired()).toEqual({ 'count(*)': 1_100 });
});

it('a row that may not be sent costs no permit, and one that is left for a later step is offered again', async () => {
  const table = new ReadyRows();
  const queue = makeQueue({ rate: 1, burst: 1 });
  for (const id of [1, 2, 3]) queue.offer(table.add({ id }), table.add({ id }));
  await vi.advanceTimersByTimeAsync(3_000);
  const verdict = vi.spyOn(table, 'judge');
  const take = (): readonly number[] => queue.take(10, instant(), table).map(({ row }) => row.id);
  verdict.mockReturnValueOnce('leave');
  expect(take()).toEqual([]);
  expect(queue.hasWork).toBe(true);
  verdict.mockReturnValueOnce('skip');
  expect(take()).toEqual([2]);
});
