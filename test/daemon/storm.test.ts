/**
 * After trouble, over real HTTP: retries that are due at once let new messages pass and are all sent in the end;
 * and a gateway that has too many requests open gets fewer, until it takes more again.
 */
import { describe, expect, it } from 'vitest';
import type { DropRow } from '../../src/spool/write/insert.ts';
import { setup, type Bundle } from '../support/daemon.ts';

/** No retry is due before it is told to be, however slow the machine is. */
const LONG = { firstDelayMs: 600_000 };

/** Status 5 once, and ordinary afterwards. */
const failsOnce = (index: number): string => `99910051${1_000 + index}`;
const ordinary = (index: number): string => `4477009${10_000 + index}`;

function dropAll({ db, drop }: Bundle, rows: readonly DropRow[]): void {
  db.transaction(() => {
    for (const row of rows) drop(row);
  })();
}

/** Messages of these priorities that have failed once; their retries are due as soon as the account is resumed. */
async function storm(bundle: Bundle, priorities: readonly number[]): Promise<void> {
  /* One that is accepted after each that fails: a run of failures would be the account's trouble. */
  const rows = priorities.map((priority, index) => [
    { recipient: failsOnce(index), priority },
    { recipient: ordinary(index), priority },
  ]);
  dropAll(bundle, rows.flat());
  const { length } = priorities;
  await bundle.until(() => bundle.count('retry') === length, 'as many failures');
  await bundle.until(() => bundle.count('await-receipt') === length, 'as many that went well');
  await bundle.ask({ verb: 'pause', account: 'main' });
  bundle.advance(1_000);
  const ready = `SELECT 1 FROM messages WHERE state = 'retry' AND due_at IS NULL`;
  await bundle.until(() => bundle.all(ready).length === length, 'as many that are due');
}

/** The recipients that were sent to from now on, in the order of their arrival, when all were accepted. */
async function resumed(bundle: Bundle, messages: number): Promise<readonly string[]> {
  const before = bundle.sandbox.ledger.counters.accepted;
  await bundle.ask({ verb: 'resume', account: 'main' });
  await bundle.until(() => bundle.count('await-receipt') === messages);
  return bundle.sandbox.ledger.entries(before).map(({ to }) => to);
}

describe('retries that are due at once', () => {
  it('retries that are due at once have a fifth of the permits while new messages wait, and all go in the end, the oldest first', async () => {
    const bundle = await setup({ account: { concurrency: 1 }, retry: LONG });
    const [retries, fresh] = [60, 100];
    await storm(bundle, new Array<number>(retries).fill(4));
    const rows = Array.from({ length: fresh }, (_, index) => ({
      recipient: ordinary(500 + index),
    }));
    dropAll(bundle, rows);
    const order = await resumed(bundle, 2 * retries + fresh);
    expect(order).toHaveLength(retries + fresh);
    const retriesIn = (count: number): number =>
      order.slice(0, count).filter((to) => to.startsWith('999')).length;
    for (const count of [25, 50, 75, 100]) {
      expect(Math.abs(retriesIn(count) - count / 5)).toBeLessThanOrEqual(1);
    }
    expect(retriesIn(fresh + 27)).toBe(27); // no message that is new comes later
    expect(order.filter((to) => to.startsWith('999'))).toEqual(
      Array.from({ length: retries }, (_, index) => failsOnce(index)),
    );
    expect(bundle.fatal).toEqual([]);
  });

  it('go by priority among themselves, and none of them before a message that is new', async () => {
    const bundle = await setup({ account: { concurrency: 1 }, retry: LONG });
    await storm(bundle, [0, 0, 0, 0, 9]);
    dropAll(bundle, [{ recipient: ordinary(900), priority: 0 }]);
    const order = await resumed(bundle, 2 * 5 + 1);
    expect(order.slice(0, 3)).toEqual([ordinary(900), failsOnce(4), failsOnce(0)]);
  });
});

it('status 10 halves the open requests, for all to see, and they come back', async () => {
  const bundle = await setup({ account: { concurrency: 2 } });
  const widths = (): unknown[] => {
    const { configured_concurrency: configured, learned_concurrency: learned } = bundle.account();
    return [configured, learned];
  };
  expect(widths()).toEqual([2, null]);
  /* Nine times: what is cut stays so for as many seconds, or until time is moved. */
  const id = bundle.drop({ recipient: '999101091000' });
  await bundle.until(() => widths()[1] === 1, 'the cut');
  expect(bundle.lines('account.throttled')[0]).toMatchObject({ reason: 'too-many-binds' });
  await bundle.until(() => {
    bundle.advance(1.1);
    return bundle.message(id)['state'] === 'await-receipt';
  });
  expect(bundle.message(id)).toMatchObject({ attempts: 1, throttles: 9 });
  bundle.advance(301);
  await bundle.untilState(bundle.drop(), 'await-receipt');
  await bundle.until(() => widths()[1] === null, 'all of it');
  expect(widths()).toEqual([2, null]);
});
