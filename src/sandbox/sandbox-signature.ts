/**
 * Computes the signature of a request as the API does: `&key=value` for every field but `sig`, sorted by code unit, with
 * `&` and `=` in values turned into `_`.
 *
 * The sandbox has its own, so that client and gateway cannot agree on the same mistake.
 */
import { createHash, createHmac } from 'node:crypto';
import type { SignatureMethod } from '../gateway/signature.ts';

/** Hexadecimal, lower case. Values are decoded text; a field called `sig` is left out. */
export function signatureOf(
  fields: ReadonlyMap<string, string>,
  secret: string,
  method: SignatureMethod,
): string {
  const base = [...fields.keys()]
    .filter((key) => key !== 'sig')
    .sort()
    .map((key) => `&${key}=${(fields.get(key) ?? '').replace(/[&=]/g, '_')}`)
    .join('');
  if (method === 'md5hash') return createHash('md5').update(`${base}${secret}`).digest('hex');
  return createHmac(method, secret).update(base).digest('hex');
}
