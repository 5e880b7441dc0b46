/**
 * One POST of JSON to the application, and what came of it. Whatever the receiver does is a value.
 *
 * Always holds: the whole exchange ends within its time limit; redirects are not followed; of an answer only
 * the status and Retry-After are heeded, and at most 64 KiB of its body are read, to be thrown away.
 */

export interface Failure {
  readonly kind: 'failed';
  /** A short word for an operator, never the peer's own text. */
  readonly detail: string;
  /** Null when the answer named none. */
  readonly retryAfterMs: number | null;
}

export type Outcome = { readonly kind: 'taken' } | Failure;

export interface Post {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly timeoutMs: number;
  /** Unix seconds, for a Retry-After that is a date. */
  readonly now: () => number;
}

const DISCARDED_MAX = 65_536;

/** Posts once. 2xx = taken, anything else failed. Never throws; `open` breaks it off. */
export async function post(request: Post, open: AbortController): Promise<Outcome> {
  const late = new DOMException('no whole answer in time', 'TimeoutError');
  const timer = setTimeout(() => open.abort(late), request.timeoutMs);
  try {
    const response = await fetch(request.url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...request.headers },
      body: request.body,
      redirect: 'manual',
      signal: open.signal,
    });
    await discard(response.body);
    if (response.ok) return { kind: 'taken' };
    const retryAfter = response.headers.get('retry-after') ?? '';
    return {
      kind: 'failed',
      detail: `HTTP ${response.status}`,
      retryAfterMs: readRetryAfter(retryAfter, request.now()),
    };
  } catch (error) {
    return { kind: 'failed', detail: causeOf(error), retryAfterMs: null };
  } finally {
    clearTimeout(timer);
  }
}

/* Read to its end so that the connection can be used again. */
async function discard(body: Response['body']): Promise<void> {
  if (body === null) return;
  let length = 0;
  try {
    for await (const chunk of body as AsyncIterable<Uint8Array>) {
      length += chunk.byteLength;
      if (length > DISCARDED_MAX) break;
    }
  } catch {
    return; // the status has said it all: a body that breaks off takes nothing back
  }
}

/** Milliseconds from `now`; null for what RFC 9110 does not allow, and for nothing. */
function readRetryAfter(value: string, now: number): number | null {
  if (/^\d{1,10}$/.test(value)) return Number(value) * 1000;
  const at = / GMT$/.test(value) ? Date.parse(value) : NaN;
  return Number.isNaN(at) ? null : Math.max(0, at - now * 1000);
}

/* fetch says "fetch failed" and keeps the reason in the cause. */
function causeOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { cause } = error;
  const reason = cause instanceof Error ? cause : error;
  const code = 'code' in reason && typeof reason.code === 'string' ? reason.code : reason.name;
  return (
    CAUSES[code] ??
    code
      .toLowerCase()
      .replace(/^und_err_/, '')
      .replaceAll('_', '-')
  );
}

const CAUSES: Readonly<Record<string, string>> = {
  TimeoutError: 'timeout',
  AbortError: 'broken-off',
  UND_ERR_CONNECT_TIMEOUT: 'connect-timeout',
  UND_ERR_SOCKET: 'connection-closed',
  ECONNREFUSED: 'connection-refused',
  ECONNRESET: 'connection-reset',
  EPIPE: 'connection-reset',
  ETIMEDOUT: 'connect-timeout',
  ENOTFOUND: 'host-not-found',
  EAI_AGAIN: 'host-not-found',
  EHOSTUNREACH: 'host-unreachable',
  ENETUNREACH: 'network-unreachable',
};
