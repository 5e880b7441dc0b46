/**
 * A stand-in for the SMS API that costs little CPU: a raw TCP server that recognises whole HTTP/1.1 requests
 * with a Content-Length and answers each with one accepted part. A process of its own:
 *
 *   node endpoint.ts [--latency MS] [--record]
 *
 * prints {"port":N} when it listens. GET /stats tells what it saw and what that cost; with --record, GET
 * /arrivals tells when each recipient's request was whole. Instants are milliseconds of the monotonic clock,
 * which all processes of a machine share. It judges nothing: limits and refusals are the sandbox's.
 */
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { parseArgs } from 'node:util';
import { monotonicMs } from './clock.ts';

export interface EndpointStats {
  /** When it was asked. */
  readonly at: number;
  readonly requests: number;
  readonly connections: number;
  /** CPU microseconds of the process since the first request. */
  readonly cpuUs: number;
}

const { values } = parseArgs({
  options: {
    latency: { type: 'string', default: '0' },
    record: { type: 'boolean', default: false },
  },
});
const latencyMs = Number(values.latency);

const BODY_START = '{"message-count":"1","messages":[{"to":"447700900000","message-id":"';
const BODY_END =
  '","status":"0","remaining-balance":"15.53590000","message-price":"0.03330000","network":"23410"}]}';
const ID_DIGITS = 16;
const LENGTH = BODY_START.length + ID_DIGITS + BODY_END.length;
const ANSWER_START =
  `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ${LENGTH}\r\n` +
  `X-Nexmo-Trace-Id: 0f8fad5bd9cb469fa16570867728950e\r\n\r\n${BODY_START}`;

const END_OF_HEAD = Buffer.from('\r\n\r\n');
const CONTENT_LENGTH = /\r\ncontent-length: *(\d+)/i;
const RECIPIENT = /(?:^|&)to=(\d+)/;

let requests = 0;
let connections = 0;
let cpuAtFirst = process.cpuUsage();
const arrivals: (readonly [recipient: string, at: number])[] = [];
const late: { readonly dueAt: number; readonly socket: Socket }[] = [];

/* Random-looking, as the real ones are: an index on them must cost what it costs. */
function messageId(count: number): string {
  const low = (Math.imul(count, 0x9e3779b1) >>> 0).toString(16).padStart(8, '0');
  const high = (Math.imul(count ^ 0x5bd1e995, 0x85ebca6b) >>> 0).toString(16).padStart(8, '0');
  return low + high;
}

function answer(socket: Socket): void {
  if (socket.writable) socket.write(ANSWER_START + messageId(requests) + BODY_END, 'latin1');
}

/* Latency is the same for all, so that the queue is in order and one timer is enough. */
function answerLate(): void {
  const now = performance.now();
  let answered = 0;
  for (const { dueAt, socket } of late) {
    if (dueAt > now) break;
    answer(socket);
    answered += 1;
  }
  late.splice(0, answered);
  const [next] = late;
  if (next !== undefined) setTimeout(answerLate, Math.max(next.dueAt - now, 0));
}

function take(socket: Socket, body: Buffer): void {
  if (requests === 0) cpuAtFirst = process.cpuUsage();
  requests += 1;
  if (values.record) {
    arrivals.push([RECIPIENT.exec(body.toString('latin1'))?.[1] ?? '', monotonicMs()]);
  }
  if (latencyMs === 0) {
    answer(socket);
    return;
  }
  late.push({ dueAt: performance.now() + latencyMs, socket });
  if (late.length === 1) setTimeout(answerLate, latencyMs);
}

function stats(): EndpointStats {
  const { user, system } = process.cpuUsage(cpuAtFirst);
  return { at: monotonicMs(), requests, connections, cpuUs: user + system };
}

function tell(socket: Socket, path: string): void {
  const known = path === '/arrivals' ? arrivals : path === '/stats' ? stats() : null;
  const body = JSON.stringify(known);
  const status = known === null ? '404 Not Found' : '200 OK';
  socket.write(`HTTP/1.1 ${status}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
}

/** Takes the whole requests at the start of `bytes`; gives what is left, an unfinished request or nothing. */
function consume(socket: Socket, bytes: Buffer): Buffer | null {
  let rest = bytes;
  while (rest.length > 0) {
    const headEnd = rest.indexOf(END_OF_HEAD);
    if (headEnd === -1) return rest;
    const head = rest.toString('latin1', 0, headEnd);
    const bodyStart = headEnd + END_OF_HEAD.length;
    const bodyEnd = bodyStart + Number(CONTENT_LENGTH.exec(head)?.[1] ?? 0);
    if (rest.length < bodyEnd) return rest;
    if (head.startsWith('POST ')) take(socket, rest.subarray(bodyStart, bodyEnd));
    else tell(socket, head.split(' ', 2)[1] ?? '');
    rest = rest.subarray(bodyEnd);
  }
  return null;
}

const server = createServer({ noDelay: true }, (socket) => {
  let unfinished: Buffer | null = null;
  connections += 1;
  socket.on('data', (chunk: Buffer) => {
    unfinished = consume(socket, unfinished === null ? chunk : Buffer.concat([unfinished, chunk]));
  });
  // A client that is killed resets its connections; whoever measures counts requests, not resets.
  socket.on('error', () => socket.destroy());
});

server.listen(0, '127.0.0.1', () => {
  console.log(JSON.stringify({ port: (server.address() as AddressInfo).port }));
});
