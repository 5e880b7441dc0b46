/** What left and was not answered: never lost, never sent again unmarked, never said to have failed. */
import { describe, expect, it } from 'vitest';
import { setup, type Bundle, type Options } from '../support/daemon.ts';
import type { Row } from '../support/spool.ts';

/** Accepted, and the connection reset before the answer: the first time only. */
const LOST_ANSWER = '999600110001';
const LATER = 301;
const RECEIPTS_END = 76 * 3600 + 1;

const eventsOf = ({ all }: Bundle, id: number): readonly string[] =>
  all('SELECT * FROM events WHERE message_id = ? ORDER BY seq', id).map(
    (row) => `${String(row['from_state'])} ${String(row['to_state'])} ${String(row['reason'])}`,
  );

/** A message whose first attempt nobody answered. */
async function doubted(options: Options = {}, row = {}): Promise<{ bundle: Bundle; id: number }> {
  const bundle = await setup(options);
  const id = bundle.drop({ recipient: LOST_ANSWER, ...row });
  await bundle.untilState(id, 'uncertain');
  return { bundle, id };
}

/** The same, due to be sent again, and kept from it by a pause of the account. */
async function resendable(row = {}): Promise<{ bundle: Bundle; id: number }> {
  const { bundle, id } = await doubted({}, row);
  await bundle.ask({ verb: 'pause', account: 'main' });
  bundle.advance(LATER);
  await bundle.untilState(id, 'retry');
  return { bundle, id };
}

describe.each([
  ['a reset connection', '999500100001', 'connection-closed', null],
  ['a body that is cut', '999500300001', 'connection-closed', 200],
  ['a page of HTML', '999500500001', 'unreadable-answer', 200],
  ['an empty body', '999500600001', 'unreadable-answer', 200],
  ['no messages', '999500700001', 'unreadable-answer', 200],
  ['a body that is too large', '999500800001', 'answer-too-large', 200],
  ['HTTP 503', '999450300001', 'http-503', 503],
  ['HTTP 408', '999440800001', 'http-408', 408],
])('an answer that is %s', (_what, recipient, reason, httpStatus) => {
  it('an answer that is %s makes the message uncertain, and costs it an attempt', async () => {
    const { drop, attempts, untilState } = await setup();
    const id = drop({ recipient });
    const row = await untilState(id, 'uncertain');
    expect(row).toMatchObject({ attempts: 1, follows: 1, status: null });
    expect(attempts(id)).toMatchObject([{ route: 'uncertain', http_status: httpStatus }]);
    if (reason !== 'connection-closed') expect(row['reason']).toBe(reason);
  });
});

it.each([
  ['an answer that does not come', '999500200001'],
  ['an answer that stops in the middle', '999500400001'],
])('%s is given up after the time a request may take', async (_what, recipient) => {
  const { drop, untilState } = await setup({ account: { timeoutMs: 300 } });
  const id = drop({ recipient });
  expect(await untilState(id, 'uncertain')).toMatchObject({ reason: 'timeout' });
});

describe('an uncertain message', () => {
  it('an uncertain message is sent again after its time, and the attempt says which one it may double', async () => {
    const { bundle, id } = await doubted();
    expect(bundle.message(id)['due_at']).toBeCloseTo(bundle.clock.now() + 300, -1);
    bundle.advance(LATER);
    expect(await bundle.untilState(id, 'await-receipt')).toMatchObject({ attempts: 2 });
    expect(bundle.attempts(id)).toMatchObject([
      { number: 1, follows: null, route: 'uncertain' },
      { number: 2, follows: 1, route: 'await-receipt' },
    ]);
    expect(eventsOf(bundle, id)).toEqual([
      expect.stringMatching(/^sending uncertain /),
      'uncertain retry resend',
      'sending await-receipt accepted',
    ]);
    expect(bundle.sandbox.ledger.counters.accepted).toBe(2);
  });

  it('an uncertain message stays where the row says hold, and ends unconfirmed when no receipt came', async () => {
    const { bundle, id } = await doubted({}, { on_uncertain: 'hold' });
    bundle.advance(LATER);
    const other = bundle.drop();
    await bundle.untilState(other, 'await-receipt');
    expect(bundle.message(id)['state']).toBe('uncertain');
    bundle.advance(RECEIPTS_END);
    expect(await bundle.untilState(id, 'unconfirmed')).toMatchObject({ reason: 'unanswered' });
    expect(bundle.attempts(id)).toHaveLength(1);
  });

  it('an uncertain message is sent again where the row says resend, whatever the configuration says', async () => {
    const messages = { onUncertain: 'hold' as const };
    const { bundle, id } = await doubted({ messages }, { on_uncertain: 'resend' });
    bundle.advance(LATER);
    await bundle.untilState(id, 'await-receipt');
  });

  it('an uncertain message ends at once under hold where no receipt can come, and waits under resend', async () => {
    const receipts = { expect: false };
    const held = await setup({ receipts, messages: { onUncertain: 'hold' } });
    const id = held.drop({ recipient: LOST_ANSWER });
    expect(await held.untilState(id, 'unconfirmed')).toMatchObject({ reason: 'unanswered' });
    const { bundle, id: resent } = await doubted({ receipts });
    expect(bundle.message(resent)['state']).toBe('uncertain');
    bundle.advance(LATER);
    await bundle.until(() => bundle.attempts(resent).length === 2);
  });

  it.each([
    ['attempts', { retry: { maxAttempts: 1 } }, {}],
    ['validity', { messages: { validityMs: 200_000 } }, {}],
  ])('an uncertain message whose %s are used up is not sent again', async (_what, options, row) => {
    const { bundle, id } = await doubted(options, row);
    bundle.advance(LATER);
    await bundle.until(() => Number(bundle.message(id)['due_at']) > bundle.clock.now() + 3600);
    bundle.advance(RECEIPTS_END);
    await bundle.untilState(id, 'unconfirmed');
    expect(bundle.attempts(id)).toHaveLength(1);
  });

  it('an uncertain message keeps its time over a restart', async () => {
    const { bundle, id } = await doubted();
    await bundle.stop();
    await bundle.start();
    await bundle.untilState(bundle.drop(), 'await-receipt');
    expect(bundle.message(id)['state']).toBe('uncertain');
    bundle.advance(LATER);
    await bundle.untilState(id, 'await-receipt');
  });
});

describe('while an attempt is unanswered', () => {
  const untilHeld = async ({ bundle, id }: { bundle: Bundle; id: number }): Promise<Row> => {
    const row = await bundle.untilState(id, 'uncertain');
    bundle.advance(RECEIPTS_END);
    await bundle.untilState(id, 'unconfirmed');
    return row;
  };

  it('a refusal of a later one makes the message uncertain again, and it is not sent any more', async () => {
    const { bundle, id } = await doubted();
    await bundle.sandbox.configure({ chaos: { kind: 'code', code: 6 } });
    bundle.advance(LATER);
    await bundle.until(() => bundle.attempts(id).length === 2);
    const row = await untilHeld({ bundle, id });
    expect(row).toMatchObject({ reason: 'invalid-message', status: 6 });
    expect(bundle.attempts(id)).toHaveLength(2);
  });

  it('its passing deadline makes it uncertain, not expired', async () => {
    const held = await resendable();
    held.bundle.advance(86_400);
    expect(await untilHeld(held)).toMatchObject({ reason: 'validity-passed' });
  });

  it('while an attempt is unanswered, a deadline that passes means that it is never sent again', async () => {
    const { bundle, id } = await resendable();
    await bundle.stop();
    bundle.clock.advance(86_400);
    await bundle.start();
    await bundle.ask({ verb: 'resume', account: 'main' });
    expect(await untilHeld({ bundle, id })).toMatchObject({ reason: 'validity-passed' });
    expect(bundle.attempts(id)).toHaveLength(1);
  });

  it('cancelling it means that it is never sent again', async () => {
    const held = await resendable();
    const { bundle, id } = held;
    expect(await bundle.ask({ verb: 'cancel', message_id: id })).toMatchObject({
      affected: 1,
      refused: null,
    });
    await bundle.ask({ verb: 'resume', account: 'main' });
    expect(await untilHeld(held)).toMatchObject({ reason: 'operator' });
    expect(bundle.attempts(id)).toHaveLength(1);
  });

  it('an acceptance is all that ends it well', async () => {
    const { bundle, id } = await doubted({}, { recipient: '999600190001' });
    bundle.advance(LATER);
    await bundle.until(() => bundle.attempts(id).length === 2 && bundle.count('uncertain') === 1);
    expect(bundle.attempts(id)[1]).toMatchObject({ follows: 1, route: 'uncertain' });
    bundle.advance(LATER);
    await bundle.until(() => bundle.attempts(id).length === 3);
    expect(bundle.attempts(id)[2]).toMatchObject({ follows: 2 });
  });
});

it('a status 5 is retried by itself, and the retry is marked as a possible duplicate', async () => {
  const { drop, attempts, untilState } = await setup({ retry: { firstDelayMs: 10 } });
  const id = drop({ recipient: '999100510001' });
  await untilState(id, 'await-receipt');
  expect(attempts(id)).toMatchObject([
    { route: 'retry', status: 5, follows: null },
    { route: 'await-receipt', status: 0, follows: 1 },
  ]);
});

it('a throttled answer marks nothing', async () => {
  const { drop, attempts, untilState } = await setup();
  const id = drop({ recipient: '999190110002' });
  await untilState(id, 'await-receipt');
  expect(attempts(id)).toMatchObject([{ follows: null }, { follows: null }]);
});
