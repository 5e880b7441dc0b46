/**
 * Builds SQL that reads no more of a column than a bound: an old row may hold a gigabyte. `octet_length` of a bare
 * column reads the head of the record only.
 */
import { BYTES_MAX, OCTETS_MAX, SENDER_MAX, TYPE_MAX } from './row-rules.ts';

/** The column, or NULL where it holds more than `most` bytes. */
export function bounded(column: string, most: number): string {
  return `CASE WHEN octet_length(${column}) > ${most} THEN NULL ELSE ${column} END`;
}

/** The column, or how many bytes it holds where they are more than `most`: for people. */
export function shown(column: string, most: number): string {
  return `CASE WHEN octet_length(${column}) > ${most} THEN '(' || octet_length(${column}) || ' bytes)'
    ELSE ${column} END`;
}

/** More bytes than a number, a date or a word has. */
const SMALL_MAX = 100;

/**
 * The column, or the text '?' where it holds more than any number or word: a junk value that is small, in a column
 * that has no text of people's. Texts and BLOBs sort after numbers: asking for that costs less than their length.
 */
export function small(column: string): string {
  return `CASE WHEN +${column} >= '' AND octet_length(${column}) > ${SMALL_MAX} THEN '?' ELSE ${column} END`;
}

/** Several columns, each by its name in JavaScript: `send_at` as `sendAt`. */
export function smalls(columns: readonly string[]): string {
  const nameOf = (column: string): string =>
    column.replace(/_(.)/g, (_, letter: string) => letter.toUpperCase());
  return columns.map((column) => `${small(column)} AS ${nameOf(column)}`).join(', ');
}

/** Bytes of a text that no program writes on purpose. */
export const HUGE = 100_000;

/**
 * Columns of text → bytes that a row may hold and still be written. A row is written whole whenever it changes, so
 * that one value of 150 MB costs that much memory each time. Names are read and compared everywhere: those that hide
 * their length behind a NUL are replaced from their bound on.
 */
export const LIMITS = {
  ...{ recipient: HUGE, text: HUGE, type: HUGE, body: HUGE, udh: HUGE, reference: HUGE },
  ...{ entity_id: HUGE, content_id: HUGE, account_ref: HUGE, idempotency_key: HUGE, reason: HUGE },
  ...{ account: BYTES_MAX.account, sender: SENDER_MAX, campaign: BYTES_MAX.campaign },
} as const;

/** The columns of `Content`, for parts to be counted by. */
export const CONTENT = `${bounded('type', TYPE_MAX)} AS type, ${bounded('text', BYTES_MAX.text)} AS text,
  ${bounded('body', OCTETS_MAX)} AS body, ${bounded('udh', OCTETS_MAX)} AS udh`;
