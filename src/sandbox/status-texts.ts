/**
 * Lists the `error-text` of every status, word for word as in Vonage's own fixtures where they show it. The texts of
 * throttling have the number that a client needs to wait the right time, in milliseconds.
 */
import type { Exceeded } from './sandbox-limits.ts';

/** A part's status and its text; the text of 0 is never sent. */
export interface PartStatus {
  readonly code: number;
  readonly text: string;
}

export const BACK_OFF_TEXT =
  'You have exceeded the submission capacity allowed on this account, please back-off and retry';

const STATUS_TEXTS: Readonly<Record<number, string>> = {
  1: BACK_OFF_TEXT,
  2: 'Missing params',
  3: 'Invalid params',
  4: 'Bad Credentials',
  5: 'Internal error',
  6: 'Unroutable message - rejected',
  7: 'Number barred.',
  8: 'Partner account barred',
  9: 'Quota Exceeded - rejected',
  10: 'Too many existing binds',
  11: 'Account not enabled for HTTP',
  12: 'Message too long',
  13: 'Communication failed',
  14: 'Invalid Signature',
  15: 'Illegal Sender Address - rejected',
  16: 'Invalid TTL',
  17: 'Message Blocked by Provider',
  18: 'Too many destinations',
  19: 'Facility not allowed',
  20: 'Invalid Message Class',
  22: 'Invalid Network Code',
  23: 'Bad callback :: Missing Protocol',
  29: 'Non White-listed Destination - rejected',
  32: 'Signature And API Secret Disallowed',
  33: 'Number De-activated',
  34: 'Invalid or missing msisdn param',
};

/** The status with its usual text; for unlisted codes only their number. */
export function statusOf(code: number, text?: string): PartStatus {
  return { code, text: text ?? STATUS_TEXTS[code] ?? `Error ${code}` };
}

/** The account's limit, with the limit itself and how old its current second is. */
export function limitText({ rate, count, startedAt, sinceMs }: Exceeded): string {
  return (
    `Exceeded maximum MT throughput[ MAX [ ${rate} ] INTERVAL [ 1000 ] COUNT [ ${count} ] ` +
    `LAST INT-START [ ${startedAt} ] TIME_SINCE_LAST_INTERVAL_START [ ${sinceMs} ]  ]`
  );
}

/** The sender's limit; null omits the number, as the API sometimes does. */
export function waitText(waitMs: number | null): string {
  const wait = waitMs === null ? 'wait' : `wait [ ${waitMs} ]`;
  return `Throughput Rate Exceeded - please ${wait} and retry`;
}
