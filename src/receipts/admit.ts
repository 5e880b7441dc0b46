/**
 * Which receipts are believed: what can be read, and is signed where a secret is set.
 *
 * Always holds: with a secret, every field that means something was under a signature that fits. How old a
 * receipt is does not matter, the gateway comes again for a day; what comes twice is told by its digest.
 */
import type { Receipt, StrayReason } from '../core/receipt/receipt.ts';
import { verify, type SignatureMethod } from '../gateway/signature.ts';
import { fieldsOfBody, fieldsOfQuery, merge, type Fields } from './receipt-fields.ts';
import { isEmpty, readReceipt } from './read-receipt.ts';

/** Why a receipt was not taken. All but the first two may have been right, and come again. */
export type RefusalReason =
  /** Neither a form nor JSON, or with nothing in it that a receipt has; or no HTTP at all. */
  | 'unreadable'
  | 'too-large'
  /** A secret is set and no signature came. */
  | 'unsigned'
  | 'bad-signature'
  /** It stopped half-way, or was too slow. */
  | 'unfinished'
  /** Too many wait to be stored, or too many connections are open. */
  | 'busy'
  /** The spool cannot store it now. */
  | 'not-stored'
  /** Something here threw. */
  | 'failed'
  /** It looks like a receipt, but came to another path or by another method. */
  | 'other-path'
  | 'other-method'
  /** It is a web-hook of another kind, and nothing proves who sent it. */
  | StrayReason;

export interface Signature {
  readonly method: SignatureMethod;
  /** None = receipts are not signed. */
  readonly secrets: readonly string[];
}

/** `url` may hold fields in its query; `body` null = none came. `receivedAt` in Unix seconds. */
export interface Push {
  readonly url: string;
  readonly body: Buffer | null;
  readonly receivedAt: number;
}

/** What came and may be stored. */
export interface Admitted {
  readonly receipt: Receipt;
  /** Not null = it is a web-hook of another kind, and about no message of ours. */
  readonly stray: StrayReason | null;
}

/** What came, or why it is not taken. A field of the body counts more than one of the query. */
export function admit(push: Push, signature: Signature): Admitted | RefusalReason {
  const query = fieldsOfQuery(push.url);
  const body = push.body === null ? new Map<string, string>() : fieldsOfBody(push.body);
  if (query === null || body === null) return 'unreadable';
  const all = merge(query, body);
  const stray = strayOf(all);
  const receipt = readReceipt(all, push.receivedAt);
  if (isEmpty(receipt) && stray === null) return 'unreadable';
  if (signature.secrets.length === 0) return { receipt, stray };
  if (!all.has('sig')) return stray ?? 'unsigned';
  const signed = signedOf([body, query, all], signature);
  if (signed === null) return stray ?? 'bad-signature';
  if (signed === all) return { receipt, stray };
  const believed = readReceipt(signed, push.receivedAt, all);
  return isEmpty(believed) ? 'unreadable' : { receipt: believed, stray: strayOf(signed) };
}

/** Whether what came anywhere else would have been a receipt, signed or not. */
export function looksLikeReceipt(push: Push): boolean {
  const admitted = admit(push, { method: 'sha256', secrets: [] });
  if (typeof admitted === 'string' || admitted.stray !== null) return false;
  const { status, gatewayId, clientRef } = admitted.receipt;
  return status !== null && (gatewayId ?? clientRef) !== null;
}

/**
 * What the signature fits. A URL with parameters of its own can put some beside those that are signed; what
 * is not under the signature must not be believed.
 */
function signedOf(candidates: readonly Fields[], signature: Signature): Fields | null {
  const distinct = [...new Set(candidates)].filter((fields) => fields.has('sig'));
  return distinct.find((fields) => verify(fields, signature)) ?? null;
}

/** Fields of an inbound SMS that no delivery receipt has. `type` is `text`, `unicode` or `binary`. */
const OF_INBOUND = ['text', 'type', 'keyword', 'data', 'udh', 'concat', 'concat-ref'] as const;

/** What the fields are, if they are no delivery receipt of the SMS API; null = they may be one. */
export function strayOf(fields: Fields): StrayReason | null {
  const has = (name: string): boolean => fields.has(name);
  /* Every web-hook of the Messages API has it, inbound messages and statuses alike, in both versions. */
  if (has('message_uuid')) return 'messages-api';
  if (isFilled(fields, 'status') || isFilled(fields, 'err-code')) return null;
  const isOfSms = has('messageId') || has('msisdn');
  return isOfSms && OF_INBOUND.some(has) ? 'inbound-sms' : null;
}

function isFilled(fields: Fields, name: string): boolean {
  return (fields.get(name) ?? '').trim() !== '';
}
