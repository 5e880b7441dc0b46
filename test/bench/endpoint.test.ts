/**
 * The stand-in endpoint of the benchmarks must answer every request once, however the bytes arrive, or the
 * figures measured against it mean nothing.
 */
import { connect, type Socket } from 'node:net';
import { once } from 'node:events';
import { afterEach, describe, expect, it } from 'vitest';
import { startEndpoint, type Endpoint } from './servers.ts';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function setup(isRecording = false): Promise<{ endpoint: Endpoint; socket: Socket }> {
  const endpoint = await startEndpoint({ isRecording });
  cleanups.push(() => endpoint.stop());
  const socket = connect(Number(new URL(endpoint.url).port), '127.0.0.1').setNoDelay(true);
  await once(socket, 'connect');
  cleanups.push(() => socket.destroy());
  return { endpoint, socket };
}

const post = (body: string): string =>
  `POST /sms/json HTTP/1.1\r\nhost: x\r\nContent-Length: ${body.length}\r\n\r\n${body}`;

interface Answer {
  readonly 'message-count': string;
  readonly messages: readonly Readonly<Record<string, string>>[];
}

/** Reads until that many answers are there, whole. */
async function read(socket: Socket, count: number): Promise<readonly Answer[]> {
  let text = '';
  for await (const chunk of socket.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    text += chunk.toString('latin1');
    const answers = text.split('HTTP/1.1 200 OK\r\n').slice(1);
    if (answers.length === count && text.endsWith(']}')) {
      return answers.map((answer) => JSON.parse(answer.split('\r\n\r\n')[1]!) as Answer);
    }
  }
  throw new Error(`the connection ended after: ${text}`);
}

describe('the stand-in endpoint', () => {
  it('the stand-in endpoint answers a request with one accepted part', async () => {
    const { socket } = await setup();
    socket.write(post('to=447700900000&text=Hello'));
    const [answer] = await read(socket, 1);
    expect(answer?.['message-count']).toBe('1');
    expect(answer?.messages[0]).toMatchObject({ status: '0', 'message-price': '0.03330000' });
    expect(answer?.messages[0]?.['message-id']).toMatch(/^[0-9a-f]{16}$/);
  });

  it('the stand-in endpoint answers each of many requests that come in one packet, with an id of its own', async () => {
    const { endpoint, socket } = await setup();
    socket.write(Array.from({ length: 50 }, (_, index) => post(`to=4477009000${index}`)).join(''));
    const answers = await read(socket, 50);
    expect(new Set(answers.map(({ messages }) => messages[0]?.['message-id'])).size).toBe(50);
    expect((await endpoint.stats()).requests).toBe(50);
  });

  it('the stand-in endpoint waits for the rest of a request that comes in pieces, wherever it is cut', async () => {
    const { endpoint, socket } = await setup();
    const request = post('to=447700900000&text=Hello') + post('to=447700900001&text=Again');
    for (let cut = 1; cut < request.length; cut += 7) {
      socket.write(request.slice(0, cut));
      await new Promise(setImmediate);
      socket.write(request.slice(cut));
      await read(socket, 2);
    }
    expect((await endpoint.stats()).requests).toBe(2 * Math.ceil((request.length - 1) / 7));
  });

  it('the stand-in endpoint remembers who was written to, and in which order', async () => {
    const { endpoint, socket } = await setup(true);
    socket.write(post('to=447700900000&text=a') + post('text=b&to=447700900001'));
    await read(socket, 2);
    const arrivals = await endpoint.arrivals();
    expect(arrivals.map(([recipient]) => recipient)).toEqual(['447700900000', '447700900001']);
    expect(arrivals[0]![1]).toBeLessThanOrEqual(arrivals[1]![1]);
  });
});
