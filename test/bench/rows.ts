/**
 * The messages that all contenders send: the same recipients, the same texts of one part, the same request.
 */
export const SENDER = 'AcmeInc';
export const PATH = '/sms/json';

export const HEADERS = {
  'content-type': 'application/x-www-form-urlencoded',
  authorization: `Basic ${Buffer.from('abcd1234:secret').toString('base64')}`,
} as const;

const FIRST_RECIPIENT = 447_700_000_000;

/** Index counts from 1. */
export const recipientOf = (index: number): string => String(FIRST_RECIPIENT + index);

export const textOf = (index: number): string =>
  `Your order ${String(index).padStart(7, '0')} has left our warehouse and comes tomorrow`;

/** The request's body as the daemon writes it, with a client-ref of its length. */
export const form = (index: number): string =>
  `to=${recipientOf(index)}&from=${SENDER}&text=${textOf(index).replaceAll(' ', '+')}&type=text&ttl=86400000` +
  `&client-ref=${index}-1-mzxw6ytboi7dsmzt`;

/** SQL that drops the first `count` rows in one statement, as an application would name them. */
export const dropRows = (count: number): string => `
  INSERT INTO messages (recipient, text)
  WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ${count})
  SELECT CAST(${FIRST_RECIPIENT} + n AS TEXT),
    'Your order ' || printf('%07d', n) || ' has left our warehouse and comes tomorrow' FROM numbers`;
