/**
 * Validates the fields of a message as the API does: a field is missing (2), wrong (3) or out of its bounds (12, 15, 16,
 * 20, 23). Knows nothing of accounts and limits.
 */
import type { RequestFields } from './request-fields.ts';
import type { PartStatus } from './status-texts.ts';
import { statusOf } from './status-texts.ts';

const TEXT_CHARACTERS = 3200;
const BINARY_OCTETS = 140;
const CALLBACK_CHARACTERS = 100;
const CLIENT_REF_CHARACTERS = 100;
const TTL_MS = { least: 20_000, most: 604_800_000 };

function isMissing(fields: RequestFields, name: string): boolean {
  return (fields.get(name) ?? '') === '';
}

function isWholeWithin(value: string, least: number, most: number): boolean {
  return /^\d+$/.test(value) && Number(value) >= least && Number(value) <= most;
}

function checkText(fields: RequestFields): PartStatus | null {
  if (isMissing(fields, 'text')) return statusOf(2, 'Missing text param');
  const text = fields.get('text') ?? '';
  // Counting is needed only for a text with more UTF-16 units than allowed characters.
  const isLong = text.length > TEXT_CHARACTERS && Array.from(text).length > TEXT_CHARACTERS;
  return isLong ? statusOf(12) : null;
}

function checkBinary(fields: RequestFields): PartStatus | null {
  if (isMissing(fields, 'body')) return statusOf(2, 'Missing body param');
  const hex = `${fields.get('udh') ?? ''}${fields.get('body') ?? ''}`;
  if (!/^([0-9a-f]{2})+$/i.test(hex)) return statusOf(3, 'body or udh is not hexadecimal');
  return hex.length / 2 > BINARY_OCTETS ? statusOf(12) : null;
}

function checkContent(fields: RequestFields): PartStatus | null {
  const type = fields.get('type') ?? 'text';
  if (type === 'text' || type === 'unicode') return checkText(fields);
  return type === 'binary' ? checkBinary(fields) : statusOf(3, 'Invalid type param');
}

function checkCallback(url: string): PartStatus | null {
  if (!/^https?:\/\//i.test(url)) return statusOf(23);
  return url.length > CALLBACK_CHARACTERS ? statusOf(23, 'Bad callback :: Too Long') : null;
}

const OPTIONAL: readonly (readonly [string, (value: string) => PartStatus | null])[] = [
  ['ttl', (value) => (isWholeWithin(value, TTL_MS.least, TTL_MS.most) ? null : statusOf(16))],
  ['message-class', (value) => (/^[0-3]$/.test(value) ? null : statusOf(20))],
  ['callback', checkCallback],
  [
    'protocol-id',
    (value) => (isWholeWithin(value, 0, 255) ? null : statusOf(3, 'Invalid protocol-id param')),
  ],
  [
    'client-ref',
    (value) =>
      value.length <= CLIENT_REF_CHARACTERS ? null : statusOf(3, 'Invalid client-ref param'),
  ],
];

function checkAddresses(fields: RequestFields): PartStatus | null {
  if (isMissing(fields, 'to')) return statusOf(2, 'Missing to param');
  if (isMissing(fields, 'from')) return statusOf(2, 'Missing from param');
  const to = fields.get('to') ?? '';
  if (!/^\d+$/.test(to)) return statusOf(3, 'to address is not numeric');
  if (to.length < 7 || to.length > 15) return statusOf(3, 'Invalid to address');
  // The API removes spaces in a sender instead of refusing it.
  const from = (fields.get('from') ?? '').replaceAll(' ', '');
  return /^(\d{1,15}|[a-z0-9]{1,11})$/i.test(from) ? null : statusOf(15);
}

/** The first problem; null = none. */
export function validate(fields: RequestFields): PartStatus | null {
  const wrong = checkAddresses(fields) ?? checkContent(fields);
  if (wrong !== null) return wrong;
  for (const [name, check] of OPTIONAL) {
    const value = fields.get(name);
    const status = value === undefined ? null : check(value);
    if (status !== null) return status;
  }
  return null;
}
