/**
 * SQL that reads no more of a column than a bound: a row of before the bounds may hold a gigabyte. `octet_length` of
 * a bare column looks at the head of the record only.
 */
import { BYTES_MAX, OCTETS_MAX, TYPE_MAX } from './rules.ts';

/** The column, or NULL where it holds more than `most` bytes. */
export function bounded(column: string, most: number): string {
  return `CASE WHEN octet_length(${column}) > ${most} THEN NULL ELSE ${column} END`;
}

/** The column, or how many bytes it holds where they are more than `most`: for people. */
export function shown(column: string, most: number): string {
  return `CASE WHEN octet_length(${column}) > ${most} THEN '(' || octet_length(${column}) || ' bytes)'
    ELSE ${column} END`;
}

/** The columns of `Content`, for parts to be counted by. */
export const CONTENT = `${bounded('type', TYPE_MAX)} AS type, ${bounded('text', BYTES_MAX.text)} AS text,
  ${bounded('body', OCTETS_MAX)} AS body, ${bounded('udh', OCTETS_MAX)} AS udh`;
