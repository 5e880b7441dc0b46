/**
 * Makes one delivery receipt as the API sends it: its fields, signed or not, and the request that carries them. Decides
 * nothing and sends nothing.
 *
 * `msisdn` is the recipient and `to` the sender, as the API names them. Every value is text, except for a signed
 * `timestamp` in JSON.
 */
import { randomUUID } from 'node:crypto';
import { NETWORK, type NewEntry } from './sandbox-ledger.ts';
import type { ReceiptFormat, ReceiptSettings, ReceiptSignature } from './receipt-options.ts';
import { signatureOf } from './sandbox-signature.ts';

/** One word about one part of an accepted message. */
export interface News {
  readonly entry: NewEntry;
  /** Indexes of `entry.messageIds` and `entry.words`. */
  readonly part: number;
  readonly word: number;
}

export interface ReceiptRequest {
  readonly method: 'GET' | 'POST';
  /** With its question mark; empty = none. */
  readonly query: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | null;
}

const FORM_AGENT = 'Vonage/MessagingHUB/v1.0';
const JSON_AGENT = 'Jakarta Commons-HttpClient/3.1';

function fieldsOf({ entry, part, word }: News, isReferenced: boolean, now: number) {
  const iso = new Date(now).toISOString();
  const isLast = word === entry.words.length - 1;
  const fields = new Map([
    ['msisdn', entry.to],
    ['to', entry.from],
    ['network-code', NETWORK],
    ['messageId', entry.messageIds[part] ?? ''],
    ['price', entry.price],
    ['status', entry.words[word] ?? ''],
    ['scts', iso.slice(2, 16).replace(/\D/g, '')],
    ['err-code', String(isLast ? entry.code : 0)],
    ['api-key', entry.account],
  ]);
  if (isReferenced && entry.clientRef !== null) fields.set('client-ref', entry.clientRef);
  return fields.set('message-timestamp', iso.slice(0, 19).replace('T', ' '));
}

/** HMACs in upper case and the plain MD5 in lower case, as in Vonage's own fixtures. */
function addSignature(
  fields: Map<string, string>,
  { method, secret }: ReceiptSignature,
  now: number,
): void {
  fields.set('timestamp', String(Math.floor(now / 1000)));
  fields.set('nonce', randomUUID());
  const sig = signatureOf(fields, secret, method);
  fields.set('sig', method === 'md5hash' ? sig : sig.toUpperCase());
}

function jsonOf(fields: ReadonlyMap<string, string>): string {
  const timestamp = fields.get('timestamp');
  const texts = Object.fromEntries(fields);
  return JSON.stringify(
    timestamp === undefined ? texts : { ...texts, timestamp: Number(timestamp) },
  );
}

const PACK: Readonly<
  Record<ReceiptFormat, (fields: ReadonlyMap<string, string>) => ReceiptRequest>
> = {
  get: (fields) => ({
    method: 'GET',
    query: `?${new URLSearchParams([...fields]).toString()}`,
    headers: { 'user-agent': FORM_AGENT },
    body: null,
  }),
  form: (fields) => ({
    method: 'POST',
    query: '',
    headers: {
      'user-agent': FORM_AGENT,
      'content-type': 'application/x-www-form-urlencoded; charset=UTF-8',
    },
    body: new URLSearchParams([...fields]).toString(),
  }),
  json: (fields) => ({
    method: 'POST',
    query: '',
    headers: { 'user-agent': JSON_AGENT, 'content-type': 'application/json' },
    body: jsonOf(fields),
  }),
};

/** The request for a receipt; `now` is Unix ms, when it is first sent. */
export function pushOf(news: News, settings: ReceiptSettings, now: number): ReceiptRequest {
  const fields = fieldsOf(news, settings.clientRef, now);
  if (settings.signature !== null) addSignature(fields, settings.signature, now);
  return PACK[settings.format](fields);
}

/** The URL with the query of a receipt added to its own. */
export function addressOf(url: string, { query }: ReceiptRequest): string {
  return url.includes('?') ? url + query.replace('?', '&') : url + query;
}
