/**
 * A stand-in for the SMS API that accepts every message in one part and delivers it: a receipt follows each
 * answer, over keep-alive connections. A process of its own:
 *
 *   node week-gateway.ts --receipts URL
 *
 * prints {"port":N} when it listens. A receipt that is not answered with 2xx is brought again.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Pool } from 'undici';

const CONNECTIONS = 32;
const AGAIN_AFTER_MS = 200;
const HEADERS = { 'content-type': 'application/x-www-form-urlencoded' } as const;

const { values } = parseArgs({ options: { receipts: { type: 'string', default: '' } } });
const { origin, pathname: path } = new URL(values.receipts);
const pool = new Pool(origin, { connections: CONNECTIONS });

async function deliver(to: string, id: string, clientRef: string): Promise<void> {
  const form = { msisdn: to, to: 'AcmeInc', messageId: id, 'client-ref': clientRef };
  const rest = {
    status: 'delivered',
    'err-code': '0',
    'network-code': '23410',
    price: '0.03330000',
  };
  const body = new URLSearchParams({ ...form, ...rest, 'api-key': 'abcd1234' }).toString();
  for (;;) {
    try {
      const answer = await pool.request({ path, method: 'POST', headers: HEADERS, body });
      await answer.body.dump();
      if (answer.statusCode < 300) return;
    } catch {
      /* The daemon is not there yet, or no more. */
    }
    await sleep(AGAIN_AFTER_MS);
  }
}

let count = 0;
const server = createServer((request, response) => {
  let body = '';
  request.setEncoding('latin1').on('data', (chunk: string) => (body += chunk));
  request.on('end', () => {
    const form = new URLSearchParams(body);
    count += 1;
    const id = (Math.imul(count, 0x9e3779b1) >>> 0).toString(16).padStart(8, '0') + String(count);
    const to = form.get('to') ?? '';
    const part = {
      to,
      'message-id': id,
      status: '0',
      'message-price': '0.03330000',
      network: '23410',
    };
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ 'message-count': '1', messages: [part] }));
    void deliver(to, id, form.get('client-ref') ?? '');
  });
});
server.listen(0, '127.0.0.1', () => {
  console.log(JSON.stringify({ port: (server.address() as AddressInfo).port }));
});
