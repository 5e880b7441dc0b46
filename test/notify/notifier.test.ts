/** What the application's URL is told: a real receiver, a real spool file, a clock that only the test moves. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { Webhook } from 'standardwebhooks';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Clock } from '../../src/clock.ts';
import { Notifier, type NotifierParts, type Trouble } from '../../src/notify/notifier.ts';
import type { EventRow } from '../../src/spool/write/event-log.ts';
import { setup as setupSpool } from '../support/spool.ts';
import { startReceiver, status, type Answer, type Posted } from './receiver.ts';

const DEADLINE_MS = 20_000;
const SECRET = `whsec_${Buffer.from('a key of at least twenty-four bytes').toString('base64')}`;

const MESSAGE: EventRow = {
  at: 1_790_000_000.12,
  messageId: null,
  account: 'main',
  sender: 'AcmeInc',
  event: 'message.delivered',
  from: 'await-receipt',
  to: 'delivered',
  reason: 'delivered',
  attempt: 1,
};

/** Stands still unless it is moved. */
class HeldClock implements Clock {
  #ms = 0;
  readonly #began = Date.now();
  readonly now = (): number => (this.#began + this.#ms) / 1000;
  readonly monotonicMs = (): number => this.#ms;

  advance(ms: number): void {
    this.#ms += ms;
  }
}

async function until(check: () => boolean, what: string): Promise<void> {
  const endsAt = performance.now() + DEADLINE_MS;
  while (!check()) {
    if (performance.now() > endsAt) throw new Error(`${what} did not come`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

async function setup(answer: Answer = status(204)) {
  const { spool, other, commit } = setupSpool();
  const receiver = await startReceiver(answer);
  const clock = new HeldClock();
  const troubles: Trouble[] = [];
  const well: { readonly failures: number; readonly lasted_ms: number }[] = [];
  const saved: number[] = [];
  let reads = 0;
  let failures = 0;
  const add = (...events: readonly Partial<EventRow>[]): readonly number[] =>
    events.map((event) => commit(() => spool.events.append([{ row: { ...MESSAGE, ...event } }])));
  const start = (over: Partial<NotifierParts> = {}): Notifier => {
    const notifier = new Notifier({
      url: receiver.url,
      secret: SECRET,
      timeoutMs: 10_000,
      clock,
      cursor: spool.events.cursor() ?? spool.events.lastSeq(),
      read: (after, limit) => {
        reads += 1;
        return spool.events.after(after, limit);
      },
      save: (seq) => {
        saved.push(seq);
        commit(() => spool.events.saveCursor(seq));
      },
      onTrouble: (facts) => troubles.push(facts),
      onWell: (facts) => well.push(facts),
      random: () => {
        failures += 1;
        return 0.5;
      },
      ...over,
    });
    onTestFinished(() => notifier[Symbol.asyncDispose]());
    return notifier;
  };
  /** Time passes and the notifier hears of it, as it does from every commit. */
  const pass = (notifier: Notifier, ms: number): void => {
    clock.advance(ms);
    notifier.wake();
  };
  let seen = 0;
  /** Moves time for what gathers after each request, and for nothing else: never as far as the safety look. */
  const untilTaken = (count: number, ms = 60): Promise<void> =>
    until(() => {
      if (saved.length > seen) clock.advance(ms);
      seen = saved.length;
      return receiver.taken().length >= count;
    }, `${count} events taken`);
  return {
    spool,
    other,
    commit,
    receiver,
    clock,
    troubles,
    well,
    saved,
    add,
    start,
    pass,
    untilTaken,
    reads: () => reads,
    failures: () => failures,
  };
}

function verify({ body, headers }: Posted, webhook = new Webhook(SECRET)): unknown {
  return webhook.verify(body, headers as Record<string, string>);
}

/** Each in a turn of the event loop of its own. */
async function times(count: number, work: () => void): Promise<void> {
  for (let done = 0; done < count; done += 1) {
    work();
    await nextTurn();
  }
}

function range(first: number, count: number): readonly number[] {
  return Array.from({ length: count }, (_, index) => first + index);
}

describe('what is told', () => {
  it('what is told is the row of an event in the words of the status log, with the reference of its message', async () => {
    const { add, other, receiver, start } = await setup();
    const notifier = start();
    const id = other.drop({ reference: 'order-9', campaign: 'spring', text: 'a secret text' });
    add({ messageId: id });
    notifier.wake();
    await until(() => receiver.requests.length === 1, 'a request');
    expect(receiver.requests[0]?.headers['content-type']).toBe('application/json');
    expect(receiver.requests[0]?.path).toBe('/sms-events');
    expect(JSON.parse(receiver.requests[0]?.body ?? '')).toEqual({
      events: [
        {
          seq: 1,
          at: '2026-09-21T14:13:20.120Z',
          event: 'message.delivered',
          id,
          reference: 'order-9',
          campaign: 'spring',
          account: 'main',
          sender: 'AcmeInc',
          from: 'await-receipt',
          to: 'delivered',
          reason: 'delivered',
          attempt: 1,
        },
      ],
    });
  });

  it('what is told holds neither a recipient nor a text', async () => {
    const { add, other, receiver, start } = await setup();
    const notifier = start();
    add({ messageId: other.drop({ recipient: '447700900123', text: 'a secret text' }) });
    notifier.wake();
    await until(() => receiver.requests.length === 1, 'a request');
    expect(JSON.stringify(receiver.requests[0])).not.toMatch(/secret text|900123|recipient/);
  });

  it('what is told is what became of messages, accounts and senders, and nothing else', async () => {
    const { add, receiver, start, untilTaken } = await setup();
    const notifier = start();
    const ignored = range(0, 250).map(() => ({ event: 'receipt.ignored' }));
    add({}, ...ignored, { event: 'account.suspended' }, { event: 'daemon.ready' });
    add({ event: 'sender.throttled' }, { event: 'messages.none' });
    notifier.wake();
    await untilTaken(3);
    const told = receiver.requests.flatMap(({ events }) => events.map(({ event }) => event));
    expect(told).toEqual(['message.delivered', 'account.suspended', 'sender.throttled']);
  });

  it('what is told goes on behind what is not told, so that it is not read again', async () => {
    const { add, saved, start } = await setup();
    const notifier = start();
    add(...range(0, 120).map(() => ({ event: 'receipt.ignored' })));
    notifier.wake();
    await until(() => saved.at(-1) === 120, 'the cursor behind them');
    expect(saved).toEqual([0, 100, 120]);
  });

  it('what is told is a batch of many events, at most 100 of them, full ones 10 ms apart', async () => {
    const { add, receiver, start, untilTaken } = await setup();
    const notifier = start();
    add(...range(0, 250).map(() => ({})));
    notifier.wake();
    await untilTaken(250, 10);
    expect(receiver.requests.map(({ events }) => events.length)).toEqual([100, 100, 50]);
    expect(receiver.taken()).toEqual(range(1, 250));
  });

  it('what is told is at most 256 KiB in one request, however long the references', async () => {
    const { add, other, receiver, start, untilTaken } = await setup();
    const notifier = start();
    const reference = '\u0001'.repeat(1_000);
    add(...range(0, 120).map(() => ({ messageId: other.drop({ reference }) })));
    notifier.wake();
    await untilTaken(120, 10);
    const sizes = receiver.requests.map(({ body }) => Buffer.byteLength(body));
    expect(Math.max(...sizes)).toBeLessThanOrEqual(262_144);
    expect(receiver.requests.length).toBeLessThan(6);
    expect(receiver.taken()).toEqual(range(1, 120));
  });

  it('what is told begins at the present end for a URL that was never told anything', async () => {
    const { add, receiver, start, untilTaken } = await setup();
    add({}, {}, {});
    const notifier = start();
    add({});
    notifier.wake();
    await untilTaken(1);
    expect(receiver.taken()).toEqual([4]);
  });

  it('what is told skips nothing when the daemon is started again before the first was taken', async () => {
    const { add, failures, receiver, spool, start, untilTaken } = await setup(status(500));
    add({}, {});
    const first = start();
    await until(() => spool.events.cursor() === 2, 'the cursor');
    add({});
    first.wake();
    await until(() => failures() === 1, 'a failure');
    await first[Symbol.asyncDispose]();
    receiver.answer(status(200));
    start();
    await untilTaken(1);
    expect(receiver.taken()).toEqual([3]);
  });
});

describe('the signature', () => {
  it.each([
    ['whsec_ and base64', SECRET, new Webhook(SECRET)],
    ['any other text', 'plain secret', new Webhook('plain secret', { format: 'raw' })],
    [
      'whsec_ and what is no base64',
      'whsec_not base64!',
      new Webhook('whsec_not base64!', { format: 'raw' }),
    ],
  ])('the signature by %s is one that Standard Webhooks verifies', async (_, secret, webhook) => {
    const { add, other, receiver, start } = await setup();
    const notifier = start({ secret });
    add({ messageId: other.drop({ reference: 'Größe 😀 \ud800' }) });
    notifier.wake();
    await until(() => receiver.requests.length === 1, 'a request');
    const [request] = receiver.requests as [Posted];
    expect(verify(request, webhook)).toEqual({ events: request.events });
    expect(() => verify({ ...request, body: `${request.body} ` }, webhook)).toThrow();
    expect(() => verify(request, new Webhook('b3RoZXI='))).toThrow();
  });

  it('the signature is made for each try, over the same id and body', async () => {
    const { add, clock, failures, pass, receiver, start } = await setup(status(503));
    const began = Math.floor(clock.now());
    const notifier = start();
    add({});
    notifier.wake();
    await until(() => failures() === 1, 'a failure');
    pass(notifier, 1_000);
    await until(() => failures() === 2, 'a second failure');
    const [first, second] = receiver.requests as [Posted, Posted];
    expect(second.id).toBe(first.id);
    expect(second.body).toBe(first.body);
    const times = [first, second].map(({ headers }) => Number(headers['webhook-timestamp']));
    expect(times).toEqual([began, began + 1]);
    for (const request of [first, second]) verify(request);
    expect(second.headers['webhook-signature']).not.toBe(first.headers['webhook-signature']);
  });
});

describe('a batch that was not taken', () => {
  const failing: readonly (readonly [string, Answer, string])[] = [
    ['500', status(500), 'HTTP 500'],
    ['400', status(400), 'HTTP 400'],
    ['410', status(410), 'HTTP 410'],
    ['304', status(304), 'HTTP 304'],
    ['a reset', (response) => void response.socket?.resetAndDestroy(), 'connection-reset'],
    ['a closed connection', (response) => void response.socket?.end(), 'connection-closed'],
  ];

  it.each(failing)(
    'a batch that was not taken after %s is posted again under its id',
    async (_, answer, detail) => {
      const { add, failures, pass, receiver, start, troubles, untilTaken, well } =
        await setup(answer);
      const notifier = start();
      add({});
      notifier.wake();
      await until(() => failures() === 1, 'a failure');
      expect(troubles).toEqual([{ failures: 1, detail }]);
      /* What comes now does not join it: its id stays. */
      add({}, {});
      receiver.answer(status(202));
      pass(notifier, 1_000);
      await until(() => well.length === 1, 'its end');
      await untilTaken(3);
      const [first, second, third] = receiver.requests as [Posted, Posted, Posted];
      expect([second.id, second.body]).toEqual([first.id, first.body]);
      expect(third.id).not.toBe(first.id);
      expect(receiver.taken()).toEqual([1, 2, 3]);
      expect(well).toEqual([{ failures: 1, lasted_ms: 1_000 }]);
    },
  );

  it('a batch that was not taken after no answer in time is broken off and posted again under its id', async () => {
    const { add, failures, pass, receiver, start, troubles } = await setup(() => undefined);
    const notifier = start({ timeoutMs: 100 });
    add({});
    notifier.wake();
    await until(() => failures() === 1, 'a failure');
    expect(troubles).toEqual([{ failures: 1, detail: 'timeout' }]);
    await until(() => {
      pass(notifier, 300_000);
      return receiver.requests.length > 1;
    }, 'another request');
    expect(new Set(receiver.requests.map(({ id }) => id)).size).toBe(1);
  });

  it('a batch that was not taken waits for a receiver that nobody answers for', async () => {
    const { add, failures, start, troubles } = await setup();
    const notifier = start({ url: 'http://127.0.0.1:2/' });
    add({});
    notifier.wake();
    await until(() => failures() === 1, 'a failure');
    expect(troubles).toEqual([{ failures: 1, detail: 'connection-refused' }]);
  });

  it('a batch that was not taken is not posted where a redirect points to', async () => {
    const elsewhere = await startReceiver();
    const codes = [301, 302, 303, 307, 308];
    const { add, failures, pass, receiver, start, troubles } = await setup((response, _, index) => {
      response.writeHead(codes[index] ?? 500, { location: elsewhere.url }).end();
    });
    const notifier = start();
    add({});
    notifier.wake();
    for (const count of range(1, codes.length)) {
      await until(() => failures() === count, `failure ${count}`);
      pass(notifier, 300_000);
    }
    expect(troubles).toEqual([{ failures: 1, detail: 'HTTP 301' }]);
    await until(() => receiver.requests.length > codes.length, 'one more request');
    expect(elsewhere.requests).toEqual([]);
  });

  it('a batch that was not taken waits 1 s doubling to 5 min, not a millisecond less', async () => {
    const { add, clock, failures, pass, reads, receiver, start } = await setup(status(503));
    const tries = new Set<number>();
    /* Asked for each signature and for each answer; time stands still between the two. */
    const now = (): number => {
      tries.add(clock.monotonicMs());
      return clock.now();
    };
    const watched = { now, monotonicMs: clock.monotonicMs };
    const notifier = start({ clock: watched });
    add({});
    notifier.wake();
    const delays = [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 64_000, 128_000, 256_000];
    for (const [index, delay] of [...delays, 285_000, 285_000].entries()) {
      await until(() => failures() === index + 1, `failure ${index + 1}`);
      pass(notifier, delay - 1);
      await nextTurn();
      await nextTurn();
      pass(notifier, 1);
    }
    await until(() => failures() === 12, 'the last failure');
    const triedAt = [...tries];
    const gaps = triedAt.slice(1).map((at, index) => at - (triedAt[index] ?? 0));
    expect(gaps).toEqual([...delays, 285_000, 285_000]);
    expect(receiver.requests).toHaveLength(12);
    expect(reads()).toBeLessThan(4);
  });

  it.each([
    ['seconds', () => '120', 120_000],
    ['a date', (now: number) => new Date((Math.floor(now) + 120) * 1000).toUTCString(), 119_000],
    ['0', () => '0', 1_000],
    ['a day', () => '86400', 900_000],
  ])(
    'a batch that was not taken waits as Retry-After says in %s, at most 15 min',
    async (_, valueOf, leastMs) => {
      const { add, clock, pass, receiver, start, troubles, untilTaken } = await setup(
        (response) => {
          response.writeHead(429, { 'retry-after': valueOf(clock.now()) }).end();
        },
      );
      const notifier = start();
      add({});
      notifier.wake();
      await until(() => troubles.length === 1, 'a failure');
      const beganMs = clock.monotonicMs();
      let takenMs = 0;
      receiver.answer((response) => {
        takenMs = clock.monotonicMs();
        response.writeHead(200).end();
      });
      pass(notifier, leastMs - 1);
      await nextTurn();
      await nextTurn();
      expect(receiver.requests).toHaveLength(1);
      pass(notifier, 1_001);
      await untilTaken(1);
      expect(takenMs - beganMs).toBeGreaterThanOrEqual(leastMs);
    },
  );

  it('a batch that was not taken is spoken of once, then once an hour, until it is taken', async () => {
    const { add, failures, pass, receiver, start, troubles, well } = await setup(status(503));
    const notifier = start();
    add({});
    notifier.wake();
    for (const count of range(1, 20)) {
      await until(() => failures() === count, `failure ${count}`);
      pass(notifier, 300_000);
    }
    await until(() => failures() === 21, 'the last failure');
    expect(troubles).toEqual([
      { failures: 1, detail: 'HTTP 503' },
      { failures: 13, detail: 'HTTP 503' },
    ]);
    expect(well).toEqual([]);
    receiver.answer(status(200));
    pass(notifier, 300_000);
    await until(() => well.length === 1, 'its end');
    expect(well).toEqual([{ failures: 21, lasted_ms: 21 * 300_000 }]);
  });
});

describe('order', () => {
  it('order is kept with one request at a time while events are committed', async () => {
    const { add, receiver, start, untilTaken } = await setup((response, _, index) => {
      setImmediate(() => response.writeHead(200).end(index % 2 ? 'x'.repeat(10_000) : ''));
    });
    const notifier = start();
    await times(60, () => {
      add({}, {}, {});
      notifier.wake();
    });
    await untilTaken(180);
    expect(receiver.taken()).toEqual(range(1, 180));
    expect(receiver.mostOpen()).toBe(1);
  });

  it('order is kept for everything that gathered while the receiver was down for long', async () => {
    const { add, failures, pass, receiver, start, well } = await setup((response) => {
      response.socket?.destroy();
    });
    const notifier = start();
    for (const count of range(1, 20)) {
      add(...range(0, 20).map(() => ({})));
      pass(notifier, 300_000);
      await until(() => failures() === count, `failure ${count}`);
    }
    receiver.answer(status(200));
    await until(() => {
      pass(notifier, 300_000);
      return receiver.taken().length === 400;
    }, 'all of them');
    expect(receiver.taken()).toEqual(range(1, 400));
    expect(well).toHaveLength(1);
  });

  it('order is kept after a crash between taken and saved: the same events come again under the same id', async () => {
    const { add, receiver, saved, start, untilTaken } = await setup();
    const lost = start({ save: () => undefined, cursor: 0 });
    add({}, {}, {});
    lost.wake();
    await untilTaken(3);
    await lost[Symbol.asyncDispose]();
    expect(saved).toEqual([]);
    const next = start({ cursor: 0 });
    await untilTaken(6);
    const [first, second] = receiver.requests as [Posted, Posted];
    expect([second.id, second.body]).toEqual([first.id, first.body]);
    await until(() => saved.at(-1) === 3, 'the cursor');
    add({});
    next.wake();
    await untilTaken(7);
    expect(receiver.taken()).toEqual([1, 2, 3, 1, 2, 3, 4]);
  });
});

describe('the notifier', () => {
  it('the notifier looks at once when it starts, for what the last run left', async () => {
    const { add, receiver, start, untilTaken } = await setup();
    add({}, {});
    start({ cursor: 0 });
    await untilTaken(2);
    expect(receiver.taken()).toEqual([1, 2]);
  });

  it('the notifier reads nothing while nothing is committed, but for a look every few seconds', async () => {
    const { add, clock, receiver, reads, start } = await setup();
    start();
    await until(() => reads() === 1, 'the first look');
    add({});
    await times(10, () => undefined);
    expect(reads()).toBe(1);
    clock.advance(5_000);
    await until(() => receiver.taken().length === 1, 'what nobody spoke of');
  });

  it('the notifier does not lose a wake that comes while a request is open', async () => {
    const held: (() => void)[] = [];
    const { add, receiver, start, untilTaken } = await setup((response) => {
      held.push(() => void response.writeHead(200).end());
    });
    const notifier = start();
    add({});
    notifier.wake();
    await until(() => held.length === 1, 'a request');
    add({});
    notifier.wake();
    receiver.answer(status(200));
    held[0]?.();
    await untilTaken(2);
    expect(receiver.taken()).toEqual([1, 2]);
  });

  it('the notifier reads nothing more while a slow receiver holds a request', async () => {
    const held: (() => void)[] = [];
    const { add, receiver, reads, start, untilTaken } = await setup((response) => {
      held.push(() => void response.writeHead(200).end());
    });
    const notifier = start();
    add({});
    notifier.wake();
    await until(() => held.length === 1, 'a request');
    const before = reads();
    await times(100, () => {
      add({});
      notifier.wake();
    });
    expect(reads()).toBe(before);
    expect(receiver.requests).toHaveLength(1);
    receiver.answer(status(200));
    held[0]?.();
    await untilTaken(101);
    expect(receiver.requests).toHaveLength(2);
  });

  it('gathers what is committed within moments of a request into the next one', async () => {
    const { add, pass, receiver, saved, start } = await setup();
    const notifier = start();
    add({});
    notifier.wake();
    await until(() => saved.at(-1) === 1, 'the first');
    await times(40, () => {
      add({});
      notifier.wake();
    });
    pass(notifier, 49);
    await times(3, () => undefined);
    add({});
    pass(notifier, 1);
    await until(() => receiver.taken().length === 42, 'the rest');
    expect(receiver.requests).toHaveLength(2);
  });

  it.each<[string, Answer, number]>([
    [
      'breaks off',
      (response) => {
        response.writeHead(200, { 'content-length': '50' });
        response.write('a', () => void response.socket?.destroy());
      },
      10_000,
    ],
    ['never ends', (response) => void response.writeHead(200).write('a'), 200],
    [
      'never ends and is sent as fast as it can be',
      (response) => {
        const more = (): void => void response.write('x'.repeat(65_536));
        response.writeHead(200).on('drain', more);
        more();
      },
      600_000,
    ],
  ])('the notifier counts a 2xx as taken whose body %s', async (_, answer, timeoutMs) => {
    const { add, pass, saved, start } = await setup(answer);
    const notifier = start({ timeoutMs });
    add({});
    await until(() => {
      pass(notifier, 10_000);
      return saved.at(-1) === 1;
    }, 'the cursor');
  });

  it('breaks the open request off when it stops, and waits for no answer', async () => {
    let isClosed = false;
    const { add, receiver, saved, start, troubles } = await setup((response) => {
      response.on('close', () => (isClosed = true));
    });
    const notifier = start({ timeoutMs: 600_000 });
    add({});
    notifier.wake();
    await until(() => receiver.requests.length === 1, 'a request');
    await notifier[Symbol.asyncDispose]();
    await until(() => isClosed, 'the end of the connection');
    expect(saved).toEqual([0]);
    expect(troubles).toEqual([]);
    notifier.wake();
    await notifier[Symbol.asyncDispose]();
    expect(receiver.requests).toHaveLength(1);
  });

  it('the notifier stops at once while a retry waits for its time', async () => {
    const { add, failures, receiver, start } = await setup(status(503));
    const notifier = start();
    add({});
    notifier.wake();
    await until(() => failures() === 1, 'a failure');
    await notifier[Symbol.asyncDispose]();
    expect(receiver.requests).toHaveLength(1);
  });

  it('the notifier says that events cannot be read, and reads them again later', async () => {
    const { add, failures, pass, receiver, spool, start, troubles, untilTaken, well } =
      await setup();
    add({});
    let isBroken = true;
    const notifier = start({
      cursor: 0,
      read: (after, limit) => {
        if (isBroken) throw new Error('database is locked');
        return spool.events.after(after, limit);
      },
    });
    await until(() => failures() === 1, 'a failure');
    expect(troubles).toEqual([
      { failures: 1, detail: 'events cannot be read: database is locked' },
    ]);
    isBroken = false;
    pass(notifier, 1_000);
    await untilTaken(1);
    await until(() => well.length === 1, 'its end');
    expect(receiver.taken()).toEqual([1]);
  });
});
