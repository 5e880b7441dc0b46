/** Tells delivery receipts from the other web-hooks that Vonage may send to the same address. Pure. */
import type { StrayReason } from '../core/ignored.ts';
import type { Fields } from './fields.ts';

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
