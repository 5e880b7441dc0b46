/**
 * Declares the options of delivery receipts, with every default and unit: URL, form, time, order, and faults on purpose.
 * The recipient chooses the content of a receipt (magic-recipients.ts).
 *
 * Changes merge into the settings in force; a receipt takes the form in force when it is first sent, and keeps it. A URL
 * that another machine could answer is refused.
 */
import type { ValueCheck } from './sandbox-check.ts';
import {
  ABOVE_ZERO,
  AMOUNT,
  FLAG,
  SECRET,
  SHARE,
  checkFields,
  fail,
  isLoopbackUrl,
  isRecord,
  oneOf,
  orNull,
  wholeFrom,
} from './sandbox-check.ts';
import { SIGNATURE_METHODS, type SignatureMethod } from '../gateway/signature.ts';

/** Query string, form body or JSON body, as an account can choose. */
export const RECEIPT_FORMATS = ['get', 'form', 'json'] as const;
export type ReceiptFormat = (typeof RECEIPT_FORMATS)[number];

export interface ReceiptSignature {
  readonly method: SignatureMethod;
  readonly secret: string;
}

export interface ReceiptOptions {
  /** http on loopback; null (default) = none are sent, and those that wait are abandoned. */
  readonly url?: string | null;
  /** Default `form`. */
  readonly format?: ReceiptFormat;
  /** From the acceptance to each receipt, ms; default 100. */
  readonly delayMs?: number;
  /** Most of an additional random delay of each receipt, ms; default 0. */
  readonly jitterMs?: number;
  /** Words that come before the last one, such as accepted and buffered; default none. */
  readonly steps?: readonly string[];
  /**
   * Of the receipts of one message: first words of all parts first (default), last words first, or any. Unless
   * they are shuffled, or spread by `jitterMs`, each is sent when the one before has had its first try.
   */
  readonly order?: 'sent' | 'reversed' | 'shuffled';
  /** Probability that a receipt is sent twice, the same bytes both times; default 0. */
  readonly repeat?: number;
  /** Probability that a receipt is never sent; default 0. Reports still show its content. */
  readonly loss?: number;
  /** False leaves `client-ref` out; default true. */
  readonly clientRef?: boolean;
  /** The answer to a request leaves after the first try of its receipts, which do not wait. Default false. */
  readonly early?: boolean;
  /** Adds `timestamp`, `nonce` and `sig`; null (default) = unsigned. */
  readonly signature?: ReceiptSignature | null;
  /** Connections, and receipts on their way at a time; default 50. */
  readonly concurrency?: number;
  /**
   * Delay before a receipt is sent again after 429, 5xx or no answer, ms; default 5000. Doubles up to 15 minutes, and
   * ends after 24 hours. After any other answer the receipt is not repeated.
   */
  readonly retryMs?: number;
}

export type ReceiptSettings = Required<ReceiptOptions>;

export const RECEIPT_DEFAULTS: ReceiptSettings = {
  url: null,
  format: 'form',
  delayMs: 100,
  jitterMs: 0,
  steps: [],
  order: 'sent',
  repeat: 0,
  loss: 0,
  clientRef: true,
  early: false,
  signature: null,
  concurrency: 50,
  retryMs: 5000,
};

const RECEIPT_FIELDS: Readonly<Record<keyof ReceiptOptions, ValueCheck>> = {
  url: orNull({
    expected: 'an http URL on loopback, like http://127.0.0.1:8026/receipts',
    accepts: isLoopbackUrl,
  }),
  format: oneOf(RECEIPT_FORMATS),
  delayMs: AMOUNT,
  jitterMs: AMOUNT,
  steps: {
    expected: 'a list of at most 10 words',
    accepts: (value) => Array.isArray(value) && value.length <= 10 && value.every(isWord),
  },
  order: oneOf(['sent', 'reversed', 'shuffled']),
  repeat: SHARE,
  loss: SHARE,
  clientRef: FLAG,
  early: FLAG,
  signature: {
    expected: 'method and secret, or null',
    accepts: (value) => value === null || isRecord(value),
    isSecret: true,
  },
  concurrency: wholeFrom(1),
  retryMs: ABOVE_ZERO,
};

const SIGNATURE_FIELDS: Readonly<Record<keyof ReceiptSignature, ValueCheck>> = {
  method: oneOf(SIGNATURE_METHODS),
  secret: SECRET,
};

function isWord(value: unknown): boolean {
  return typeof value === 'string' && /^\w{1,20}$/.test(value);
}

function checkSignature(path: string, value: unknown): void {
  const signature = checkFields(path, value, SIGNATURE_FIELDS);
  for (const [key, { expected }] of Object.entries(SIGNATURE_FIELDS)) {
    if (signature[key] === undefined) fail(`${path}.${key}`, expected, undefined);
  }
}

/** Throws SandboxOptionError. */
export function checkReceipts(path: string, value: unknown): void {
  const { signature = null } = checkFields(path, value, RECEIPT_FIELDS);
  if (signature !== null) checkSignature(`${path}.signature`, signature);
}
