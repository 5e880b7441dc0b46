/**
 * Sends an answer: whole, or spoiled in one of the ways of gateways and networks.
 *
 * Knows nothing of messages: acceptance is decided before, and a spoiled answer looks the same to the client either way.
 * That makes it ambiguous.
 */
import type { ServerResponse } from 'node:http';

/** In the order of their numbers (001 …) in magic recipients. */
export const FAULT_KINDS = [
  /** The whole request was read, then the connection is reset. */
  'reset',
  /** No answer, ever. */
  'hang',
  /** Half of the body, then the connection closes. */
  'cut',
  /** Half of the body, then silence. */
  'stall',
  /** 200 and a page of HTML. */
  'garbage',
  /** 200 and no body. */
  'blank',
  /** 200 and `messages` without an element. */
  'empty',
  /** The answer after 1 MiB of white space. */
  'huge',
  /** 302 to a path that does not exist. */
  'redirect',
] as const;

export type FaultKind = (typeof FAULT_KINDS)[number];

export type Fault =
  | { readonly kind: FaultKind }
  /** `retryAfter` in seconds; null = the header is not sent. */
  | { readonly kind: 'http'; readonly status: number; readonly retryAfter: number | null };

export interface Reply {
  readonly httpStatus: number;
  readonly body: string;
  readonly fault: Fault | null;
  /** Silence before the first byte, ms. */
  readonly delayMs: number;
  /** The silence begins when this resolves; null = at once. */
  readonly early: Promise<void> | null;
}

const JSON_TYPE = 'application/json';
const HTML_TYPE = 'text/html;charset=utf-8';
const HUGE_BYTES = 1_048_576;
export const UNAUTHORIZED = '{"error-code":"401","error-code-label":"authentication failed"}';

function page(title: string): string {
  return `<html><head><title>${title}</title></head><body><h1>${title}</h1></body></html>\n`;
}

/** A whole answer. Its type follows from the body: HTML or JSON. */
export function send(response: ServerResponse, httpStatus: number, body: string): void {
  response.writeHead(httpStatus, {
    'content-type': body.startsWith('<') ? HTML_TYPE : JSON_TYPE,
    'content-length': Buffer.byteLength(body),
  });
  response.end(body);
}

function sendHttp(response: ServerResponse, status: number, retryAfter: number | null): void {
  if (retryAfter !== null) response.setHeader('retry-after', String(retryAfter));
  send(response, status, status === 401 ? UNAUTHORIZED : page(`${status} sandbox`));
}

/** Announces the whole body and sends half of it; `then` runs when that half is on its way. */
function sendHalf(response: ServerResponse, body: string, then: () => void): void {
  const whole = Buffer.from(body);
  response.writeHead(200, { 'content-type': JSON_TYPE, 'content-length': whole.byteLength });
  response.write(whole.subarray(0, Math.floor(whole.byteLength / 2)), then);
}

const SPOIL: Readonly<Record<FaultKind, (response: ServerResponse, body: string) => void>> = {
  reset: (response) => response.socket?.resetAndDestroy(),
  hang: () => undefined,
  cut: (response, body) => sendHalf(response, body, () => response.socket?.destroySoon()),
  stall: (response, body) => sendHalf(response, body, () => undefined),
  garbage: (response) => send(response, 200, page('Welcome to nginx!')),
  blank: (response) => send(response, 200, ''),
  empty: (response) => send(response, 200, '{"message-count":"0","messages":[]}'),
  huge: (response, body) => send(response, 200, ' '.repeat(HUGE_BYTES) + body),
  redirect: (response) => {
    response.setHeader('location', '/elsewhere');
    send(response, 302, page('302 Found'));
  },
};

function dispatch(response: ServerResponse, reply: Reply): void {
  if (response.destroyed) return;
  const { fault } = reply;
  if (fault === null) send(response, reply.httpStatus, reply.body);
  else if (fault.kind === 'http') sendHttp(response, fault.status, fault.retryAfter);
  else SPOIL[fault.kind](response, reply.body);
}

/** Sends a reply when it is due; nothing happens if the client has left by then. */
export function deliver(response: ServerResponse, reply: Reply): void {
  const { early } = reply;
  if (early !== null) void early.then(() => deliver(response, { ...reply, early: null }));
  else if (reply.delayMs <= 0) dispatch(response, reply);
  else setTimeout(() => dispatch(response, reply), reply.delayMs).unref();
}

/** By default, 429 has a Retry-After of one second and other statuses have none. */
export function httpFault(status: number, retryAfter: number | null = null): Fault {
  return { kind: 'http', status, retryAfter: retryAfter ?? (status === 429 ? 1 : null) };
}
