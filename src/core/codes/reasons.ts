/**
 * Explains the reasons of messages: what each means, and what an operator can do about it. Reasons that are codes
 * have both from the tables of codes; those of the daemon itself are here. Pure.
 */
import { RECEIPT_CODES, type ReceiptName } from './receipt-codes.ts';
import {
  remedyOf,
  STATUS_CODES,
  type Explanation,
  type StatusName,
  type UnknownCode,
} from './status-codes.ts';

const CORRECT = 'Add a corrected message; this one is not sent again.';
const BY_ITSELF = 'Nothing; the message is sent again by itself.';
const SETTLED = 'Nothing; a receipt settles it, else on_uncertain decides.';
const NETWORK = `${BY_ITSELF} If it lasts, see whether this machine reaches the gateway: sms-spoold check.`;
const DATE = 'Add the message again with Unix seconds; milliseconds and text are not dates.';

/** Reasons that the daemon gives to messages by itself. */
const OWN = {
  'answer-too-large': {
    meaning: 'The answer of the gateway was larger than the daemon reads.',
    remedy: SETTLED,
  },
  'broken-off': {
    meaning: 'The daemon closed the request before an answer came.',
    remedy: SETTLED,
  },
  'connect-timeout': { meaning: 'The gateway could not be connected in time.', remedy: NETWORK },
  'connection-closed': {
    meaning: 'The connection was closed before the answer came.',
    remedy: SETTLED,
  },
  'connection-refused': { meaning: 'Nothing listens at base_url.', remedy: NETWORK },
  'connection-reset': {
    meaning: 'The connection was reset before the answer came.',
    remedy: SETTLED,
  },
  'host-not-found': { meaning: 'The name of the gateway could not be resolved.', remedy: NETWORK },
  'host-unreachable': { meaning: 'There is no route to the gateway.', remedy: NETWORK },
  'network-unreachable': { meaning: 'This machine has no route to the network.', remedy: NETWORK },
  timeout: { meaning: 'The gateway did not answer in time.', remedy: SETTLED },
  'unreadable-answer': {
    meaning: 'An answer came and could not be read; the message may have been accepted.',
    remedy: 'See how the answer begins: sms-spoold show ID. A receipt settles it.',
  },
  undelivered: {
    meaning: 'A receipt says that the message was not delivered, and gives no code.',
    remedy: 'Check the recipient; to send it again: sms-spoold requeue ID.',
  },
  failed: {
    meaning: 'A receipt says that delivery failed, and gives no code.',
    remedy: 'Check the recipient; to send it again: sms-spoold requeue ID.',
  },
  rejected: {
    meaning: 'A receipt says that the carrier rejected the message, and gives no code.',
    remedy: 'Check the sender and the text; to send it again: sms-spoold requeue ID.',
  },
  deleted: {
    meaning: 'A receipt says that the message was deleted on its way.',
    remedy: 'To send it again: sms-spoold requeue ID.',
  },
  expired: {
    meaning: 'A receipt says that the carrier tried in vain until the message expired.',
    remedy: 'To send it again: sms-spoold requeue ID.',
  },
  accepted: {
    meaning: 'The gateway accepted the message.',
    remedy: 'Nothing; its receipts say whether it was delivered.',
  },
  'accepted-in-part': {
    meaning: 'The gateway accepted some parts of the message and refused the others.',
    remedy:
      'See the status of each part: sms-spoold show ID. The whole message is never sent again.',
  },
  'accepted-is-enough': {
    meaning:
      'The carrier reports no more than accepted; receipts.accepted_is_enough counts that as delivered.',
    remedy: 'Nothing.',
  },
  'another-attempt-may-arrive': {
    meaning: 'One attempt failed, and another one was perhaps accepted.',
    remedy: 'Nothing; receipts or the timeout settle it.',
  },
  'duplicate-text': {
    meaning: 'The same text went to this recipient a short time ago (safety.collapse).',
    remedy: 'Nothing, if it was added twice by mistake; else send it later: sms-spoold requeue ID.',
  },
  'empty-text': { meaning: 'The text is empty, or nothing of it can be seen.', remedy: CORRECT },
  interrupted: {
    meaning: 'The daemon ended while the request was open.',
    remedy: SETTLED,
  },
  'invalid-body': { meaning: 'The body is not hexadecimal, or is missing.', remedy: CORRECT },
  'invalid-expires-at': { meaning: 'expires_at is no date.', remedy: DATE },
  'invalid-message-class': { meaning: 'message_class is not 0 to 3.', remedy: CORRECT },
  'invalid-priority': { meaning: 'priority is not 0 to 9.', remedy: CORRECT },
  'invalid-send-at': { meaning: 'send_at is no date.', remedy: DATE },
  'invalid-type': { meaning: 'type is none of auto, text, unicode and binary.', remedy: CORRECT },
  'invalid-udh': { meaning: 'The user data header is not hexadecimal.', remedy: CORRECT },
  'no-final-receipt': {
    meaning: 'The message was accepted, and no final receipt came in time (receipts.timeout).',
    remedy: 'See that receipts arrive: sms-spoold check. A receipt that comes later still counts.',
  },
  'no-sender': {
    meaning: 'Neither the message nor its account names a sender.',
    remedy: 'Set sender in [accounts.NAME], then: sms-spoold requeue ID.',
  },
  'not-allowed-here': {
    meaning: 'The message is outside what [safety] or the gateway of its account allows.',
    remedy: 'Widen [safety] in the configuration, reload, then: sms-spoold requeue ID.',
  },
  'not-gsm-7': {
    meaning: 'type is text, and the text has characters that GSM-7 does not have.',
    remedy: 'Add it again without type, or with type unicode. With type text each arrives as "?".',
  },
  'not-sent': {
    meaning: 'The request did not leave this machine.',
    remedy: BY_ITSELF,
  },
  operator: {
    meaning: 'An operator or an application cancelled the message.',
    remedy: 'To send it after all: sms-spoold requeue ID.',
  },
  'proved-accepted': {
    meaning: 'A receipt proved that the gateway accepted the message.',
    remedy: 'Nothing.',
  },
  'quiet-hours': {
    meaning: 'The recipient is in quiet hours ([[quiet]]).',
    remedy: 'Nothing; it goes when they end.',
  },
  'receipt-delivered': { meaning: 'A receipt says that it was delivered.', remedy: 'Nothing.' },
  'receipts-resend': {
    meaning: 'A receipt names a code for which [receipts] resend sends again.',
    remedy: 'Nothing.',
  },
  'recipient-limit': {
    meaning: 'The recipient had as many messages as safety.per_recipient allows.',
    remedy: 'Nothing; it goes when the limit allows.',
  },
  'receipts-not-expected': {
    meaning: 'The message was accepted, and no receipts are expected (receipts.expect).',
    remedy: 'Nothing.',
  },
  'refused-alone': {
    meaning:
      'The gateway refused this message with an answer that stops an account, and accepted others.',
    remedy: 'Compare it with the others: sms-spoold show ID --text.',
  },
  requeued: { meaning: 'An operator asked for it to be sent again.', remedy: 'Nothing.' },
  'requeued-may-double': {
    meaning:
      'An operator asked for it to be sent again; an earlier attempt may have been accepted.',
    remedy: 'Nothing.',
  },
  resend: {
    meaning: 'No answer and no receipt came in time, and on_uncertain is resend.',
    remedy: 'Nothing; it is sent again and may arrive twice.',
  },
  restored: {
    meaning: 'The spool was restored, and this message may have been sent since.',
    remedy: 'Decide: sms-spoold resume --restored=hold or --restored=resend.',
  },
  suppressed: {
    meaning: 'The recipient is suppressed.',
    remedy: 'If that is wrong: sms-spoold unsuppress NUMBER, then: sms-spoold requeue ID.',
  },
  'too-long': {
    meaning: 'A column holds more than the daemon reads.',
    remedy: CORRECT,
  },
  unanswered: {
    meaning: 'No answer and no receipt came in time, and on_uncertain is hold.',
    remedy: 'Send it again if it may arrive twice: sms-spoold requeue ID.',
  },
  'unreadable-name': {
    meaning: 'The account, the sender or the campaign is not UTF-8, or longer than it may be.',
    remedy: CORRECT,
  },
  'unreadable-text': {
    meaning: 'The text holds bytes that are not UTF-8, or a NUL.',
    remedy: CORRECT,
  },
  'validity-passed': {
    meaning: 'The message expired before it was sent.',
    remedy: 'Send it again if it still matters: sms-spoold requeue ID.',
  },
} as const satisfies Readonly<Record<string, Explanation>> &
  Readonly<Record<ListedCause, Explanation>>;

/** Why a request was not answered, or did not leave, where there is a word for it. */
type ListedCause =
  | `connection-${'closed' | 'refused' | 'reset'}`
  | `host-${'not-found' | 'unreachable'}`
  | 'answer-too-large'
  | 'broken-off'
  | 'connect-timeout'
  | 'network-unreachable'
  | 'timeout';

/** A failure of a connection that is too rare for a word: its code, in lower case. */
export type RareCause = string & { readonly isRareCause: true };

export type Cause = ListedCause | RareCause;

/** Why a message is in its state. */
export type MessageReason =
  keyof typeof OWN | StatusName | ReceiptName | UnknownCode | `http-${number}` | RareCause;

const WORDS: ReadonlyMap<string, Explanation> = new Map<string, Explanation>([
  ...RECEIPT_CODES.map((code) => [code.name, code] as const),
  ...STATUS_CODES.map((code) => [code.name, code] as const),
  ...Object.entries(OWN),
]);

/** Every reason that a message can have, but for those with a number and rare failures of a connection. */
export const REASONS: readonly string[] = [...WORDS.keys()];

/** Whether a message can have this reason; false also for rare failures of a connection. */
export function isKnownReason(reason: string): boolean {
  return WORDS.has(reason) || NUMBERED.test(reason);
}

const NUMBERED = /^(?:http-(?<http>\d{3})|unknown-code(?:-(?<code>\d+))?)$/;

/** The reason of `account.limit`: requests per second. */
export type RateReason = `${number}/s`;

export function rateReason(rate: number): RateReason {
  return `${rate}/s`;
}

/** The rate that such a reason names; null = it names none. */
export function rateIn(reason: string | null): number | null {
  const rate = /^([\d.]+)\/s$/.exec(reason ?? '')?.[1];
  return rate === undefined ? null : Number(rate);
}

/** The words for the reason of a message, with the id of the message in its commands; null = it has none. */
export function explainReason({
  id,
  reason,
}: {
  readonly id: number;
  readonly reason: string | null;
}): Explanation | null {
  if (reason === null) return null;
  const { meaning, remedy } = WORDS.get(reason) ?? wordsOfNumber(reason) ?? UNLISTED;
  return { meaning, remedy: remedy.replaceAll(/\bID\b/g, String(id)) };
}

function wordsOfNumber(reason: string): Explanation | null {
  const found = NUMBERED.exec(reason);
  if (found === null) return null;
  const { http, code } = found.groups ?? {};
  if (http !== undefined)
    return {
      meaning: `The gateway, or a proxy before it, answered HTTP ${http} without a status.`,
      remedy: remedyOf(reason) ?? `See what follows: sms-spoold codes ${http}.`,
    };
  const said = code === undefined ? 'a status that is not a number' : `status ${code}`;
  return {
    meaning: `The gateway answered with ${said}, which no list of Vonage names.`,
    remedy: 'Read the error text: sms-spoold show ID. Vonage support knows the code.',
  };
}

/* A failure of the connection that is too rare to have words of its own. */
const UNLISTED: Explanation = {
  meaning: 'The request to the gateway failed.',
  remedy: 'See what happened: sms-spoold show ID.',
};
