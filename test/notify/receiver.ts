// The application's side: an HTTP server that keeps what is posted to it and answers as the test says.
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { onTestFinished } from 'vitest';

export interface Told {
  readonly seq: number;
  readonly at: string;
  readonly event: string;
  readonly id: number | null;
  readonly [name: string]: unknown;
}

export interface Posted {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly id: string;
  readonly body: string;
  readonly events: readonly Told[];
}

export type Answer = (response: ServerResponse, request: Posted, index: number) => void;

export interface Receiver {
  readonly url: string;
  /** Every request, in the order of their ends. */
  readonly requests: Posted[];
  /** Sequence numbers of all that was taken, in the order of taking. */
  readonly taken: () => readonly number[];
  readonly answer: (answer: Answer) => void;
  /** The most requests that were open at one time. */
  readonly mostOpen: () => number;
}

export const status =
  (code: number, headers: Readonly<Record<string, string>> = {}): Answer =>
  (response) =>
    void response.writeHead(code, headers).end();

export async function startReceiver(first: Answer = status(204)): Promise<Receiver> {
  const requests: Posted[] = [];
  const taken: number[] = [];
  let answer = first;
  const open = new Set<symbol>();
  let mostOpen = 0;
  const server = createServer((request, response) => {
    const one = Symbol('request');
    open.add(one);
    mostOpen = Math.max(mostOpen, open.size);
    for (const end of ['finish', 'close']) response.on(end, () => open.delete(one));
    void text(request).then(
      (body) => {
        const { events } = JSON.parse(body) as { readonly events: readonly Told[] };
        const { headers, url: path = '' } = request;
        const posted = { path, headers, id: String(headers['webhook-id']), body, events };
        requests.push(posted);
        response.on('finish', () => {
          if (Math.floor(response.statusCode / 100) === 2)
            taken.push(...events.map(({ seq }) => seq));
        });
        answer(response, posted, requests.length - 1);
      },
      () => undefined, // broken off by the notifier while it was sending
    );
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/sms-events`,
    requests,
    taken: () => taken,
    answer: (next) => (answer = next),
    mostOpen: () => mostOpen,
  };
}
