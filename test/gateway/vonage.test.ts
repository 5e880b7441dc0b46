/** One request and what is said of it: real HTTP, by a server that the test writes byte by byte. */
import { createServer, type Server, type Socket } from 'node:net';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Observation } from '../../src/core/answer/observation.ts';
import { LoopWatch } from '../../src/gateway/loop-watch.ts';
import { VonageGateway, type VonageOptions } from '../../src/gateway/vonage.ts';
import { claimOf, NOW } from '../support/verdicts.ts';

const ACCEPTED = '{"message-count":"1","messages":[{"status":"0","message-id":"id-1"}]}';

function http(status: string, body: string, headers: readonly string[] = []): string {
  const lines = [`HTTP/1.1 ${status}`, `content-length: ${Buffer.byteLength(body)}`, ...headers];
  return `${lines.join('\r\n')}\r\n\r\n${body}`;
}

/** Hands each request, as it came, to `answer`. */
async function serve(answer: (socket: Socket, request: string) => void): Promise<Server> {
  const server = createServer((socket) => {
    let received = '';
    socket.on('error', () => undefined);
    socket.on('data', (chunk) => {
      received += chunk.toString();
      const [head = '', body] = received.split('\r\n\r\n');
      const length = Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0);
      if (body === undefined || Buffer.byteLength(body) < length) return;
      const request = received;
      received = '';
      answer(socket, request);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  return server;
}

function gatewayTo(url: string, over: Partial<VonageOptions> = {}): VonageGateway {
  const gateway = new VonageGateway({
    baseUrl: url,
    apiKey: 'abcd1234',
    apiSecret: 'secret',
    signature: null,
    concurrency: 4,
    timeoutMs: 5_000,
    now: () => NOW,
    watch: new LoopWatch(),
    ...over,
  });
  onTestFinished(() => gateway.close());
  return gateway;
}

const urlOf = (server: Server): string =>
  `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

const send = (gateway: VonageGateway, id = 41): Promise<Observation> =>
  new Promise((resolve) => gateway.send(claimOf({ id }), 86_400_000, resolve));

async function observe(
  answer: (socket: Socket, request: string) => void,
  over: Partial<VonageOptions> = {},
): Promise<Observation> {
  return send(gatewayTo(urlOf(await serve(answer)), over));
}

describe('a request', () => {
  it('a request is a form with Basic auth under the path of the configuration', async () => {
    let request = '';
    const server = await serve((socket, received) => {
      request = received;
      socket.write(http('200 OK', ACCEPTED));
    });
    await send(gatewayTo(`${urlOf(server)}/base/`));
    expect(request).toMatch(/^POST \/base\/sms\/json HTTP\/1.1\r\n/);
    expect(request).toContain('content-type: application/x-www-form-urlencoded');
    const credentials = Buffer.from('abcd1234:secret').toString('base64');
    expect(request).toContain(`authorization: Basic ${credentials}`);
    expect(request).toContain('&to=447700900041&');
    expect(request).not.toContain('sig=');
  });

  it('a request has a signature or Basic auth, never both', async () => {
    let request = '';
    await observe(
      (socket, received) => {
        request = received;
        socket.write(http('200 OK', ACCEPTED));
      },
      { signature: { method: 'sha256', secret: 'signing' } },
    );
    expect(request).toContain('&sig=');
    expect(request.toLowerCase()).not.toContain('authorization');
  });

  it('a request goes over connections that are kept, one at a time on each', async () => {
    let connections = 0;
    const server = await serve((socket) => void socket.write(http('200 OK', ACCEPTED)));
    server.on('connection', () => (connections += 1));
    const gateway = gatewayTo(urlOf(server), { concurrency: 1 });
    for (const id of [1, 2, 3]) expect((await send(gateway, id)).kind).toBe('answered');
    expect(connections).toBe(1);
  });
});

describe('an answer', () => {
  it('an answer is read whole: parts, trace and Retry-After', async () => {
    const body = http('429 Too Many Requests', ACCEPTED, [
      'retry-after: 7',
      'x-nexmo-trace-id: t1',
    ]);
    const observation = await observe((socket) => {
      socket.write(body.slice(0, 90));
      setImmediate(() => socket.write(body.slice(90)));
    });
    expect(observation).toMatchObject({
      kind: 'answered',
      httpStatus: 429,
      retryAfterMs: 7_000,
      traceId: 't1',
      parts: [{ status: 0, gatewayId: 'id-1' }],
    });
  });

  it('an answer that leads elsewhere is not followed', async () => {
    const observation = await observe((socket) =>
      socket.write(http('302 Found', '', ['location: http://127.0.0.1:1/'])),
    );
    expect(observation).toMatchObject({ kind: 'http', httpStatus: 302 });
  });

  it('an answer of more than 64 KiB is not read to its end', async () => {
    const observation = await observe((socket) => socket.write(http('200 OK', ' '.repeat(70_000))));
    expect(observation).toMatchObject({ kind: 'unanswered', cause: 'answer-too-large' });
  });

  it.each<[string, (socket: Socket) => void, object]>([
    ['that never comes because the connection ends', (socket) => void socket.destroy(), {}],
    [
      'that is cut',
      (socket) => {
        socket.write(http('200 OK', ACCEPTED).slice(0, -10));
        socket.end();
      },
      { httpStatus: 200 },
    ],
    ['that is no HTTP', (socket) => void socket.write('SMTP ready\r\n\r\n'), { httpStatus: null }],
  ])('%s leaves the request unanswered', async (_what, answer, expected) => {
    expect(await observe(answer)).toMatchObject({ kind: 'unanswered', ...expected });
  });

  it('an answer that does not come in time leaves it unanswered', async () => {
    const observation = await observe(() => undefined, { timeoutMs: 300 });
    expect(observation).toMatchObject({ kind: 'unanswered', cause: 'timeout' });
  });

  it('an answer that trickles in is broken off when the whole exchange has taken too long', async () => {
    const observation = await observe(
      (socket) => {
        socket.write('HTTP/1.1 200 OK\r\ncontent-length: 9999\r\n\r\n');
        const trickle = setInterval(() => socket.write(' '), 50);
        socket.on('close', () => clearInterval(trickle));
      },
      { timeoutMs: 400 },
    );
    expect(observation).toMatchObject({ kind: 'unanswered', cause: 'timeout', httpStatus: 200 });
  });
});

describe('a request that cannot leave', () => {
  it.each([
    ['a port nobody listens on', 'http://127.0.0.1:1', 'connection-refused'],
    ['a host that does not exist', 'http://nowhere.invalid', 'host-not-found'],
  ])('a request that cannot leave says so: %s', async (_what, url, cause) => {
    expect(await send(gatewayTo(url))).toEqual({ kind: 'never-left', cause });
  });

  it('a request that cannot leave says so for each of those that wait for a connection', async () => {
    const gateway = gatewayTo('http://127.0.0.1:1', { concurrency: 2 });
    const found = await Promise.all([1, 2, 3, 4, 5].map((id) => send(gateway, id)));
    expect(new Set(found.map(({ kind }) => kind))).toEqual(new Set(['never-left']));
  });

  it('because no encrypted connection comes about says so', async () => {
    const server = await serve((socket) => void socket.destroy());
    const url = urlOf(server).replace('http:', 'https:');
    server.on('connection', (socket: Socket) => void socket.end('not TLS'));
    expect(await send(gatewayTo(url))).toMatchObject({ kind: 'never-left' });
  });
});

it('what is open when the gateway is closed is observed as unanswered, once', async () => {
  let arrived: () => void = () => undefined;
  const isHere = new Promise<void>((resolve) => {
    arrived = resolve;
  });
  const server = await serve(() => arrived());
  const gateway = gatewayTo(urlOf(server));
  let times = 0;
  const observed = new Promise<Observation>((resolve) => {
    gateway.send(claimOf(), 86_400_000, (observation) => {
      times += 1;
      resolve(observation);
    });
  });
  await isHere;
  await gateway.close();
  expect(await observed).toMatchObject({ kind: 'unanswered' });
  expect(times).toBe(1);
});
