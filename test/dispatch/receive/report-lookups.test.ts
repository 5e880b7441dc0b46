/**
 * When the reports are asked, and what for: a clock that stands still unless the test moves it, and a peer that
 * the test plays request by request.
 */
import fc from 'fast-check';
import { onTestFinished, describe, expect, it } from 'vitest';
import type { Receipt } from '../../../src/core/receipt/receipt.ts';
import { Lookups, type Sought } from '../../../src/dispatch/receive/report-lookups.ts';
import { Questions } from '../../../src/dispatch/receive/report-questions.ts';
import type { ReportAnswer, ReportWindow, Unreported } from '../../../src/gateway/reports-api.ts';

const START = 1_760_000_000;
const BARRIER = 'barrier-';
const NOTHING: ReportAnswer = { ok: true, receipts: [] };

/** One request that was sent; the test answers it. */
interface Sent {
  readonly account: string;
  readonly window: ReportWindow | null;
  readonly ids: readonly string[];
  /** When it was sent, by the clock of the test. */
  readonly atMs: number;
  readonly answer: (answer?: ReportAnswer) => Promise<void>;
}

/** Look-ups on a clock that stands still unless the test moves it, with a peer that the test plays. */
function setup() {
  let ms = 0;
  const sent: Sent[] = [];
  const passed = new Set<string>();
  const received: Receipt[][] = [];
  const troubles: string[] = [];
  const happened: string[] = [];
  const until = async (check: () => boolean): Promise<void> => {
    const endsAt = performance.now() + 10_000;
    while (!check()) {
      if (performance.now() > endsAt) expect.fail(`it did not come; sent: ${sent.length}`);
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  };
  const send = (request: Pick<Sent, 'account' | 'window' | 'ids'>): Promise<ReportAnswer> =>
    new Promise((resolve) => {
      const answer = async (value: ReportAnswer = NOTHING): Promise<void> => {
        resolve(value);
        await new Promise((done) => setImmediate(done));
      };
      if (request.account.startsWith(BARRIER)) passed.add(request.account);
      else sent.push({ ...request, atMs: ms, answer });
    });
  const lookups = new Lookups({
    byIds: (account, ids) => send({ account, ids, window: null }),
    byRecipient: (account, window) => send({ account, ids: [], window }),
    clock: { now: () => START + ms / 1000, monotonicMs: () => ms },
    onReceipts: (receipts) => {
      happened.push('receipts');
      received.push([...receipts]);
    },
    onAnswered: () => void happened.push('answered'),
    onTrouble: (account, detail) => void troubles.push(`${account}: ${detail}`),
  });
  onTestFinished(() => lookups.stop());
  const now = (): number => START + ms / 1000;
  const uncertain = (over: Partial<Sought> = {}): number | null => {
    const base = { id: 1, account: 'main', recipient: '447700900000' };
    return lookups.uncertain({ ...base, beganAt: START - 5, since: START, ...over }, now());
  };
  const lapsing = (id: number, gatewayIds: readonly string[], account = 'main'): number | null =>
    lookups.lapsing({ id, account, gatewayIds }, now());
  /** The request with this number, once it is sent. */
  const request = async (number: number): Promise<Sent> => {
    await until(() => sent.length >= number);
    return sent[number - 1]!;
  };
  return {
    lookups,
    sent,
    received,
    troubles,
    happened,
    until,
    uncertain,
    lapsing,
    request,
    now,
    advance: (seconds: number) => void (ms += seconds * 1000),
    /** A question of another account was sent: whatever was due by then was sent as well. */
    barrier: async (): Promise<void> => {
      const name = `${BARRIER}${passed.size}`;
      lapsing(0, ['any'], name);
      await until(() => passed.has(name));
    },
  };
}

function receiptOf(gatewayId: string): Receipt {
  return {
    receivedAt: START,
    gatewayId,
    clientRef: null,
    recipient: null,
    apiKey: null,
    status: 'delivered',
    code: 0,
    price: null,
    network: null,
    digest: gatewayId,
    raw: '{}',
  };
}

function failure(reason: Unreported['reason'], retryAfterMs: number | null = null): Unreported {
  return { ok: false, reason, retryAfterMs, detail: `it is ${reason}` };
}

describe('an uncertain message', () => {
  it('an uncertain message is asked about one, five and fifteen minutes later, and then may be decided', async () => {
    const { uncertain, advance, request, sent, now } = setup();
    expect(uncertain()).toBe(START + 60);
    for (const [index, [at, next]] of [
      [60, START + 300],
      [300, START + 900],
      [900, null],
    ].entries()) {
      advance(START + at! - now());
      expect(uncertain()).toBe(now() + 1);
      await (await request(index + 1)).answer();
      expect(uncertain()).toBe(next);
    }
    expect(sent).toHaveLength(3);
  });

  it('an uncertain message is asked about by its recipient, around the beginning of its attempt', async () => {
    const { uncertain, advance, request } = setup();
    advance(60);
    uncertain({ recipient: '+447700900001', beganAt: START - 30 });
    expect(await request(1)).toMatchObject({
      account: 'main',
      window: { recipient: '+447700900001', from: START - 90, until: START + 90 },
    });
  });

  it('an uncertain message counts as answered only after what was found is handed on', async () => {
    const { uncertain, advance, request, received, happened } = setup();
    advance(900);
    uncertain();
    const sent = await request(1);
    expect(uncertain()).toBeGreaterThan(START + 900);
    const receipts = [receiptOf('a'), receiptOf('b')];
    await sent.answer({ ok: true, receipts });
    expect(received).toEqual([receipts]);
    expect(happened).toEqual(['receipts', 'answered']);
    expect(uncertain()).toBeNull();
  });

  it('an uncertain message is asked about once when the last look is long past, and not again when the answer is told twice', async () => {
    const { uncertain, advance, request, barrier, sent } = setup();
    advance(86_400);
    expect(uncertain()).toBe(START + 86_401);
    await (await request(1)).answer();
    expect(uncertain()).toBeNull();
    advance(10);
    expect(uncertain()).toBeNull();
    await barrier();
    expect(sent).toHaveLength(1);
  });

  it('an uncertain message is asked about again after another attempt, and when it is seen again after hours', async () => {
    const { uncertain, advance, request } = setup();
    advance(900);
    uncertain();
    await (await request(1)).answer();
    advance(60);
    expect(uncertain({ beganAt: START + 800, since: START + 890 })).not.toBeNull();
    await (await request(2)).answer();
    advance(4_000);
    uncertain({ id: 2 });
    await (await request(3)).answer();
    advance(1);
    expect(uncertain()).toBe(START + 4_962);
    expect((await request(4)).window?.from).toBe(START - 65);
  });

  it('an uncertain message shares a request with others to its recipient whose windows overlap', async () => {
    const { uncertain, advance, request, sent } = setup();
    advance(900);
    const others = [
      { id: 2, beganAt: START + 100 },
      { id: 3, beganAt: START + 200 },
      { id: 4, beganAt: START + 600 },
      { id: 5, recipient: '447700900001' },
      { id: 6, account: 'other' },
    ];
    uncertain();
    for (const one of others) uncertain(one);
    const [first, second] = [await request(1), await request(2)];
    expect(first.window).toMatchObject({ from: START - 65, until: START + 320 });
    expect(second.account).toBe('other');
    await first.answer();
    expect([1, 2, 3].map((id) => uncertain({ ...others.find((o) => o.id === id), id }))).toEqual([
      null,
      null,
      null,
    ]);
    expect(uncertain(others[2])).not.toBeNull();
    expect(uncertain(others[3])).not.toBeNull();
    expect(sent).toHaveLength(2);
  });

  it('an uncertain message does not share a request that would grow beyond an hour', async () => {
    const { uncertain, advance, request } = setup();
    advance(7_200);
    for (let id = 0; id < 50; id += 1) uncertain({ id, beganAt: START + id * 150 });
    const { window, answer } = await request(1);
    expect(window).toMatchObject({ from: START - 60, until: START + 22 * 150 + 120 });
    await answer();
    advance(1);
    expect((await request(2)).window?.from).toBe(START + 23 * 150 - 60);
  });
});

describe('a look-up that fails', () => {
  it.each(['unreachable', 'wrong-credentials', 'refused'] as const)(
    'a look-up that fails is tried three times more, ever later, when it is %s; then it is over and told',
    async (reason) => {
      const { uncertain, advance, request, troubles, happened } = setup();
      advance(900);
      uncertain();
      for (const [index, wait] of [30, 60, 120].entries()) {
        const { answer } = await request(index + 1);
        await answer(failure(reason));
        expect(uncertain()).toBeGreaterThan(0);
        advance(wait);
        uncertain();
        expect((await request(index + 2)).atMs).toBe(1000 * [930, 990, 1110][index]!);
      }
      expect(troubles).toEqual([]);
      expect(happened).toEqual([]);
      await (await request(4)).answer(failure(reason));
      expect(troubles).toEqual([`main: it is ${reason}`]);
      expect(happened).toEqual(['answered']);
      expect(uncertain()).toBeNull();
    },
  );

  it('a look-up that fails is asked again at its next minute when an earlier one was given up', async () => {
    const { uncertain, advance, request } = setup();
    advance(60);
    for (let tries = 1; tries <= 4; tries += 1) {
      uncertain();
      await (await request(tries)).answer(failure('unreachable'));
      if (tries < 4) advance([30, 60, 120][tries - 1]!);
    }
    expect(uncertain()).toBe(START + 300);
  });

  it('a look-up that fails keeps the account waiting when the peer is in trouble, and all its questions with it', async () => {
    const { uncertain, advance, request, barrier, sent, troubles } = setup();
    advance(900);
    const all = [1, 2, 3].map((id) => ({ id, recipient: `44770090000${id}` }));
    const look = () => all.map((one) => uncertain(one));
    for (const wait of [30, 60, 120, 0]) {
      look();
      await (await request(sent.length + 1)).answer(failure('unreachable'));
      advance(wait / 2);
      const before = sent.length;
      look();
      await barrier();
      expect(sent).toHaveLength(before);
      advance(wait / 2);
    }
    expect(look()).toEqual([null, null, null]);
    expect(troubles).toHaveLength(1);
    expect(sent).toHaveLength(4);
  });

  it('a look-up that fails lets other questions pass when it alone was refused', async () => {
    const { uncertain, advance, request } = setup();
    advance(900);
    uncertain();
    uncertain({ id: 2, recipient: '447700900002' });
    await (await request(1)).answer(failure('refused'));
    advance(0.2);
    const second = await request(2);
    expect(second.window?.recipient).toBe('447700900002');
    await second.answer();
    expect(uncertain({ id: 2, recipient: '447700900002' })).toBeNull();
    expect(uncertain()).toBe(START + 930.2);
  });

  it('a look-up that fails waits as long as a throttled answer asks for, which costs it no try', async () => {
    const { uncertain, advance, request, barrier, sent, troubles } = setup();
    advance(900);
    uncertain();
    for (const [index, wait] of [7, 7, 7, 8, 16, 32].entries()) {
      await (await request(index + 1)).answer(failure('throttled', 7_000));
      advance(wait - 0.1);
      uncertain();
      await barrier();
      expect(sent).toHaveLength(index + 1);
      advance(0.1);
      uncertain();
    }
    await (await request(7)).answer();
    expect(uncertain()).toBeNull();
    expect(troubles).toEqual([]);
  });

  it('a look-up that fails is over after an hour, however often it was throttled', async () => {
    const { uncertain, advance, request, sent, troubles } = setup();
    advance(900);
    let at = uncertain();
    for (let tries = 1; at !== null; tries += 1) {
      if (sent.length < tries) await request(tries);
      await sent[tries - 1]?.answer(failure('throttled', 60_000_000));
      advance(900);
      at = uncertain();
      expect(tries).toBeLessThan(10);
    }
    expect(troubles).toEqual(['main: the reports gave no answer within an hour']);
  });

  it('a look-up that fails is over at once where there is nothing to ask with', async () => {
    const { uncertain, advance, request, troubles } = setup();
    advance(60);
    uncertain();
    uncertain({ id: 2, recipient: '447700900002' });
    await (await request(1)).answer(failure('no-credentials'));
    expect(uncertain()).toBeNull();
    expect(uncertain({ id: 2, recipient: '447700900002' })).toBeNull();
    expect(troubles).toEqual(['main: it is no-credentials']);
  });
});

describe('requests', () => {
  it('go out one at a time for each account, at most five a second', async () => {
    const { uncertain, advance, request, barrier, sent } = setup();
    advance(900);
    for (let id = 1; id <= 3; id += 1) uncertain({ id, recipient: `44770090000${id}` });
    const first = await request(1);
    advance(5);
    await barrier();
    expect(sent).toHaveLength(1);
    await first.answer();
    const second = await request(2);
    await second.answer();
    await barrier();
    expect(sent).toHaveLength(2);
    advance(0.2);
    await request(3);
    expect(sent.map(({ atMs }) => atMs)).toEqual([900_000, 905_000, 905_200]);
  });

  it('requests are never sent within the call that asks for them', async () => {
    const { uncertain, advance, request, sent } = setup();
    advance(900);
    uncertain();
    expect(sent).toEqual([]);
    await request(1);
  });

  it('wait in a queue that is bounded: one more message is told to come later', () => {
    const { uncertain, advance, now } = setup();
    advance(900);
    for (let id = 1; id <= 10_000; id += 1) uncertain({ id, recipient: `44${id}` });
    expect(uncertain({ id: 10_000, recipient: '4410000' })).toBe(now() + 60);
    expect(uncertain({ id: 10_001 })).toBe(now() + 300);
    expect(uncertain({ id: 10_001, account: 'other' })).toBe(now() + 300);
  });

  it('requests are not made any more, and not listened to, once stopped', async () => {
    const { lookups, uncertain, advance, request, happened, sent } = setup();
    advance(900);
    uncertain();
    const { answer } = await request(1);
    lookups.stop();
    await answer({ ok: true, receipts: [receiptOf('a')] });
    advance(10);
    expect(uncertain({ id: 2 })).toBeGreaterThan(START);
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(happened).toEqual([]);
    expect(sent).toHaveLength(1);
  });
});

describe('a lapsing message', () => {
  it('a lapsing message is asked about by the ids of its parts, and then may lapse', async () => {
    const { lapsing, request, received, now } = setup();
    expect(lapsing(1, ['a', 'b'])).toBe(now() + 1);
    const { ids, account, answer } = await request(1);
    expect({ ids, account }).toEqual({ ids: ['a', 'b'], account: 'main' });
    await answer({ ok: true, receipts: [receiptOf('a')] });
    expect(received).toEqual([[receiptOf('a')]]);
    expect(lapsing(1, ['a', 'b'])).toBeNull();
  });

  it('a lapsing message may lapse at once when there is no id to ask for', () => {
    expect(setup().lapsing(1, [])).toBeNull();
  });

  it('a lapsing message is asked about with others, twenty ids at a time', async () => {
    const { lapsing, advance, request } = setup();
    const messages = Array.from({ length: 15 }, (_, id) => [`${id}-a`, `${id}-b`, `${id}-c`]);
    const look = () => messages.map((ids, id) => lapsing(id, ids) === null);
    look();
    for (const [number, count, whole] of [
      [1, 20, 6],
      [2, 20, 13],
      [3, 5, 15],
    ] as const) {
      const { ids, answer } = await request(number);
      expect(ids).toEqual(messages.flat().slice((number - 1) * 20, (number - 1) * 20 + count));
      await answer();
      expect(look().filter(Boolean)).toHaveLength(whole);
      advance(0.2);
    }
  });

  it('a lapsing message with more parts than that is asked about in several requests', async () => {
    const { lapsing, advance, request } = setup();
    const ids = Array.from({ length: 45 }, (_, index) => `id-${index}`);
    lapsing(1, ids);
    for (const number of [1, 2, 3]) {
      expect(lapsing(1, ids)).not.toBeNull();
      await (await request(number)).answer();
      advance(0.2);
    }
    expect(lapsing(1, ids)).toBeNull();
  });

  it('a lapsing message is asked about alone after a refusal, which another may have caused', async () => {
    const { lapsing, advance, request } = setup();
    lapsing(1, ['good']);
    lapsing(2, ['odd']);
    await (await request(1)).answer(failure('refused'));
    advance(30);
    lapsing(1, ['good']);
    const second = await request(2);
    expect(second.ids).toEqual(['good']);
    await second.answer();
    expect(lapsing(1, ['good'])).toBeNull();
    expect(lapsing(2, ['odd'])).not.toBeNull();
  });
});

describe('a request that breaks by a mistake of ours', () => {
  it('a request that breaks by a mistake of ours is over, and does not keep others from being asked', () => {
    const questions = new Questions();
    questions.add('a', { window: null, ids: ['a'] }, 0);
    const asked = questions.next(0)!;
    questions.add('b', { window: null, ids: ['b'] }, 0);
    expect(questions.next(200)).toBeNull();
    expect(questions.broke(asked)).toEqual(['a']);
    expect(questions.next(200)?.ids).toEqual(['b']);
  });
});

describe('whatever the peer answers', () => {
  const answers = fc.oneof(
    fc.constant(NOTHING),
    fc.record({
      ok: fc.constant(false as const),
      reason: fc.constantFrom(
        ...(['wrong-credentials', 'throttled', 'refused', 'unreachable'] as const),
      ),
      retryAfterMs: fc.option(fc.integer({ min: 0, max: 10_000_000 })),
      detail: fc.constant('trouble'),
    }),
  );

  it('every message comes to its end in bounded time, and is never asked to come back at once', async () => {
    const script = fc.array(answers, { minLength: 1, maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(script, async (replies) => {
        const { uncertain, lapsing, advance, sent, now, barrier, lookups } = setup();
        let answered = 0;
        let looks: (() => number | null)[] = [
          () => uncertain(),
          () => uncertain({ id: 2, recipient: '447700900002', since: START + 100 }),
          () => lapsing(3, ['a', 'b']),
        ];
        while (looks.length > 0) {
          const open = looks.map((look) => ({ look, at: look() })).filter(({ at }) => at !== null);
          const instants = open.map(({ at }) => at ?? 0);
          expect(instants.every((at) => at > now())).toBe(true);
          await barrier();
          for (; answered < sent.length; answered += 1) {
            await sent[answered]!.answer(replies[answered % replies.length]);
          }
          if (open.length > 0) advance(Math.min(...instants) - now());
          looks = open.map(({ look }) => look);
        }
        expect(now()).toBeLessThan(START + 4_700);
        lookups.stop();
      }),
      { numRuns: 15 },
    );
  });
});
