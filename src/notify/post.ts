/**
 * Sends one POST of JSON to the application. Whatever the receiver does is a value.
 *
 * Always holds: the whole exchange ends within its time limit; redirects are not followed; of an answer only the status
 * and Retry-After count, and at most 64 KiB of its body are read and discarded.
 */
import { createHmac } from 'node:crypto';
import { causeOf } from '../gateway/failure-causes.ts';
import { readRetryAfter } from '../core/answer/read-answer.ts';

export interface PostFailure {
  /** A short word for an operator, never the peer's own text. */
  readonly detail: string;
  /** Null when the answer named none. */
  readonly retryAfterMs: number | null;
}

interface PostRequest {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly timeoutMs: number;
  /** Unix seconds, for a Retry-After that is a date. */
  readonly now: () => number;
}

const DISCARDED_MAX = 65_536;

/** Posts once. Null = taken (2xx). Never throws; `open` breaks it off. */
export async function post(
  request: PostRequest,
  open: AbortController,
): Promise<PostFailure | null> {
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
    if (response.ok) return null;
    const retryAfter = response.headers.get('retry-after') ?? '';
    const retryAfterMs = readRetryAfter(retryAfter, request.now());
    return { detail: `HTTP ${response.status}`, retryAfterMs };
  } catch (error) {
    const detail = error instanceof Error ? causeOf(error) : String(error);
    return { detail, retryAfterMs: null };
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
    return; // the status counts alone, also when the body breaks off
  }
}

/** The bytes to sign with: `whsec_` and base64 is decoded, anything else is taken as UTF-8. */
export function keyOf(secret: string): Buffer {
  const [, encoded = null] = /^whsec_([A-Za-z0-9+/]{2,}={0,2})$/.exec(secret) ?? [];
  return encoded === null ? Buffer.from(secret, 'utf8') : Buffer.from(encoded, 'base64');
}

/** The three headers of https://www.standardwebhooks.com; `now` in Unix seconds. */
export function signedHeaders(
  key: Buffer,
  { id, body }: { readonly id: string; readonly body: string },
  now: number,
): Readonly<Record<string, string>> {
  const timestamp = Math.floor(now);
  const signature = createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64');
  return {
    'webhook-id': id,
    'webhook-timestamp': String(timestamp),
    'webhook-signature': `v1,${signature}`,
  };
}
