/** The listener over real HTTP: what it takes, what it answers, and who cannot disturb it. */
import { closeSync, openSync } from 'node:fs';
import { Agent } from 'node:http';
import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { ListenError } from '../../src/http/listen.ts';
import { LIMITS, ReceiptListener } from '../../src/receipts/receipt-listener.ts';
import {
  FIELDS,
  NOW,
  SIGNED,
  ask,
  dial,
  get,
  listen,
  post,
  postForm,
  postJson,
  signed,
  untilClosed,
} from './setup.ts';

const FORM = new URLSearchParams(FIELDS).toString();
const UNDERSTOOD = {
  receivedAt: NOW,
  gatewayId: '0A0000001234567B',
  clientRef: '41-1-k3v9q2m7x0w8',
  recipient: '447700900000',
  status: 'delivered',
  code: 0,
  price: 0.0333,
};

/** A promise that the test settles. */
function later<T>() {
  return Promise.withResolvers<T>();
}

const PATIENCE = { timeout: 30_000 };

/** Of an answer, or what went wrong instead. */
const statusOf = (answer: ReturnType<typeof ask>): Promise<number | string> =>
  answer.then(({ status }) => status, String);

describe('a receipt', () => {
  it.each<[string, (port: number) => ReturnType<typeof ask>]>([
    ['a GET with a query', (port) => get(port, FIELDS)],
    ['a POST with a query', (port) => ask(port, { method: 'POST', path: `/receipts?${FORM}` })],
    ['a form', (port) => postForm(port, FIELDS)],
    ['JSON', (port) => postJson(port, { ...FIELDS, 'err-code': 0, timestamp: 1385047698 })],
    ['a form without a content type', (port) => post(port, FORM)],
    ['JSON without a content type', (port) => post(port, JSON.stringify(FIELDS))],
    ['JSON that is called a form', (port) => post(port, JSON.stringify(FIELDS), 'text/plain')],
    ['a form that is called JSON', (port) => post(port, FORM, 'application/json')],
    ['a content type that is none', (port) => post(port, FORM, '!!, ;;charset')],
    ['a slash after the path', (port) => ask(port, { path: `/receipts/?${FORM}` })],
    ['an escape in the path', (port) => ask(port, { path: `/%72eceipts?${FORM}` })],
    [
      'a whole URL in the request line',
      (port) => ask(port, { path: `http://sms.example:81/receipts?${FORM}` }),
    ],
  ])('a receipt is taken from %s, and answered 200 with nothing', async (_name, send) => {
    const { port, taken, refused } = await listen();
    expect(await send(port)).toMatchObject({ status: 200, body: '' });
    expect(taken).toMatchObject([UNDERSTOOD]);
    expect(refused).toEqual([]);
  });

  it('a receipt is answered 200 only when it is stored', async () => {
    const stored = later<boolean>();
    const seen = later<undefined>();
    const { port } = await listen({
      take: () => {
        seen.resolve(undefined);
        return stored.promise;
      },
    });
    const answer = get(port, FIELDS);
    await seen.promise;
    let isAnswered = false;
    const done = answer.then(() => (isAnswered = true));
    expect((await ask(port)).status).toBe(200);
    expect(isAnswered).toBe(false);
    stored.resolve(true);
    expect((await answer).status).toBe(200);
    await done;
  });

  it('a receipt is answered 503 when it cannot be stored, so that it comes again', async () => {
    const { port, refused } = await listen({ take: () => Promise.resolve(false) });
    const { status, headers } = await get(port, FIELDS);
    expect({ status, retry: headers['retry-after'] }).toEqual({ status: 503, retry: '5' });
    expect(refused).toEqual(['not-stored']);
  });

  it('a receipt is answered 503 when storing it throws, and the cause is told', async () => {
    const bug = new Error('a bug');
    const { port, refused, causes } = await listen({ take: () => Promise.reject(bug) });
    expect((await postForm(port, FIELDS)).status).toBe(503);
    expect({ refused, causes }).toEqual({ refused: ['failed'], causes: [bug] });
  });

  it('a receipt is answered 503 while too many wait to be stored', async () => {
    const stored = later<boolean>();
    const all = later<undefined>();
    const { port, refused, taken } = await listen({
      limits: { waiting: 2 },
      take: () => {
        if (taken.length === 2) all.resolve(undefined);
        return stored.promise;
      },
    });
    const waiting = [get(port, FIELDS), get(port, FIELDS)];
    await all.promise;
    const { status, headers } = await get(port, FIELDS);
    expect({ status, retry: headers['retry-after'] }).toEqual({ status: 503, retry: '5' });
    expect(refused).toEqual(['busy']);
    stored.resolve(true);
    expect((await Promise.all(waiting)).map((answer) => answer.status)).toEqual([200, 200]);
    expect((await get(port, FIELDS)).status).toBe(200);
  });

  it('a receipt is answered 503 when its signature is absent or does not fit: the wrong secret may be ours', async () => {
    const { port, taken, refused } = await listen({ signature: SIGNED });
    const statuses = [
      await get(port, FIELDS),
      await postForm(port, { ...signed(), status: 'failed' }),
      await postForm(port, signed()),
      await postJson(port, { ...signed(), timestamp: 1795425302 }),
    ].map((answer) => answer.status);
    expect(statuses).toEqual([503, 503, 200, 200]);
    expect(refused).toEqual(['unsigned', 'bad-signature']);
    expect(taken).toHaveLength(2);
  });

  it('a receipt is answered 400 when it can never be one', async () => {
    const { port, taken, refused } = await listen();
    const answers = [
      await get(port, { text: 'no receipt' }),
      await post(port, 'hello'),
      await post(port, '[]'),
      await post(port, '{"status":"deliv'),
      await post(port, Buffer.from([0, 255, 1, 254])),
      await post(port, ''),
    ];
    expect(answers.map(({ status }) => status)).toEqual(Array.from(answers, () => 400));
    expect(refused).toEqual(Array.from(answers, () => 'unreadable'));
    expect(taken).toEqual([]);
  });
});

describe('the path', () => {
  it('the path is answered 200 to whoever asks whether it is right', async () => {
    const { port, taken, refused } = await listen();
    for (const asked of [{}, { path: '/receipts?' }, { path: '/receipts/' }, { method: 'HEAD' }]) {
      expect(await ask(port, asked)).toMatchObject({ status: 200, body: '' });
    }
    expect(await ask(port, { method: 'HEAD', path: `/receipts?${FORM}` })).toMatchObject({
      status: 200,
    });
    expect({ taken, refused }).toEqual({ taken: [], refused: [] });
  });

  it.each(['/', '/receipts/x', '/receipt', '/receipts%', '/%', '*'])(
    'the path is no other one (%s), and a receipt that comes there is counted',
    async (path) => {
      const { port, taken, refused } = await listen();
      const answer = await ask(port, { method: 'OPTIONS', path });
      expect(answer).toMatchObject({ status: 404, body: '' });
      expect(refused).toEqual([]);
      expect(await ask(port, { method: 'POST', path, body: FORM })).toMatchObject({ status: 404 });
      expect(await ask(port, { path: `${path}?${FORM}` })).toMatchObject({ status: 404 });
      expect(taken).toEqual([]);
      expect(refused).toEqual(['other-path', 'other-path']);
    },
  );

  it.each(['/Receipts', '//receipts', '/receipts//', '/RECEIPTS/', '//%52eceipts//'])(
    'the path is taken where it is nearly right (%s)',
    async (path) => {
      const { port, taken, refused } = await listen();
      expect((await ask(port, { path: `${path}?${FORM}` })).status).toBe(200);
      expect((await ask(port, { method: 'POST', path, body: FORM })).status).toBe(200);
      expect((await ask(port, { path })).status).toBe(200);
      expect({ taken: taken.length, refused }).toEqual({ taken: 2, refused: [] });
    },
  );

  it.each<[string, Parameters<typeof ask>[1]]>([
    ['asks for a page', { path: '/index.html?status=1' }],
    ['is a probe', { path: '/' }],
    ['posts a form of something else', { method: 'POST', path: '/login', body: 'user=a&status=b' }],
    ['posts too much', { method: 'POST', path: '/x', body: 'x'.repeat(LIMITS.bodyBytes + 1) }],
    ['posts no text', { method: 'POST', path: '/x', body: Buffer.from([0, 255, 1]) }],
  ])('nothing is counted of who elsewhere %s', async (_what, asked) => {
    const { port, taken, refused } = await listen();
    expect(await ask(port, asked)).toMatchObject({ status: 404, body: '' });
    expect({ taken, refused }).toEqual({ taken: [], refused: [] });
  });

  it.each(['PUT', 'DELETE', 'PATCH', 'OPTIONS', 'TRACE', 'PROPFIND', 'QUERY'])(
    'the path knows no %s, and counts a receipt that comes so',
    async (method) => {
      const { port, taken, refused } = await listen();
      expect(await ask(port, { method, path: `/receipts?${FORM}` })).toMatchObject({ status: 405 });
      expect(await ask(port, { method, path: '/receipts' })).toMatchObject({ status: 405 });
      expect({ taken, refused }).toEqual({ taken: [], refused: ['other-method'] });
    },
  );

  it.each(['/', '/a:b/:c', '/r*', '/(x)/caf%C3%A9', `/${'s'.repeat(300)}`, '/with/a/slash/'])(
    'the path may be anything a URL can have (%s)',
    async (path) => {
      const { port, taken } = await listen({ path });
      expect((await ask(port, { path: `${path}?${FORM}` })).status).toBe(200);
      expect((await ask(port, { path: `${path}x?${FORM}` })).status).toBe(404);
      expect(taken).toHaveLength(1);
    },
  );
});

describe('a limit', () => {
  it('a limit of the body is kept, whether its length was told or not', async () => {
    const { port, refused, taken } = await listen();
    const body = (length: number): string => FORM.padEnd(length, '&');
    expect((await post(port, body(LIMITS.bodyBytes))).status).toBe(200);
    expect((await post(port, body(LIMITS.bodyBytes + 1))).status).toBe(413);
    const chunked = await ask(port, {
      method: 'POST',
      headers: { 'transfer-encoding': 'chunked' },
      body: body(LIMITS.bodyBytes + 1),
    });
    expect(chunked.status).toBe(413);
    expect(refused).toEqual(['too-large', 'too-large']);
    expect(taken).toHaveLength(1);
  });

  it('a limit of the body stops a sender of gigabytes at its announcement', async () => {
    const { port, refused } = await listen();
    const socket = await dial(port);
    socket.write('POST /receipts HTTP/1.1\r\nhost: x\r\ncontent-length: 9000000000\r\n\r\nstatus=');
    expect(await untilClosed(socket)).toMatch(/^HTTP\/1.1 413 /);
    expect(refused).toEqual(['too-large']);
  });

  it('a limit of the headers and the URL is kept', async () => {
    const { port, refused, taken } = await listen();
    const long = 'x'.repeat(LIMITS.headerBytes);
    expect((await ask(port, { headers: { long } })).status).toBe(431);
    expect((await ask(port, { path: `/receipts?${FORM}&long=${long}` })).status).toBe(431);
    expect(refused).toEqual(['too-large', 'too-large']);
    expect(taken).toEqual([]);
  });

  it('a limit of connections is kept, and a place that becomes free is given away', async () => {
    const { port, refused } = await listen({ limits: { connections: 2 } });
    const [first] = [await dial(port), await dial(port)];
    const third = await dial(port);
    expect(await untilClosed(third)).toBe('');
    expect(refused).toEqual(['busy']);
    first.destroy();
    await expect.poll(() => statusOf(get(port, FIELDS)), PATIENCE).toBe(200);
  });

  it('a limit of connections is kept by closing idle ones first, those that are idle longest', async () => {
    const { port, refused, taken } = await listen({ limits: { connections: 20 } });
    const ended: number[] = [];
    for (let count = 0; count < 40; count += 1) {
      const socket: Socket = await dial(port);
      socket.on('end', () => ended.push(count));
      socket.write(`GET /receipts?${FORM} HTTP/1.1\r\nhost: x\r\n\r\n`);
      await once(socket, 'data');
      socket.resume();
    }
    expect((await get(port, FIELDS)).status).toBe(200);
    expect({ taken: taken.length, refused }).toEqual({ taken: 41, refused: [] });
    await expect.poll(() => ended.length, PATIENCE).toBeGreaterThanOrEqual(21);
    expect(ended.toSorted((left, right) => left - right)).toEqual(ended.map((_, at) => at));
  });

  it('a limit of connections closes none on which a request is open', async () => {
    const stored = later<boolean>();
    const { port, refused } = await listen({
      limits: { connections: 4 },
      take: () => stored.promise,
    });
    const open = [get(port, FIELDS), get(port, FIELDS), get(port, FIELDS), get(port, FIELDS)];
    await expect.poll(() => statusOf(get(port, FIELDS)), PATIENCE).not.toBe(200);
    stored.resolve(true);
    expect((await Promise.all(open)).map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    expect(new Set(refused)).toEqual(new Set(['busy']));
  });

  it('a limit of time ends requests that do not: no headers, no body, a byte now and then', async () => {
    const { port, refused, taken } = await listen({ limits: { headersMs: 500, requestMs: 1_000 } });
    const post = 'POST /receipts HTTP/1.1\r\nhost: x\r\n';
    const begun: readonly (readonly [string, string])[] = [
      ['POST /rece', 'x'],
      [post, 'x'],
      [`${post}content-length: 9000\r\n\r\n${FORM}`, 'x'],
      [`${post}content-length: 9000\r\n\r\n`, ''],
      [`${post}transfer-encoding: chunked\r\n\r\n`, '1\r\nx\r\n'],
    ];
    const ends = await Promise.all(
      begun.map(async ([text, drop]) => {
        const socket = await dial(port);
        socket.write(text);
        const dripping = setInterval(() => socket.write(drop), 20);
        const end = await untilClosed(socket);
        clearInterval(dripping);
        return end;
      }),
    );
    // 503 and not 408: a receipt that the network made slow may be right.
    for (const end of ends) expect(end).toMatch(/^(HTTP\/1.1 503 [^]*retry-after: 5[^]*)?$/);
    expect(ends).toContainEqual(expect.stringContaining('503'));
    await expect.poll(() => refused, PATIENCE).toEqual(begun.map(() => 'unfinished'));
    expect(taken).toEqual([]);
    await expect.poll(() => statusOf(get(port, FIELDS)), PATIENCE).toBe(200);
  });

  it('a limit of time lets a connection that says nothing go without a word', async () => {
    const { port, refused } = await listen({ limits: { headersMs: 100, requestMs: 200 } });
    const socket = await dial(port);
    expect(await untilClosed(socket)).toBe('');
    expect(refused).toEqual([]);
  });
});

describe('a sender', () => {
  it('a sender that goes in the middle of a body leaves nothing behind', async () => {
    const { port, taken, refused } = await listen();
    const head = `POST /receipts HTTP/1.1\r\nhost: x\r\ncontent-length: ${FORM.length + 10}\r\n\r\n`;
    const [reset, ended] = [await dial(port), await dial(port)];
    reset.write(head + FORM);
    reset.resetAndDestroy();
    ended.end(head + FORM);
    await untilClosed(ended);
    await expect.poll(() => new Set(refused), PATIENCE).toEqual(new Set(['unfinished']));
    expect((await get(port, FIELDS)).status).toBe(200);
    expect(taken).toHaveLength(1);
  });

  it('a sender that ends in the middle of a body counts once', async () => {
    const { port, refused } = await listen();
    const socket = await dial(port);
    socket.end(`POST /receipts HTTP/1.1\r\nhost: x\r\ncontent-length: 9000\r\n\r\n${FORM}`);
    expect(await untilClosed(socket)).toMatch(/^HTTP\/1.1 503 /);
    expect((await get(port, FIELDS)).status).toBe(200);
    expect(refused).toEqual(['unfinished']);
  });

  it('a sender that goes before its answer changes nothing', async () => {
    const stored = later<boolean>();
    const seen = later<undefined>();
    const { port, refused, taken } = await listen({
      take: () => {
        seen.resolve(undefined);
        return stored.promise;
      },
    });
    const socket = await dial(port);
    socket.write(`GET /receipts?${FORM} HTTP/1.1\r\nhost: x\r\n\r\n`);
    await seen.promise;
    socket.resetAndDestroy();
    stored.resolve(true);
    expect((await get(port, FIELDS)).status).toBe(200);
    expect(taken).toHaveLength(2);
    expect(refused).toEqual([]);
  });

  it('a sender that speaks no HTTP is told so', async () => {
    const { port, refused } = await listen();
    const socket = await dial(port);
    socket.write('\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 hello\r\n\r\n');
    expect(await untilClosed(socket)).toMatch(/^HTTP\/1.1 400 /);
    expect(refused).toEqual(['unreadable']);
  });

  it('a sender that speaks nonsense after a receipt does not get its 400 for the receipt', async () => {
    const stored = later<boolean>();
    const { port, refused, taken } = await listen({ take: () => stored.promise });
    const socket = await dial(port);
    socket.write(`GET /receipts?${FORM} HTTP/1.1\r\nhost: x\r\n\r\nnonsense\r\n\r\n`);
    expect(await untilClosed(socket)).toMatch(/^HTTP\/1.1 503 /);
    expect(refused).toEqual(['unreadable']);
    expect(taken).toHaveLength(1);
    stored.resolve(true);
  });

  it('a sender may be many: each receipt of 200 connections is taken once', async () => {
    const { port, taken, refused } = await listen();
    const agent = new Agent({ keepAlive: true, maxSockets: 200 });
    onTestFinished(() => agent.destroy());
    const numbers = Array.from({ length: 2_000 }, (_, at) => String(at));
    const answers = await Promise.all(
      numbers.map((messageId) =>
        ask(port, { path: `/receipts?${FORM}&messageId=${messageId}`, agent }),
      ),
    );
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    expect(taken.map(({ gatewayId }) => gatewayId).sort()).toEqual(numbers.toSorted());
    expect(refused).toEqual([]);
  });
});

describe('stopping', () => {
  it('stopping answers what has come, closes idle connections at once, and listens no more', async () => {
    const stored = later<boolean>();
    const seen = later<undefined>();
    const bench = await listen({
      // Were anything left to this limit, the test would last as long.
      limits: { closeMs: 600_000 },
      take: () => {
        seen.resolve(undefined);
        return stored.promise;
      },
    });
    const agent = new Agent({ keepAlive: true });
    const idle = await dial(bench.port);
    idle.write('GET /receipts HTTP/1.1\r\nhost: x\r\n\r\n');
    await once(idle, 'data');
    const answer = ask(bench.port, { path: `/receipts?${FORM}`, agent });
    await seen.promise;
    const stopped = bench.listener[Symbol.asyncDispose]();
    await untilClosed(idle);
    await expect(get(bench.port, FIELDS)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    stored.resolve(true);
    expect(await answer).toMatchObject({ status: 200, headers: { connection: 'close' } });
    await stopped;
    await bench.listener[Symbol.asyncDispose]();
  });

  it.each([
    ['body', FORM.length],
    ['headers', FORM.length + 20],
  ])(
    'stopping takes a receipt that had begun with half its %s, and closes that',
    async (_name, missing) => {
      const bench = await listen({ limits: { closeMs: 600_000 } });
      const socket = await dial(bench.port);
      const head = `POST /receipts HTTP/1.1\r\nhost: x\r\ncontent-length: ${FORM.length}\r\n\r\n`;
      const whole = head + FORM;
      socket.write(whole.slice(0, -missing));
      expect((await ask(bench.port)).status).toBe(200);
      const stopped = bench.listener[Symbol.asyncDispose]();
      const end = untilClosed(socket);
      socket.write(whole.slice(-missing));
      expect(await end).toMatch(/^HTTP\/1.1 200 [^]*connection: close/i);
      await stopped;
      expect(bench.taken).toHaveLength(1);
    },
  );

  it('stopping does not wait for ever', async () => {
    const seen = later<undefined>();
    const never = later<boolean>();
    const bench = await listen({
      limits: { closeMs: 50 },
      take: () => {
        seen.resolve(undefined);
        return never.promise;
      },
    });
    const answer = expect(get(bench.port, FIELDS)).rejects.toMatchObject({ code: 'ECONNRESET' });
    await seen.promise;
    await bench.listener[Symbol.asyncDispose]();
    await answer;
  });
});

describe('an address', () => {
  const start = (place: { readonly listen?: string; readonly fd?: number | null }) =>
    ReceiptListener.start({
      listen: '127.0.0.1:0',
      fd: null,
      path: '/secret-path',
      signature: SIGNED,
      now: () => NOW,
      take: () => Promise.resolve(true),
      onRefused: () => undefined,
      ...place,
    });
  const failure = async (place: Parameters<typeof start>[0]): Promise<ListenError> => {
    const error: unknown = await start(place).catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(ListenError);
    return error as ListenError;
  };

  it('an address is told with the port that was chosen', async () => {
    const { listener } = await listen();
    expect(listener.address).toMatch(/^127\.0\.0\.1:[1-9]\d*$/);
  });

  it('an address may be a name, or IPv6 where there is any', async () => {
    await using named = await start({ listen: 'localhost:0' });
    expect(named.address).toMatch(/^(127\.0\.0\.1|\[::1\]):\d+$/);
    const outcome = await start({ listen: '[::1]:0' }).catch((error: unknown) => error);
    if (outcome instanceof ReceiptListener) {
      expect(outcome.address).toMatch(/^\[::1\]:\d+$/);
      await outcome[Symbol.asyncDispose]();
    } else {
      expect(outcome).toBeInstanceOf(ListenError);
    }
  });

  it('an address in use is named with its key, and the path is not', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    onTestFinished(() => void other.close());
    await once(other, 'listening');
    const address = `127.0.0.1:${(other.address() as AddressInfo).port}`;
    const error = await failure({ listen: address });
    expect(error).toMatchObject({ code: 'address-in-use', name: 'ListenError' });
    expect(error.message).toContain(`receipts.listen: ${address}`);
    expect(error.message).not.toContain('secret');
  });

  it('an address that this machine does not have is told', async () => {
    const error = await failure({ listen: '203.0.113.7:8026' });
    expect(error).toMatchObject({ code: 'no-such-address' });
  });

  it.runIf(process.getuid?.() !== 0)('an address that is not permitted is told', async () => {
    // Where such ports are free to all, it is simply had.
    const outcome = await start({ listen: '127.0.0.1:81' }).catch((error: unknown) => error);
    if (outcome instanceof ReceiptListener) await outcome[Symbol.asyncDispose]();
    else expect(outcome).toMatchObject({ code: 'not-permitted' });
  });

  it('passed as a descriptor that is no socket is told', async () => {
    const fd = openSync(import.meta.filename, 'r');
    const error = await failure({ fd });
    expect(error).toMatchObject({ code: 'bad-socket' });
    expect(error.message).toContain(`descriptor ${fd}`);
    closeSync(fd);
  });
});
