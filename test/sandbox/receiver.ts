/**
 * A receiver of receipts on node:http: keeps what came, as text and as fields, and answers as a test wants.
 * Closed with the test.
 */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage, Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';

export interface Came {
  readonly method: string;
  readonly path: string;
  readonly contentType: string;
  readonly userAgent: string;
  /** The query or the body, as it came. */
  readonly raw: string;
  readonly fields: Readonly<Record<string, string>>;
  /** Port of the connection at the sandbox. */
  readonly from: number;
}

/** The status of an answer; null = the connection is cut instead. */
export type Answering = (came: Came) => number | null | Promise<number | null>;

export interface Receiver {
  readonly url: string;
  readonly came: readonly Came[];
  /** Those at one time, at most. */
  readonly mostAtOnce: () => number;
  /** Stops listening and cuts what is open. */
  readonly close: () => Promise<void>;
}

/** Every value as text, however it came. */
function fieldsOf(contentType: string, raw: string): Readonly<Record<string, string>> {
  if (!contentType.includes('json')) return Object.fromEntries(new URLSearchParams(raw));
  const values = JSON.parse(raw) as Record<string, string | number>;
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, String(value)]));
}

async function read(request: IncomingMessage): Promise<Came> {
  let body = '';
  request.setEncoding('utf8');
  for await (const text of request as AsyncIterable<string>) body += text;
  const [path = '', query = ''] = (request.url ?? '').split('?', 2);
  const contentType = request.headers['content-type'] ?? '';
  const raw = request.method === 'GET' ? query : body;
  return {
    method: request.method ?? '',
    path,
    contentType,
    userAgent: request.headers['user-agent'] ?? '',
    raw,
    fields: fieldsOf(contentType, raw),
    from: request.socket.remotePort ?? 0,
  };
}

async function close(server: Server): Promise<void> {
  if (!server.listening) return;
  const closed = once(server, 'close');
  server.close();
  server.closeAllConnections();
  await closed;
}

/** Listens on any free port of loopback; answers 200 unless told otherwise. */
export async function startReceiver(answering: Answering = () => 200): Promise<Receiver> {
  const came: Came[] = [];
  let open = 0;
  let mostAtOnce = 0;
  const server = createServer((request, response) => {
    open += 1;
    mostAtOnce = Math.max(mostAtOnce, open);
    void read(request)
      .then(async (receipt) => {
        came.push(receipt);
        const status = await answering(receipt);
        if (status === null) request.socket.destroy();
        else response.writeHead(status).end();
      })
      .finally(() => (open -= 1));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => close(server));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/receipts`,
    came,
    mostAtOnce: () => mostAtOnce,
    close: () => close(server),
  };
}
