/**
 * Turns a whole HTTP answer of `POST /sms/json` into an Observation.
 *
 * The body comes before the HTTP status: an answer with at least one element of `messages[]` is `answered`
 * whatever the status line said. Strings and numbers are both understood, every element counts, and an
 * element that cannot be read is a part without a status, never a part that is left out. `message-count`
 * may be either and is not relied on: `messages[]` says how many there are.
 * Never throws, for any body. Says nothing about what the answer means.
 */
import type { AnswerPart, Observation } from './observation.ts';

/** The longest error text that is kept of a part. */
const ERROR_TEXT_LENGTH = 500;
/** The longest label that is kept of an answer without parts. */
const LABEL_LENGTH = 200;

export interface RawAnswer {
  readonly httpStatus: number;
  readonly body: string;
  /** The Retry-After header as it came; null when absent. */
  readonly retryAfter: string | null;
  readonly traceId: string | null;
  /** Unix seconds, for a Retry-After that is a date. */
  readonly now: number;
}

/** So much of an answer that cannot be read is shown. */
const EXCERPT_LENGTH = 40;
/* White space that JSON does not know, byte order marks and NULs. */
const AROUND = /^[\s\uFEFF\0]+|[\s\uFEFF\0]+$/g;

type AnswerFields = Readonly<Record<string, unknown>>;

const NO_FIELDS: AnswerFields = {};
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu;
const INTEGER = /^\s*\d{1,15}\s*$/;
const DECIMAL = /^\s*-?\d{1,15}(?:\.\d{1,15})?\s*$/;
const HTTP_DATE = /^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/;

/** What came back; `answered` or `http`, never anything else. */
export function readAnswer(answer: RawAnswer): Observation {
  const { httpStatus, traceId } = answer;
  const retryAfterMs =
    answer.retryAfter === null ? null : readRetryAfter(answer.retryAfter, answer.now);
  const fields = parse(answer.body);
  const messages = fields['messages'];
  if (Array.isArray(messages) && messages.length > 0) {
    const parts = messages.map((element) => readPart(element, answer.body));
    return { kind: 'answered', httpStatus, parts, retryAfterMs, traceId };
  }
  const isOk = httpStatus >= 200 && httpStatus <= 299;
  const errorText = readLabel(fields) ?? (isOk ? unreadable(answer.body) : null);
  return { kind: 'http', httpStatus, errorText, retryAfterMs, traceId };
}

function parse(body: string): AnswerFields {
  try {
    return asFields(parseJson(body));
  } catch {
    return NO_FIELDS; // HTML, an empty body: an observation, not an error
  }
}

/** JSON that a proxy may have put something around: a byte order mark, NULs, any white space. Throws SyntaxError. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const bare = text.replace(AROUND, '');
    if (bare === text) throw error;
    return JSON.parse(bare);
  }
}

/* How an answer that cannot be read begins, for an operator; phone numbers are cut. */
function unreadable(body: string): string {
  const shown = body
    .slice(0, EXCERPT_LENGTH)
    .toWellFormed()
    .replace(/\d{7,}/g, (digits) => `${digits.slice(0, 3)}…`)
    .replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}"\\]/gu, escaped);
  return body === '' ? 'the answer is empty' : `the answer begins with "${shown}"`;
}

function escaped(character: string): string {
  if (character === '"' || character === '\\') return `\\${character}`;
  return `\\u${(character.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`;
}

function asFields(value: unknown): AnswerFields {
  return typeof value === 'object' && value !== null ? (value as AnswerFields) : NO_FIELDS;
}

function readPart(element: unknown, body: string): AnswerPart {
  const fields = asFields(element);
  const status = readStatus(fields['status']);
  const errorText = readText(fields['error-text'], ERROR_TEXT_LENGTH);
  return {
    status,
    gatewayId: readName(fields['message-id']),
    price: readDecimal(fields['message-price']),
    network: readName(fields['network']),
    errorText: errorText ?? (status === null ? unreadable(body) : null),
    balance: readDecimal(fields['remaining-balance']),
  };
}

/** An empty string is no status: Number('') would make it 0, which is "accepted". */
function readStatus(value: unknown): number | null {
  if (value === '0') return 0;
  if (typeof value === 'string') return INTEGER.test(value) ? Number(value) : null;
  if (typeof value !== 'number') return null;
  return Number.isSafeInteger(value) && value >= 0 ? Math.abs(value) : null;
}

function readDecimal(value: unknown): number | null {
  if (typeof value === 'string') return DECIMAL.test(value) ? Number(value) : null;
  return typeof value === 'number' && Number.isFinite(value) ? value : null;
}

function readName(value: unknown): string | null {
  if (typeof value === 'number') return String(value);
  return typeof value === 'string' && value !== '' ? value : null;
}

/** A text that is safe in a line of a log or on a terminal; null when nothing is left. */
function readText(value: unknown, length: number): string | null {
  const text = readName(value);
  if (text === null) return null;
  const clean = text.replace(UNPRINTABLE, ' ').trim().slice(0, length).toWellFormed();
  return clean === '' ? null : clean;
}

/** The shapes Vonage's other endpoints give: `error-code-label` (old), problem+json (new). */
function readLabel(fields: AnswerFields): string | null {
  const labels = ['error-code-label', 'title', 'detail'].map((name) =>
    readText(fields[name], LABEL_LENGTH),
  );
  return labels.find((label) => label !== null) ?? null;
}

/** `Retry-After` in milliseconds from `now`; null for what RFC 9110 does not allow. Uncapped, never infinite. */
export function readRetryAfter(value: string, now: number): number | null {
  if (INTEGER.test(value)) return Math.min(Number(value) * 1000, Number.MAX_SAFE_INTEGER);
  if (!HTTP_DATE.test(value)) return null;
  const at = Date.parse(value);
  return Number.isNaN(at) ? null : Math.max(0, Math.ceil(at - now * 1000));
}
