/**
 * Signs what is posted, after https://www.standardwebhooks.com: HMAC-SHA256 over "id.timestamp.body". The
 * key is never in anything that is sent or said.
 */
import { createHmac } from 'node:crypto';

/** The bytes to sign with: `whsec_` and base64 is decoded, anything else is taken as UTF-8. */
export function keyOf(secret: string): Buffer {
  const [, encoded = null] = /^whsec_([A-Za-z0-9+/]{2,}={0,2})$/.exec(secret) ?? [];
  return encoded === null ? Buffer.from(secret, 'utf8') : Buffer.from(encoded, 'base64');
}

/** The three headers of the scheme; `now` in Unix seconds, of this try. */
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
