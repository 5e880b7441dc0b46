/**
 * Reads a Receipt from the fields of a request (Vonage, "Delivery receipts"). Pure.
 *
 * Always holds: a Receipt comes out of any fields; a value that does not fit its name is null and stays in `raw`; no
 * value is cut, because half an id may be another's; every text is well-formed and without control characters, so that
 * any store can keep it; `raw` is JSON of bounded length.
 */
import { hash } from 'node:crypto';
import { wordOf, type Receipt } from '../core/receipt/receipt.ts';
import type { ReceiptFields } from './receipt-fields.ts';

/** In hexadecimal digits: 16 bytes. */
const DIGEST_LENGTH = 32;
/** Bytes of `raw`: several times what a receipt has. */
const RAW_MAX = 4_000;

/** No control, format, private or unassigned character, no half of a surrogate pair. */
const LABEL = /^\P{C}{1,200}$/u;

/** `receivedAt` in Unix seconds. `all` is what `raw` keeps, where more came than is believed. */
export function readReceipt(
  fields: ReceiptFields,
  receivedAt: number,
  all: ReceiptFields = fields,
): Receipt {
  const status = label(fields, 'status');
  const understood = {
    gatewayId: label(fields, 'messageId', 'message-id'),
    clientRef: label(fields, 'client-ref', 'clientRef'),
    recipient: match(fields, 'msisdn', /^\+?(\d{1,20})$/),
    apiKey: label(fields, 'api-key'),
    status: status === null ? null : statusOf(status),
    code: number(match(fields, 'err-code', /^(\d{1,6})$/)),
    price: number(match(fields, 'price', /^(\d{1,12}(?:\.\d{1,20})?(?:[eE]-?\d{1,2})?)$/)),
    network: label(fields, 'network-code'),
  };
  return { receivedAt, ...understood, digest: digestOf(understood), raw: rawOf(all) };
}

/** Whether it names no message and has no status. */
export function isEmpty({ gatewayId, clientRef, status }: Receipt): boolean {
  return gatewayId === null && clientRef === null && status === null;
}

/** The first of the names that has a value fit to be shown and compared. */
function label(fields: ReceiptFields, ...names: readonly string[]): string | null {
  for (const name of names) {
    const text = fields.get(name)?.trim();
    if (text !== undefined && LABEL.test(text)) return text;
  }
  return null;
}

/** Text, also for a status such as `constructor`, which is a key of every object. */
function statusOf(text: string): string {
  const word: unknown = wordOf(text);
  return typeof word === 'string' ? word : text.toLowerCase();
}

function match(fields: ReceiptFields, name: string, form: RegExp): string | null {
  return form.exec(fields.get(name)?.trim() ?? '')?.[1] ?? null;
}

function number(text: string | null): number | null {
  return text === null ? null : Number(text);
}

/*
 * Only of known fields: blank and unknown ones can be added under a signature that stays valid. So can `&` and `=`
 * instead of `_`, which are the same to a signature.
 */
function digestOf(understood: Omit<Receipt, 'receivedAt' | 'digest' | 'raw'>): string {
  const { gatewayId, clientRef, recipient, apiKey, status, code, price, network } = understood;
  const texts = [gatewayId, clientRef, recipient, apiKey, status, network];
  const said = [...texts.map((text) => text?.replace(/[&=]/g, '_') ?? null), code, price];
  return hash('sha256', JSON.stringify(said), 'hex').slice(0, DIGEST_LENGTH);
}

/* Not by JSON.stringify: an object would move names that look like numbers to its front. Fields beyond the limit are
   left out one by one, so that it stays JSON. */
function rawOf(fields: ReceiptFields): string {
  const members: string[] = [];
  let bytes = 1;
  for (const [name, value] of [...fields].sort(([a], [b]) => (a < b ? -1 : 1))) {
    if (name === 'sig') continue;
    const member = `${JSON.stringify(name)}:${JSON.stringify(value)}`;
    const length = Buffer.byteLength(member) + 1;
    if (bytes + length > RAW_MAX) continue;
    bytes += length;
    members.push(member);
  }
  return `{${members.join(',')}}`;
}
