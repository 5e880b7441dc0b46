/**
 * What becomes of a message on disk, rule by rule: receipts and answers, what is sent again, what is
 * suppressed. That no order of things matters is in any-order.test.ts.
 */
import { describe, expect, it } from 'vitest';
import type { Claim } from '../../../src/core/message/claim.ts';
import type { State } from '../../../src/core/message/message.ts';
import type { Receipt } from '../../../src/core/receipt/receipt.ts';
import type { DropRow } from '../../../src/spool/write/insert.ts';
import {
  ACCEPTED,
  Bench,
  DELIVERED,
  expectLawful,
  failed,
  partId,
  RECIPIENT,
  resent,
  TEXTS,
  TIMEOUT_S,
  unanswered,
  UNCERTAIN_AFTER_S,
  VALIDITY_S,
  type BenchOptions,
} from '../setup.ts';

const HOUR = 3_600;

/** An accepted attempt, on disk. */
async function accepted(bench: Bench, row: DropRow = {}, codes = [0]): Promise<Claim> {
  const claim = bench.claimNew(row);
  bench.answer(claim, codes);
  await bench.step();
  expect(bench.state(claim.id)).toBe('await-receipt');
  return claim;
}

describe('an accepted message', () => {
  it('an accepted message waits for its receipt as long as configured, and is then unconfirmed', async () => {
    const bench = new Bench();
    const { id } = await accepted(bench);
    bench.advance(TIMEOUT_S - 1);
    await bench.step();
    expect(bench.state(id)).toBe('await-receipt');
    bench.advance(1);
    await bench.step();
    expect(bench.message(id)).toMatchObject({ state: 'unconfirmed', reason: 'no-final-receipt' });
    expectLawful(bench, id);
  });

  it('an accepted message is delivered by the last of its parts', async () => {
    const bench = new Bench();
    const claim = await accepted(bench, { text: TEXTS[2] }, [0, 0]);
    await bench.hear(claim, { ...DELIVERED, gatewayId: partId(claim, 2) });
    expect(bench.state(claim.id)).toBe('await-receipt');
    await bench.hear(claim, { ...DELIVERED, gatewayId: partId(claim, 1) });
    expect(bench.state(claim.id)).toBe('delivered');
    expectLawful(bench, claim.id);
  });

  it('an accepted message keeps the carrier’s last word about each part, with its code and when it came', async () => {
    const bench = new Bench();
    const claim = await accepted(bench);
    bench.advance(5);
    await bench.hear(claim, ACCEPTED, {
      ...failed(8),
      receivedAt: bench.now + 2,
      network: '23433',
    });
    expect(bench.message(claim.id)).toMatchObject({
      state: 'undelivered',
      reason: 'network-error',
    });
    expect(bench.other.all('SELECT * FROM parts')).toMatchObject([
      {
        ...{ attempt: 1, number: 1, status: 0, network: '23433' },
        ...{ receipt_status: 'failed', receipt_code: 8, receipt_at: bench.now + 2 },
      },
    ]);
  });

  it('an accepted message that nobody will tell of ends at once, also when it was sent twice', async () => {
    const bench = new Bench({
      settle: { receipts: { expect: false, timeoutMs: 76 * HOUR * 1e3 } },
    });
    const once = bench.claimNew();
    bench.answer(once);
    await bench.step();
    expect(bench.message(once.id)).toMatchObject({
      state: 'unconfirmed',
      reason: 'receipts-not-expected',
    });
    const first = await unanswered(bench);
    const second = await resent(bench, first);
    bench.answer(second);
    await bench.step();
    await bench.step();
    expect(bench.state(first.id)).toBe('unconfirmed');
  });

  it('an accepted message that was unconfirmed is delivered all the same when a receipt says so', async () => {
    const bench = new Bench();
    const claim = await accepted(bench);
    bench.advance(TIMEOUT_S);
    await bench.step();
    await bench.hear(claim, ACCEPTED);
    expect(bench.state(claim.id)).toBe('unconfirmed');
    await bench.hear(claim, DELIVERED);
    expect(bench.state(claim.id)).toBe('delivered');
    expectLawful(bench, claim.id);
  });

  it('an accepted message of which one part failed is undelivered, whether its time was over before or after', async () => {
    const bench = new Bench();
    const [early, late] = [await accepted(bench, {}, [0, 0]), await accepted(bench, {}, [0, 0])];
    await bench.hear(early, failed());
    expect(bench.state(early.id)).toBe('await-receipt');
    bench.advance(TIMEOUT_S);
    await bench.step();
    expect(bench.state(early.id)).toBe('undelivered');
    expect(bench.state(late.id)).toBe('unconfirmed');
    await bench.hear(late, failed());
    expect(bench.state(late.id)).toBe('undelivered');
  });

  it('an accepted message that is undelivered is delivered if that is said as well, and stays so', async () => {
    const bench = new Bench();
    const claim = await accepted(bench);
    await bench.hear(claim, failed(), DELIVERED, failed(), { status: 'rejected' });
    expect(bench.state(claim.id)).toBe('delivered');
    expectLawful(bench, claim.id);
  });

  it('an accepted message is delivered by accepted alone where the prefix says that no more will come', async () => {
    const bench = new Bench({ receipts: { acceptedIsEnough: ['1', '4479'] } });
    for (const [recipient, state] of [
      ['+12015550123', 'delivered'],
      ['447900000000', 'delivered'],
      ['447700900000', 'await-receipt'],
    ] as const) {
      const claim = await accepted(bench, { recipient });
      await bench.hear(claim, ACCEPTED);
      expect([recipient, bench.state(claim.id)]).toEqual([recipient, state]);
    }
  });

  it('accepted in part ends as that, once what was accepted is final', async () => {
    const bench = new Bench({
      receipts: { resend: { codes: new Set([8]), afterMs: 0, times: 9 } },
    });
    for (const word of [DELIVERED, failed(8)]) {
      const claim = await accepted(bench, {}, [0, 6]);
      await bench.hear(claim, word);
      expect(bench.message(claim.id)).toMatchObject({
        state: 'undelivered',
        reason: 'accepted-in-part',
      });
    }
  });

  it('an accepted message of which the answer left a part without a status is never sent again', async () => {
    const bench = new Bench({
      receipts: { resend: { codes: new Set([8]), afterMs: 0, times: 9 } },
    });
    const claim = bench.claimNew();
    bench.answer(claim, [0, { status: null, gatewayId: null }]);
    await bench.step();
    await bench.hear(claim, failed(8));
    expect(bench.state(claim.id)).toBe('undelivered');
  });
});

describe('a message whose answer was lost', () => {
  it('a message whose answer was lost is proven accepted by a receipt, and never lapses', async () => {
    const bench = new Bench();
    const claim = await unanswered(bench);
    await bench.hear(claim, ACCEPTED);
    expect(bench.message(claim.id)).toMatchObject({ state: 'await-receipt', parts: 1 });
    bench.advance(UNCERTAIN_AFTER_S);
    await bench.step();
    expect(bench.state(claim.id)).toBe('await-receipt');
    bench.advance(TIMEOUT_S);
    await bench.step();
    expect(bench.state(claim.id)).toBe('unconfirmed');
    expectLawful(bench, claim.id);
  });

  it('a message whose answer was lost is delivered by as many distinct parts as predicted, whether they come one by one or at once', async () => {
    const bench = new Bench();
    for (const isOneByOne of [true, false]) {
      const claim = await unanswered(bench, { text: TEXTS[3] });
      const parts = [1, 2, 1, 3].map((part) =>
        bench.receipt(claim, { ...DELIVERED, gatewayId: partId(claim, part), price: 0.03 }),
      );
      for (const one of parts) {
        expect(bench.state(claim.id)).not.toBe('delivered');
        bench.bring(one);
        if (isOneByOne) await bench.step();
      }
      if (!isOneByOne) await bench.step();
      expect(bench.message(claim.id)).toMatchObject({ state: 'delivered', parts: 3 });
      expect(bench.message(claim.id)['price']).toBeCloseTo(0.09);
    }
  });

  it('a message whose answer was lost shows the parts that receipts told of, as if the answer had', async () => {
    const bench = new Bench();
    const claim = await unanswered(bench, { text: TEXTS[2] });
    await bench.hear(
      claim,
      { ...ACCEPTED, gatewayId: 'b', price: 0.04 },
      { ...failed(), gatewayId: 'a' },
    );
    expect(bench.other.all('SELECT * FROM parts ORDER BY number')).toMatchObject([
      { attempt: 1, number: 1, gateway_id: 'b', status: null, price: 0.04, receipt_code: null },
      { attempt: 1, number: 2, gateway_id: 'a', status: null, price: null, receipt_code: 8 },
    ]);
  });

  it('a message whose answer was lost by a crash is reconciled with what came before it, when the daemon starts', async () => {
    const bench = new Bench();
    const claim = bench.claimNew();
    await bench.hear(claim, DELIVERED);
    expect(bench.state(claim.id)).toBe('sending');
    bench.crash();
    expect(bench.state(claim.id)).toBe('delivered');
    expect(bench.events(claim.id).map((row) => row['to_state'])).toEqual([
      'uncertain',
      'delivered',
    ]);
    expectLawful(bench, claim.id);
  });

  it('a message whose answer was lost is joined by what came without a client-ref about a part, before a receipt that names it', async () => {
    const bench = new Bench();
    const claim = await unanswered(bench);
    await bench.hear(claim, { ...DELIVERED, clientRef: null });
    expect(bench.state(claim.id)).toBe('uncertain');
    await bench.hear(claim, ACCEPTED);
    expect(bench.state(claim.id)).toBe('delivered');
    expect(bench.receipts('message_id IS NULL')).toEqual([]);
  });

  it('a message whose answer was lost is delivered by a receipt without a client-ref about a part that another told of', async () => {
    const bench = new Bench();
    const claim = await unanswered(bench);
    await bench.hear(claim, ACCEPTED, { ...DELIVERED, clientRef: null });
    expect(bench.state(claim.id)).toBe('delivered');
  });
});

describe('while an attempt is open', () => {
  it('nothing moves; its outcome and what was heard then come together', async () => {
    const bench = new Bench();
    const claim = bench.claimNew();
    await bench.hear(claim, DELIVERED);
    expect(bench.state(claim.id)).toBe('sending');
    expect(bench.events(claim.id)).toEqual([]);
    bench.answer(claim);
    await bench.step();
    expect(bench.events(claim.id).map((row) => row['to_state'])).toEqual([
      'await-receipt',
      'delivered',
    ]);
  });

  it('a receipt without a client-ref waits for the answer that tells of its part', async () => {
    const bench = new Bench();
    const claim = bench.claimNew();
    await bench.hear(claim, { ...DELIVERED, clientRef: null });
    expect(bench.receipts('message_id IS NULL')).toHaveLength(1);
    bench.answer(claim);
    await bench.step();
    expect(bench.state(claim.id)).toBe('delivered');
    expect(bench.receipts()).toMatchObject([{ message_id: claim.id, attempt: 1 }]);
  });

  it.each([
    ['the roll-back of its step', (bench: Bench) => bench.brokenStep()],
    [
      'many of them',
      async (bench: Bench) => {
        for (let count = 0; count < 3; count += 1) await bench.brokenStep();
      },
    ],
  ])('what was heard outlasts %s', async (_what, breakIt) => {
    const bench = new Bench();
    const claim = bench.claimNew();
    bench.bring(bench.receipt(claim, { ...DELIVERED, clientRef: null }));
    await breakIt(bench);
    await bench.step();
    bench.answer(claim);
    await breakIt(bench);
    expect(bench.state(claim.id)).toBe('sending');
    await bench.step();
    expect(bench.state(claim.id)).toBe('delivered');
    expectLawful(bench, claim.id);
  });

  it('a receipt without a client-ref that came before a restart is joined after it', async () => {
    const bench = new Bench();
    const other = bench.claimNew();
    bench.bring(bench.receipt(other, { ...DELIVERED, clientRef: null, gatewayId: 'later' }));
    await bench.step();
    bench.crash();
    const claim = bench.claimNew();
    bench.answer(claim, [{ gatewayId: 'later' }]);
    await bench.step();
    expect(bench.state(claim.id)).toBe('delivered');
  });

  it('a receipt for an earlier one makes it needless only once it has settled', async () => {
    const bench = new Bench();
    const first = await unanswered(bench);
    const second = await resent(bench, first);
    await bench.hear(first, DELIVERED);
    expect(bench.state(first.id)).toBe('sending');
    bench.giveBack(second);
    await bench.step();
    expect(bench.events(first.id).map((row) => row['to_state'])).toEqual([
      ...['uncertain', 'retry'],
      ...['queued', 'delivered'],
    ]);
    expect(bench.claim(first.id)).toBeNull();
    expectLawful(bench, first.id);
  });

  it('a receipt and the answer of one step confess a duplicate once', async () => {
    const bench = new Bench();
    const first = await unanswered(bench);
    const second = await resent(bench, first);
    await bench.hear(first, ACCEPTED);
    bench.answer(second);
    bench.bring(bench.receipt(second, ACCEPTED));
    bench.bring(bench.receipt(first, DELIVERED));
    await bench.step();
    expect(bench.state(first.id)).toBe('delivered');
    expect(bench.duplicates(first.id)).toBe(1);
  });
});

/** Ways into each state that says not sent, each with one attempt that might have been taken after all. */
const NOT_SENT: readonly (readonly [State, (bench: Bench, claim: Claim) => Promise<void>])[] = [
  [
    'retry',
    async (bench, claim) => {
      bench.answer(claim, [5]);
      await bench.step();
    },
  ],
  [
    'queued',
    async (bench, claim) => {
      bench.answer(claim, [1]);
      await bench.step();
    },
  ],
  [
    'permanent-failure',
    async (bench, claim) => {
      bench.answer(claim, [6]);
      await bench.step();
    },
  ],
  [
    'cancelled',
    async (bench, claim) => {
      bench.answer(claim, [5]);
      await bench.step();
      await bench.ask('cancel', claim.id);
    },
  ],
  [
    'expired',
    async (bench, claim) => {
      bench.answer(claim, [5]);
      await bench.step();
      bench.advance(VALIDITY_S);
      await bench.step();
      await bench.step();
    },
  ],
];

describe.each(NOT_SENT)(
  'a proof of acceptance that comes when the message is %s',
  (state, enter) => {
    it.each([
      ['accepted', 'await-receipt'],
      ['delivered', 'delivered'],
      ['failed', 'undelivered'],
    ])('beats it: "%s" makes it %s', async (status, to) => {
      const bench = new Bench();
      const claim = bench.claimNew();
      await enter(bench, claim);
      expect(bench.state(claim.id)).toBe(state);
      await bench.hear(claim, { status });
      expect(bench.message(claim.id)).toMatchObject({ state: to, next_attempt_at: null });
      expect(bench.claim(claim.id)).toBeNull();
      bench.advance(HOUR);
      await bench.step();
      expect(bench.claim(claim.id)).toBeNull();
      expect(bench.state(claim.id)).toBe(to);
      expectLawful(bench, claim.id);
    });

    it('a proof of acceptance that comes when the message is %s is found again after a crash', async () => {
      const bench = new Bench();
      const claim = bench.claimNew();
      await enter(bench, claim);
      bench.bring(bench.receipt(claim, DELIVERED));
      bench.crashAfterCommit();
      expect(bench.state(claim.id)).toBe('delivered');
      expect(bench.claim(claim.id)).toBeNull();
    });
  },
);

describe('a message that was moved by a receipt', () => {
  it('a message that was moved by a receipt is not claimed, though its turn had come', async () => {
    const bench = new Bench();
    const first = await unanswered(bench);
    bench.advance(UNCERTAIN_AFTER_S);
    await bench.step();
    const source = { account: null, sender: null, campaign: null };
    const peek = (): readonly number[] => bench.spool.claims.peek(source, 9, 0).map(({ id }) => id);
    expect(peek()).toEqual([first.id]);
    await bench.hear(first, ACCEPTED);
    expect(peek()).toEqual([]);
    bench.advance(UNCERTAIN_AFTER_S);
    await bench.step();
    expect(bench.state(first.id)).toBe('await-receipt');
  });

  it('a message that was moved by a receipt and was to wait for its retry does not come back to it', async () => {
    const bench = new Bench();
    const claim = bench.claimNew();
    bench.answer(claim, [5]);
    await bench.step();
    expect(bench.message(claim.id)['due_at']).not.toBeNull();
    await bench.hear(claim, DELIVERED);
    expect(bench.message(claim.id)).toMatchObject({ state: 'delivered', due_at: null });
  });
});

describe('an attempt that failed while another one may have been accepted', () => {
  const twice = async (bench: Bench): Promise<readonly [Claim, Claim]> => {
    const first = await unanswered(bench);
    const second = await resent(bench, first);
    bench.answer(second);
    await bench.step();
    return [first, second];
  };

  it('an attempt that failed while another one may have been accepted leaves its message waiting, no longer than an uncertain one waits', async () => {
    const bench = new Bench();
    const [first, second] = await twice(bench);
    await bench.hear(second, failed());
    expect(bench.state(first.id)).toBe('await-receipt');
    bench.advance(UNCERTAIN_AFTER_S - 1);
    await bench.hear(second, { ...failed(), digest: 'said again' });
    expect(bench.state(first.id)).toBe('await-receipt');
    bench.advance(1);
    await bench.step();
    expect(bench.state(first.id)).toBe('undelivered');
    await bench.hear(first, ACCEPTED);
    expect(bench.state(first.id)).toBe('undelivered');
    await bench.hear(first, DELIVERED);
    expect(bench.state(first.id)).toBe('delivered');
    expect(bench.duplicates(first.id)).toBe(1);
    expectLawful(bench, first.id);
  });

  it('an attempt that failed while another one may have been accepted has its message wait for the other one’s own word, once that is proven', async () => {
    const bench = new Bench();
    const [first, second] = await twice(bench);
    await bench.hear(second, failed());
    await bench.hear(first, ACCEPTED);
    bench.advance(UNCERTAIN_AFTER_S);
    await bench.step();
    expect(bench.state(first.id)).toBe('await-receipt');
    await bench.hear(first, failed());
    expect(bench.state(first.id)).toBe('undelivered');
  });

  it('an attempt that failed while another one may have been accepted makes an unconfirmed message undelivered: nothing more is waited for', async () => {
    const bench = new Bench();
    const [first, second] = await twice(bench);
    bench.advance(TIMEOUT_S);
    await bench.step();
    expect(bench.state(first.id)).toBe('unconfirmed');
    await bench.hear(second, failed());
    expect(bench.state(first.id)).toBe('undelivered');
  });

  it('an attempt that failed while another one may have been accepted makes a message that is still uncertain wait for the other', async () => {
    const bench = new Bench();
    const first = await unanswered(bench);
    const second = await resent(bench, first);
    bench.lose(second);
    await bench.step();
    await bench.hear(second, failed());
    expect(bench.state(first.id)).toBe('await-receipt');
    await bench.hear(first, DELIVERED);
    expect(bench.state(first.id)).toBe('delivered');
  });
});

describe('a message that an operator sends again', () => {
  async function requeued(bench: Bench, ...words: readonly Partial<Receipt>[]): Promise<Claim> {
    const claim = await accepted(bench);
    await bench.hear(claim, ...words);
    if (words.length === 0) {
      bench.advance(TIMEOUT_S);
      await bench.step();
    }
    expect(await bench.ask('requeue', claim.id)).toMatchObject({ affected: 1, refused: null });
    expect(bench.state(claim.id)).toBe('queued');
    return claim;
  }

  it('a message that an operator sends again is not moved by what failed before', async () => {
    const bench = new Bench();
    for (const words of [[], [failed(8)]]) {
      const claim = await requeued(bench, ...words);
      await bench.hear(claim, { ...failed(6), digest: 'late' }, ACCEPTED, { status: 'rejected' });
      expect(bench.state(claim.id)).toBe('queued');
      expect(bench.claim(claim.id)).not.toBeNull();
    }
  });

  it('a message that an operator sends again is delivered by a delivery of before, and not sent then', async () => {
    const bench = new Bench();
    const claim = await requeued(bench, failed(8));
    await bench.hear(claim, DELIVERED);
    expect(bench.state(claim.id)).toBe('delivered');
    expect(bench.claim(claim.id)).toBeNull();
    expectLawful(bench, claim.id);
  });

  it('a message that an operator sends again follows its new attempt where that fails and the old one is still open', async () => {
    const bench = new Bench();
    const first = await requeued(bench);
    const second = bench.claimAgain(first.id);
    await bench.hear(first, failed(8));
    bench.answer(second);
    await bench.step();
    expect(bench.state(first.id)).toBe('await-receipt');
    expect(bench.duplicates(first.id)).toBe(1);
    await bench.hear(second, failed(2));
    expect(bench.message(first.id)).toMatchObject({
      state: 'undelivered',
      reason: 'absent-subscriber-temporary',
    });
    await bench.hear(first, DELIVERED);
    expect(bench.state(first.id)).toBe('delivered');
    expectLawful(bench, first.id);
  });

  it('a message that an operator sends again is moved by the first proof of an attempt of before that nothing had proven', async () => {
    const bench = new Bench();
    const claim = await unanswered(bench, { on_uncertain: 'hold' });
    bench.advance(TIMEOUT_S);
    await bench.step();
    expect(bench.state(claim.id)).toBe('unconfirmed');
    await bench.ask('requeue', claim.id);
    await bench.hear(claim, ACCEPTED);
    expect(bench.state(claim.id)).toBe('await-receipt');
    await bench.hear(claim, DELIVERED);
    expect(bench.state(claim.id)).toBe('delivered');
    expectLawful(bench, claim.id);
  });
});

describe('[receipts] resend', () => {
  const AFTER_S = 900;
  const resend = { codes: new Set([2, 7, 8]), afterMs: AFTER_S * 1_000, times: 1 };
  const withResend = (over: BenchOptions = {}): Bench =>
    new Bench({ ...over, receipts: { resend, ...over.receipts } });

  it('[receipts] resend sends again, after its time, what failed with one of the codes; the attempt says which it follows', async () => {
    const bench = withResend();
    const first = await accepted(bench);
    await bench.hear(first, failed(8));
    expect(bench.message(first.id)).toMatchObject({
      ...{ state: 'retry', reason: 'receipts-resend', attempts: 0 },
      ...{ next_attempt_at: bench.now + AFTER_S, due_at: bench.now + AFTER_S },
    });
    expect(bench.claim(first.id)).toBeNull();
    bench.advance(AFTER_S);
    await bench.step();
    const second = bench.claimAgain(first.id);
    expect(second).toMatchObject({ number: 2, follows: 1, attempts: 1 });
    bench.answer(second);
    await bench.step();
    expect(bench.other.all('SELECT number, follows FROM attempts')).toEqual([
      { number: 1, follows: null },
      { number: 2, follows: 1 },
    ]);
    expect(bench.duplicates(first.id)).toBe(1);
    await bench.hear(second, DELIVERED);
    expect(bench.state(first.id)).toBe('delivered');
    expectLawful(bench, first.id);
  });

  it('[receipts] resend sends again up to its limit, and then no more', async () => {
    const bench = withResend({ receipts: { resend: { ...resend, times: 2 } } });
    let claim = await accepted(bench);
    for (const state of ['retry', 'retry', 'undelivered']) {
      await bench.hear(claim, failed(2));
      expect(bench.state(claim.id)).toBe(state);
      if (state === 'undelivered') break;
      bench.advance(AFTER_S);
      await bench.step();
      claim = bench.claimAgain(claim.id);
      bench.answer(claim);
      await bench.step();
    }
    expect(bench.other.all('SELECT number FROM attempts')).toHaveLength(3);
    expectLawful(bench, claim.id);
  });

  it('[receipts] resend is off unless configured', async () => {
    const bench = new Bench();
    const claim = await accepted(bench);
    await bench.hear(claim, failed(8));
    expect(bench.state(claim.id)).toBe('undelivered');
  });

  it.each([
    ['with another code', failed(6)],
    ['without a code', failed(null)],
    ['because time was up', { status: 'expired', code: 8 }],
  ])('[receipts] resend leaves alone what failed %s', async (_what, words) => {
    const bench = withResend();
    const claim = await accepted(bench);
    await bench.hear(claim, words);
    expect(bench.state(claim.id)).toBe('undelivered');
  });

  it('[receipts] resend leaves alone what nobody knows the end of', async () => {
    const bench = withResend();
    const claim = await accepted(bench);
    await bench.hear(claim, { status: 'unknown', code: 8 }, { status: 'accepted', code: 7 });
    expect(bench.state(claim.id)).toBe('await-receipt');
    bench.advance(TIMEOUT_S);
    await bench.step();
    expect(bench.state(claim.id)).toBe('unconfirmed');
  });

  it('[receipts] resend leaves alone what failed in parts of which one would fail again', async () => {
    const bench = withResend();
    const claim = await accepted(bench, {}, [0, 0]);
    await bench.hear(claim, failed(8), { ...failed(6), gatewayId: partId(claim, 2) });
    expect(bench.state(claim.id)).toBe('undelivered');
  });

  it('[receipts] resend leaves alone what was accepted in part', async () => {
    const bench = withResend();
    const claim = await accepted(bench, {}, [0, 6]);
    await bench.hear(claim, failed(8));
    expect(bench.state(claim.id)).toBe('undelivered');
  });

  it('[receipts] resend leaves alone what would expire before', async () => {
    const bench = withResend();
    const [late, soon] = [await accepted(bench), await accepted(bench)];
    bench.advance(VALIDITY_S - AFTER_S - 1);
    await bench.hear(soon, failed(8));
    expect(bench.state(soon.id)).toBe('retry');
    bench.advance(1);
    await bench.hear(late, failed(8));
    expect(bench.state(late.id)).toBe('undelivered');
  });

  it('[receipts] resend leaves alone what an operator wanted back while it was out', async () => {
    const bench = withResend();
    const claim = bench.claimNew();
    await bench.ask('cancel', claim.id);
    bench.answer(claim);
    await bench.step();
    await bench.hear(claim, failed(8));
    expect(bench.state(claim.id)).toBe('undelivered');
  });

  it('[receipts] resend leaves alone what was cancelled, and turns out to have been accepted', async () => {
    const bench = withResend();
    const claim = bench.claimNew();
    bench.answer(claim, [5]);
    await bench.step();
    await bench.ask('cancel', claim.id);
    expect(bench.state(claim.id)).toBe('cancelled');
    await bench.hear(claim, failed(8));
    expect(bench.state(claim.id)).toBe('undelivered');
  });

  it('[receipts] resend leaves alone a recipient that is suppressed', async () => {
    const bench = withResend();
    const claim = await accepted(bench);
    bench.commit(() => bench.spool.suppressions.add(RECIPIENT, 'operator', bench.now));
    await bench.hear(claim, failed(8));
    expect(bench.state(claim.id)).toBe('undelivered');
  });

  it('[receipts] resend is not taken back by the receipts of the attempt that failed, but for a delivery', async () => {
    const bench = withResend();
    const claim = await accepted(bench);
    await bench.hear(claim, failed(8), { ...failed(6), digest: 'late' }, ACCEPTED);
    expect(bench.state(claim.id)).toBe('retry');
    await bench.hear(claim, DELIVERED);
    expect(bench.state(claim.id)).toBe('delivered');
    bench.advance(AFTER_S);
    await bench.step();
    expect(bench.claim(claim.id)).toBeNull();
    expectLawful(bench, claim.id);
  });

  it('[receipts] resend is decided once, however the step ends', async () => {
    const bench = withResend();
    const claim = await accepted(bench);
    bench.bring(bench.receipt(claim, failed(8)));
    await bench.brokenStep();
    expect(bench.state(claim.id)).toBe('await-receipt');
    bench.crash();
    expect(bench.state(claim.id)).toBe('await-receipt');
    bench.bring(bench.receipt(claim, failed(8)));
    bench.crashAfterCommit();
    await bench.hear(claim, failed(8));
    expect(bench.state(claim.id)).toBe('retry');
    const reasons = bench.events(claim.id).map((row) => row['reason']);
    expect(reasons.filter((reason) => reason === 'receipts-resend')).toHaveLength(1);
  });
});

describe('a recipient', () => {
  const suppressed = (bench: Bench): readonly unknown[] =>
    bench.other.all('SELECT recipient, reason, since FROM suppressions');

  it.each([
    [3, 'absent-subscriber-permanent'],
    [4, 'call-barred-by-user'],
    [9, 'illegal-number'],
  ])('a recipient is suppressed by err-code %s', async (code, reason) => {
    const bench = new Bench();
    const claim = await accepted(bench, { recipient: `+${RECIPIENT}` });
    await bench.hear(claim, failed(code));
    expect(suppressed(bench)).toEqual([{ recipient: RECIPIENT, reason, since: bench.now }]);
  });

  it.each([
    ['another code', failed(8)],
    ['no code', failed(null)],
    ['a word that is not final', { status: 'accepted', code: 9 }],
    ['a delivery', { status: 'delivered', code: 9 }],
    ['time that was up', { status: 'expired', code: 3 }],
  ])('a recipient is not suppressed by %s', async (_what, words) => {
    const bench = new Bench();
    await bench.hear(await accepted(bench), words);
    expect(suppressed(bench)).toEqual([]);
  });

  it('a recipient is not suppressed where that is switched off', async () => {
    const bench = new Bench({ receipts: { suppressAutomatically: false } });
    const claim = await accepted(bench);
    await bench.hear(claim, failed(9));
    expect(bench.state(claim.id)).toBe('undelivered');
    expect(suppressed(bench)).toEqual([]);
  });

  it('a recipient who asked for no more is suppressed at once, though another part is still open', async () => {
    const bench = new Bench();
    const claim = await accepted(bench, {}, [0, 0]);
    await bench.hear(claim, failed(9));
    expect(bench.state(claim.id)).toBe('await-receipt');
    expect(suppressed(bench)).toHaveLength(1);
  });

  it('a recipient who asked for no more is suppressed, whichever attempt that was said of, and when', async () => {
    const bench = new Bench();
    const claim = await accepted(bench);
    await bench.hear(claim, failed(8));
    await bench.ask('requeue', claim.id);
    await bench.hear(claim, failed(9));
    expect(bench.state(claim.id)).toBe('queued');
    expect(suppressed(bench)).toHaveLength(1);
  });

  it('a recipient who was taken off the list is not put on it again by what was said before', async () => {
    const bench = new Bench();
    const claim = await accepted(bench);
    await bench.hear(claim, failed(9));
    bench.commit(() => bench.spool.suppressions.remove(RECIPIENT));
    await bench.ask('requeue', claim.id);
    await bench.hear(claim, failed(9), ACCEPTED);
    expect(bench.ignored).toContain('repeat');
    expect(suppressed(bench)).toEqual([]);
  });
});
