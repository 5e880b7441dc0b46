/** A gateway that answers when the test says so. */
import { createServer, type ServerResponse } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';

export interface SlowGateway {
  readonly url: string;
  /** Requests that came, by their Authorization header. */
  readonly came: readonly string[];
  /** Answers what has come and what comes from now on. */
  readonly answer: () => void;
}

const ACCEPTED = {
  'message-count': '1',
  messages: [{ to: '447700900000', 'message-id': 'A1', status: '0', 'message-price': '0.03' }],
};

export async function startSlowGateway(): Promise<SlowGateway> {
  const came: string[] = [];
  const waiting: ServerResponse[] = [];
  let isOpen = false;
  const finish = (response: ServerResponse): void =>
    void response
      .writeHead(200, { 'content-type': 'application/json' })
      .end(JSON.stringify(ACCEPTED));
  const server = createServer((request, response) => {
    request.resume().on('end', () => {
      came.push(request.headers.authorization ?? '');
      if (isOpen) finish(response);
      else waiting.push(response);
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    came,
    answer: () => {
      isOpen = true;
      for (const response of waiting.splice(0)) finish(response);
    },
  };
}
