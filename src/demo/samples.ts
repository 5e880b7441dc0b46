/**
 * Lists the messages of the demo, chosen so that everything that can happen to a message does. Recipients that begin
 * with 999 tell the sandbox what to do with them (`sandbox --help`); the others are numbers reserved for films.
 */
import type { DropRow } from '../spool/write/insert.ts';

/** One message a second at the gateway; the daemon knows, so none is throttled. */
export const LIMITED_SENDER = '12015550123';
/** One message a second at the gateway; the daemon does not know and learns it when throttled. */
export const UNANNOUNCED_SENDER = '12015550199';
/** No account of this name is configured. */
export const UNKNOWN_ACCOUNT = 'branch';
/** The campaign that is cancelled. */
export const CANCELLED_CAMPAIGN = 'flash-sale';
/** How references of the backlog begin; those of each kind below begin alike. */
export const BULK_REFERENCE = 'news-';
const ORDER_REFERENCE = 'order-';
const LIMITED_REFERENCE = 'limit-';
const UNTOLD_REFERENCE = 'untold-';
/** Its recipient opts out with the first message; the second one is then refused. */
export const OPT_OUT_REFERENCE = 'optout';

const BULK_COUNT = 90;
const LIMITED_COUNT = 9;
const UNTOLD_COUNT = 4;
const KEY = 'invoice-1001';

const LONG_TEXT =
  'Your order 2041 has left our warehouse. The carrier brings it tomorrow between 9 and 12. '.repeat(
    4,
  );
/** A header that addresses port 2948 (WAP push). */
const PORT_HEADER = '0605040B8423F0';

/** Its first receipt says that it opted out (err-code 9). */
const OPT_OUT_RECIPIENT = '999920900001';

/** Numbers that belong to nobody, from 0. */
const film = (number: number): string => `447700900${String(number).padStart(3, '0')}`;

/** Rows that each show one thing; `now` is in Unix seconds. */
function specials(now: number): readonly DropRow[] {
  const row = (reference: string, recipient: string, more: DropRow = {}): DropRow => ({
    recipient,
    text: `Demo message ${reference}`,
    reference,
    ...more,
  });
  return [
    row('long', film(1), { text: LONG_TEXT }),
    row('lost-1', '999600110001'),
    row('unicode', film(2), { text: 'Ваш столик готов ☕' }),
    row('refused', '999100600001'),
    row('emoji', film(3), { text: '🍕 Two pizzas, twenty minutes. '.repeat(4) }),
    row('lost-2', '999500110001'),
    {
      recipient: film(4),
      reference: 'binary',
      type: 'binary',
      body: '48656c6c6f',
      udh: PORT_HEADER,
    },
    row('offline', '999103300001'),
    row('class-0', film(5), { message_class: 0 }),
    row(OPT_OUT_REFERENCE, OPT_OUT_RECIPIENT),
    row('lost-3', '999850310001'),
    row('in-part', '999200600001', { text: LONG_TEXT }),
    row('retry-5', '999100510001'),
    row('silent', '999500210001'),
    row('spam', '999930600001'),
    row('sender', '999101500001'),
    row('retry-99', '999109900001'),
    row('invoice', film(6), { idempotency_key: KEY }),
    row('http-400', '999440010001'),
    row('held', '999500310001', { on_uncertain: 'hold' }),
    row('away', '999950200001'),
    row('no-word', '999900000001'),
    row('slow', '999701500001'),
    row('later', film(7), { send_at: now + 2 }),
    row('sale-1', film(8), { send_at: now + 600, campaign: CANCELLED_CAMPAIGN }),
    row('sale-2', film(9), { send_at: now + 600, campaign: CANCELLED_CAMPAIGN }),
    row('branch', film(10), { account: UNKNOWN_ACCOUNT, expires_at: now + 6 }),
    row('too-late', film(11), { sender: LIMITED_SENDER, priority: 0, expires_at: now + 3 }),
  ];
}

function counted(count: number, make: (number: number) => DropRow): readonly DropRow[] {
  return Array.from({ length: count }, (_, index) => make(index + 1));
}

/** The first rows: limited senders, samples with an ordinary order after each, a backlog. */
export function sampleRows(now: number): readonly DropRow[] {
  const order = (number: number): DropRow => ({
    recipient: film(100 + number),
    text: `Order ${number} is ready`,
    reference: `${ORDER_REFERENCE}${number}`,
  });
  return [
    order(1),
    ...counted(LIMITED_COUNT, (number) => ({
      recipient: film(200 + number),
      text: `Your code is ${number}`,
      sender: LIMITED_SENDER,
      reference: `${LIMITED_REFERENCE}${number}`,
    })),
    ...counted(UNTOLD_COUNT, (number) => ({
      recipient: film(300 + number),
      text: `Reminder ${number}`,
      sender: UNANNOUNCED_SENDER,
      reference: `${UNTOLD_REFERENCE}${number}`,
    })),
    ...specials(now).flatMap((row, index) => [row, order(index + 2)]),
    ...counted(BULK_COUNT, (number) => ({
      recipient: film(400 + number),
      text: 'Our autumn menu is here',
      priority: 1,
      campaign: 'newsletter',
      reference: `${BULK_REFERENCE}${number}`,
    })),
  ];
}

/** Inserted while the backlog waits: it is sent first. */
export const URGENT_ROW: DropRow = {
  recipient: film(12),
  text: 'Your code is 471 102',
  priority: 9,
  reference: 'urgent',
};

/** Accepted and not answered; inserted while receipts are late, so that it is sent again before its receipt comes. */
export const LATE_ROW: DropRow = {
  recipient: '999600110002',
  text: 'Your parcel is at the door',
  priority: 9,
  reference: 'late',
};

/** Inserted when its recipient has opted out. */
export const OPTED_OUT_ROW: DropRow = {
  recipient: OPT_OUT_RECIPIENT,
  text: 'Our winter menu is here',
  reference: `${OPT_OUT_REFERENCE}-2`,
};

/** One of many alike, which are only counted: `accepted` by the gateway, or `delivered` as well. */
export function isOrdinary(reference: string, what: 'accepted' | 'delivered'): boolean {
  const many = [ORDER_REFERENCE, BULK_REFERENCE];
  const prefixes = what === 'accepted' ? many : [...many, LIMITED_REFERENCE, UNTOLD_REFERENCE];
  return prefixes.some((prefix) => reference.startsWith(prefix));
}

/** Rows that the spool itself refuses, whatever program inserts them; `now` is in Unix seconds. */
export function badRows(now: number): readonly DropRow[] {
  return [
    { recipient: '++447700900001', text: 'Hello' },
    { recipient: film(1), text: 'Hello', sender: 'Acme & Sons' },
    { recipient: film(1), text: 'Hello', send_at: Math.round(now * 1000) },
    { recipient: film(6), text: 'Invoice, again', idempotency_key: KEY },
  ];
}
