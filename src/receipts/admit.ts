/**
 * Which receipts are believed: what can be read, and is signed where a secret is set.
 *
 * Always holds: with a secret, every field that means something was under a signature that fits. How old a
 * receipt is does not matter, the gateway comes again for a day; what comes twice is told by its digest.
 */
import type { Receipt } from '../core/receipt.ts';
import { verify, type SignatureMethod } from '../signature.ts';
import { fieldsOfBody, fieldsOfQuery, merge, type Fields } from './fields.ts';
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
  | 'failed';

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

/** The receipt, or why it is none. A field of the body counts more than one of the query. */
export function admit(push: Push, signature: Signature): Receipt | RefusalReason {
  const query = fieldsOfQuery(push.url);
  const body = push.body === null ? new Map<string, string>() : fieldsOfBody(push.body);
  if (query === null || body === null) return 'unreadable';
  const all = merge(query, body);
  const receipt = readReceipt(all, push.receivedAt);
  if (isEmpty(receipt)) return 'unreadable';
  if (signature.secrets.length === 0) return receipt;
  if (!all.has('sig')) return 'unsigned';
  const signed = signedOf([body, query, all], signature);
  if (signed === null) return 'bad-signature';
  if (signed === all) return receipt;
  const believed = readReceipt(signed, push.receivedAt, all);
  return isEmpty(believed) ? 'unreadable' : believed;
}

/**
 * What the signature fits. A URL with parameters of its own can put some beside those that are signed; what
 * is not under the signature must not be believed.
 */
function signedOf(candidates: readonly Fields[], signature: Signature): Fields | null {
  const distinct = [...new Set(candidates)].filter((fields) => fields.has('sig'));
  return distinct.find((fields) => verify(fields, signature)) ?? null;
}
