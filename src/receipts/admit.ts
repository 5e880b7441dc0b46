/**
 * Decides which receipts are believed: those that can be read, and are signed where a secret is set.
 *
 * Always holds: with a secret, only fields under a valid signature count. The age of a receipt does not matter, because
 * the gateway repeats it for a day; a repeated receipt is recognised by its digest.
 */
import type { Receipt, StrayReason } from '../core/receipt/receipt.ts';
import { verify, type SignatureMethod } from '../gateway/signature.ts';
import { fieldsOfBody, fieldsOfQuery, merge, type ReceiptFields } from './receipt-fields.ts';
import { isEmpty, readReceipt } from './read-receipt.ts';

/** Why a receipt was not taken. Except for the first two, it may be valid, and the gateway sends it again. */
export type RefusalReason =
  /** Neither a form nor JSON, or without any field of a receipt; or no HTTP at all. */
  | 'unreadable'
  | 'too-large'
  /** A secret is set and no signature came. */
  | 'unsigned'
  | 'bad-signature'
  /** It was cut off, or too slow. */
  | 'unfinished'
  /** Too many wait to be stored, or too many connections are open. */
  | 'busy'
  /** The spool cannot store it now. */
  | 'not-stored'
  /** An error in the daemon. */
  | 'failed'
  /** It looks like a receipt, but came to another path or by another method. */
  | 'other-path'
  | 'other-method'
  /** It is an unsigned web-hook of another kind. */
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

/** A receipt that may be stored. */
export interface Admitted {
  readonly receipt: Receipt;
  /** Not null = a web-hook of another kind, which is about none of the messages. */
  readonly stray: StrayReason | null;
}

/** The receipt, or why it is not taken. A field of the body counts more than one of the query. */
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

/** Whether a request to another path would have been a receipt, signed or not. */
export function looksLikeReceipt(push: Push): boolean {
  const admitted = admit(push, { method: 'sha256', secrets: [] });
  if (typeof admitted === 'string' || admitted.stray !== null) return false;
  const { status, gatewayId, clientRef } = admitted.receipt;
  return status !== null && (gatewayId ?? clientRef) !== null;
}

/** The fields that the signature covers: the receipt URL may have parameters of its own, which are not signed. */
function signedOf(
  candidates: readonly ReceiptFields[],
  signature: Signature,
): ReceiptFields | null {
  const distinct = [...new Set(candidates)].filter((fields) => fields.has('sig'));
  return distinct.find((fields) => verify(fields, signature)) ?? null;
}

/** Fields of an inbound SMS that no delivery receipt has. `type` is `text`, `unicode` or `binary`. */
const OF_INBOUND = ['text', 'type', 'keyword', 'data', 'udh', 'concat', 'concat-ref'] as const;

/** The kind of web-hook, if it is no delivery receipt of the SMS API; null = it may be one. */
function strayOf(fields: ReceiptFields): StrayReason | null {
  const has = (name: string): boolean => fields.has(name);
  /* In every web-hook of the Messages API, inbound messages and statuses, both versions. */
  if (has('message_uuid')) return 'messages-api';
  if (isFilled(fields, 'status') || isFilled(fields, 'err-code')) return null;
  const isOfSms = has('messageId') || has('msisdn');
  return isOfSms && OF_INBOUND.some(has) ? 'inbound-sms' : null;
}

function isFilled(fields: ReceiptFields, name: string): boolean {
  return (fields.get(name) ?? '').trim() !== '';
}
