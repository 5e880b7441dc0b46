/** A listener on loopback that keeps what it takes, and clients that speak to it as a gateway or worse. */
import { request as httpRequest, type Agent, type IncomingHttpHeaders } from 'node:http';
import { connect, type Socket } from 'node:net';
import { once } from 'node:events';
import { onTestFinished } from 'vitest';
import type { Receipt } from '../../src/core/receipt/receipt.ts';
import type { RefusalReason } from '../../src/receipts/admit.ts';
import { ReceiptListener, type ListenerOptions } from '../../src/receipts/receipt-listener.ts';
import { sign } from '../../src/gateway/signature.ts';

export const SECRET = 'the receipt secret';
export const SIGNED = { method: 'sha256', secrets: [SECRET] } as const;
export const UNSIGNED = { method: 'sha256', secrets: [] } as const;
export const NOW = 1_795_425_302;

/** One as the gateway sends it (the PHP SDK's fixture, with our client-ref). */
export const FIELDS: Readonly<Record<string, string>> = {
  msisdn: '447700900000',
  to: 'AcmeInc',
  'network-code': '23410',
  messageId: '0A0000001234567B',
  price: '0.03330000',
  status: 'delivered',
  scts: '2611230914',
  'err-code': '0',
  'api-key': 'abcd1234',
  'client-ref': '41-1-k3v9q2m7x0w8',
  'message-timestamp': '2026-11-23 09:15:02',
};

export function signed(fields: Readonly<Record<string, string>> = FIELDS): Record<string, string> {
  const whole = { ...fields, timestamp: '1795425302', nonce: 'a3f1' };
  return { ...whole, sig: sign(whole, { method: 'sha256', secret: SECRET }) };
}

export interface Bench {
  readonly listener: ReceiptListener;
  readonly port: number;
  readonly taken: Receipt[];
  readonly refused: RefusalReason[];
  readonly causes: unknown[];
}

/** Without other options: unsigned, on a free port, everything is stored at once. */
export async function listen(over: Partial<ListenerOptions> = {}): Promise<Bench> {
  const taken: Receipt[] = [];
  const refused: RefusalReason[] = [];
  const causes: unknown[] = [];
  const listener = await ReceiptListener.start({
    listen: '127.0.0.1:0',
    fd: null,
    path: '/receipts',
    signature: UNSIGNED,
    now: () => NOW,
    onRefused: (reason, cause) => {
      refused.push(reason);
      causes.push(cause);
    },
    ...over,
    take: (receipt, stray) => {
      taken.push(receipt);
      return over.take?.(receipt, stray) ?? Promise.resolve(true);
    },
  });
  onTestFinished(() => listener[Symbol.asyncDispose]());
  const port = Number(/\d+$/.exec(listener.address)?.[0]);
  return { listener, port, taken, refused, causes };
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface Request {
  readonly method?: string;
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
  readonly agent?: Agent;
}

/** Rejects when the connection ends without an answer. */
export async function ask(port: number, asked: Request = {}): Promise<Answer> {
  const { method = 'GET', path = '/receipts', headers = {}, body, agent } = asked;
  const request = httpRequest({
    host: '127.0.0.1',
    port,
    method,
    path,
    headers,
    agent: agent ?? false,
  });
  const answered = new Promise<Answer>((resolve, reject) => {
    request.on('error', reject);
    request.on('response', (response) => {
      let text = '';
      response.on('data', (chunk: Buffer) => (text += chunk.toString()));
      response.on('error', reject);
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text }),
      );
    });
  });
  request.end(body);
  return answered;
}

export const get = (port: number, fields: Readonly<Record<string, string>>): Promise<Answer> =>
  ask(port, { path: `/receipts?${new URLSearchParams(fields).toString()}` });

export const postForm = (port: number, fields: Readonly<Record<string, string>>): Promise<Answer> =>
  post(
    port,
    new URLSearchParams(fields).toString(),
    'application/x-www-form-urlencoded; charset=UTF-8',
  );

export const postJson = (port: number, value: unknown): Promise<Answer> =>
  post(port, JSON.stringify(value), 'application/json');

/** `type` null = no content type. */
export const post = (
  port: number,
  body: string | Buffer,
  type: string | null = null,
): Promise<Answer> =>
  ask(port, { method: 'POST', body, headers: type === null ? {} : { 'content-type': type } });

/** A connection of its own, on which the test writes bytes. */
export async function dial(port: number): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  socket.on('error', () => undefined);
  onTestFinished(() => void socket.destroy());
  await once(socket, 'connect');
  return socket;
}

/** What the other side wrote until it closed; '' also when it cut the connection. */
export async function untilClosed(socket: Socket): Promise<string> {
  let text = '';
  socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')));
  socket.on('end', () => socket.end());
  if (!socket.closed) await new Promise((resolve) => socket.once('close', resolve));
  return text;
}
