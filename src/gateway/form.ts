/**
 * Makes the form of `POST /sms/json` for one message (src/gateway/README.md): one recipient without its plus sign,
 * `type` decided here because the API upgrades nothing, empty fields left out because they break signatures.
 */
import type { Claim } from '../core/message/claim.ts';
import { comparedForm } from '../core/text/recipient.ts';
import { encodingOf } from '../core/message/parts.ts';
import { sign, type SignatureMethod } from './signature.ts';

/** Bounds of `ttl`, in milliseconds (src/gateway/README.md). */
const TTL_MIN_MS = 20_000;
const TTL_MAX_MS = 604_800_000;

export interface Signer {
  readonly apiKey: string;
  readonly method: SignatureMethod;
  readonly secret: string;
}

/** The fields of one request: name, value, name, value, … in the order they are sent. */
export function fieldsOf(claim: Claim, ttlMs: number | null): string[] {
  const { recipient } = claim;
  const fields = ['from', claim.sender, 'to', comparedForm(recipient)];
  pushContent(fields, claim);
  fields.push('client-ref', claim.clientRef);
  if (ttlMs !== null) fields.push('ttl', String(boundedTtl(ttlMs)));
  push(fields, 'message-class', claim.messageClass);
  push(fields, 'entity-id', claim.entityId);
  push(fields, 'content-id', claim.contentId);
  push(fields, 'account-ref', claim.accountRef);
  return fields;
}

/** The body as it goes over the wire; signed where there is a signer. `now` in Unix seconds. */
export function encodeForm(fields: readonly string[], signer: Signer | null, now: number): string {
  if (signer === null) return encode(fields);
  const timestamp = String(Math.floor(now));
  const signed = ['api_key', signer.apiKey, ...fields, 'timestamp', timestamp];
  const sig = sign(pairsOf(signed), { method: signer.method, secret: signer.secret });
  return encode([...signed, 'sig', sig]);
}

function pushContent(fields: string[], claim: Claim): void {
  if (claim.type === 'binary') {
    fields.push('type', 'binary');
    push(fields, 'body', claim.body);
    push(fields, 'udh', claim.udh);
    return;
  }
  const text = claim.text ?? '';
  const type = claim.type === 'auto' ? encodingOf(text) : claim.type;
  fields.push('text', text);
  if (type === 'unicode') fields.push('type', 'unicode');
}

function push(fields: string[], name: string, value: string | number | null): void {
  if (value !== null && value !== '') fields.push(name, String(value));
}

function encode(fields: readonly string[]): string {
  let body = '';
  for (let index = 0; index < fields.length; index += 2) {
    const value = fields[index + 1] ?? '';
    body += `${index === 0 ? '' : '&'}${fields[index] ?? ''}=${encodeValue(value)}`;
  }
  return body;
}

/* Half a surrogate pair cannot be encoded: U+FFFD stands for it. */
function encodeValue(value: string): string {
  return encodeURIComponent(value.isWellFormed() ? value : value.toWellFormed());
}

function pairsOf(fields: readonly string[]): Map<string, string> {
  const pairs = new Map<string, string>();
  for (let index = 0; index < fields.length; index += 2) {
    pairs.set(fields[index] ?? '', fields[index + 1] ?? '');
  }
  return pairs;
}

function boundedTtl(ttlMs: number): number {
  return Math.round(Math.min(Math.max(ttlMs, TTL_MIN_MS), TTL_MAX_MS));
}
