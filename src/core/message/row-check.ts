/**
 * Checks a row before it costs money: clients can switch constraints off, and only the daemon knows what the operator
 * allows (`[safety]`). Pure. A row that cannot be sent becomes permanent-failure with the reason given here.
 */
import type { MessageReason } from '../codes/reasons.ts';
import { isBlank } from './characters.ts';
import { encodingOf, predictParts, type Content } from './parts.ts';
import { comparedForm, internationalForm } from '../text/recipient.ts';

/** What of a row is judged. */
export interface JudgedRow {
  readonly recipient: string;
  readonly text: string | null;
  readonly sender: string | null;
  readonly type: string;
  readonly body: string | null;
  readonly udh: string | null;
  readonly messageClass: number | null;
  readonly priority: number;
  readonly sendAt: number | null;
  readonly expiresAt: number | null;
  /** Not 0 = a column holds more than may be read of it. */
  readonly isTooLong?: number;
}

const SENDER = /^(?:[0-9]{1,15}|[0-9A-Za-z]{1,11})$/;
const HEX = /^(?:[0-9A-Fa-f]{2})*$/;
const TEXT_MAX = 3_200;
const TYPES: ReadonlySet<string> = new Set(['auto', 'text', 'unicode', 'binary']);

/**
 * Why the row cannot be sent, as a `reason`; null = it can. `sender` is what the row's stands for; '' or null =
 * none, and the account has none.
 */
export function judgeRow(row: JudgedRow, sender: string | null = row.sender): MessageReason | null {
  if ((row.isTooLong ?? 0) !== 0) return 'too-long';
  if (typeof row.recipient !== 'string' || internationalForm(row.recipient) === null) {
    return 'invalid-recipient';
  }
  if (sender === '' || sender === null) return 'no-sender';
  if (typeof sender !== 'string' || !SENDER.test(sender)) return 'invalid-sender';
  if (!isWhole(row.priority, 0, 9)) return 'invalid-priority';
  if (!isInstant(row.sendAt)) return 'invalid-send-at';
  if (!isInstant(row.expiresAt)) return 'invalid-expires-at';
  if (!TYPES.has(row.type)) return 'invalid-type';
  const content = row.type === 'binary' ? judgeBinary(row) : judgeText(row);
  if (content !== null) return content;
  const hasClass = row.messageClass === null || isWhole(row.messageClass, 0, 3);
  return hasClass ? null : 'invalid-message-class';
}

function judgeText(row: JudgedRow): MessageReason | null {
  if (typeof row.text !== 'string' || isBlank(row.text)) return 'empty-text';
  if (/[\0\ufffd]/.test(row.text)) return 'unreadable-text';
  /* Characters, as the schema counts them; a surrogate pair is one. */
  if (row.text.length > TEXT_MAX && Array.from(row.text).length > TEXT_MAX)
    return 'message-too-long';
  return row.type === 'text' && encodingOf(row.text) !== 'text' ? 'not-gsm-7' : null;
}

function judgeBinary({ body, udh }: JudgedRow): MessageReason | null {
  if (typeof body !== 'string' || body === '' || !HEX.test(body)) return 'invalid-body';
  if (udh !== null && (typeof udh !== 'string' || !HEX.test(udh))) return 'invalid-udh';
  return body.length + (udh?.length ?? 0) > 280 ? 'message-too-long' : null;
}

function isWhole(value: number, least: number, most: number): boolean {
  return Number.isInteger(value) && value >= least && value <= most;
}

/* Unix seconds: as the schema's constraint has it, milliseconds are none. */
function isInstant(value: number | null): boolean {
  return value === null || (typeof value === 'number' && value >= 1e9 && value < 1e10);
}

/** Rows dated before this (2025) come from a clock that was wrong. */
const EARLIEST = 1_735_689_600;
/** Clocks of two machines may differ by this much (seconds). */
const AHEAD_MAX = 60;

/** When the message was dropped, or `now` when its own date cannot be right (Unix seconds). */
export function dateOf(createdAt: number, now: number): number {
  return createdAt >= EARLIEST && createdAt <= now + AHEAD_MAX ? createdAt : now;
}

/**
 * When the message expires (Unix seconds). Without a deadline of its own, its validity runs from when it was
 * first allowed to go, so that a message scheduled for next week is not stale before it starts.
 */
export function deadlineOf(
  row: {
    readonly expiresAt: number | null;
    readonly sendAt: number | null;
    readonly createdAt: number;
  },
  validityMs: number,
  createdAt: number = row.createdAt,
): number {
  return row.expiresAt ?? Math.max(createdAt, row.sendAt ?? 0) + validityMs / 1000;
}

/** The reason of a row that is outside. */
export const NOT_ALLOWED = 'not-allowed-here';

/** `[safety] only_prefixes`, `only_senders`, `max_parts`, `binary`: for a test system, or against a wild program. */
export interface AllowRules {
  /** Leading digits of international numbers; null = any. */
  readonly onlyPrefixes: readonly string[] | null;
  /** As sent to the gateway; null = any. */
  readonly onlySenders: readonly string[] | null;
  /** Parts that a message is likely to become; null = any number. */
  readonly maxParts: number | null;
  /** Whether messages of type `binary` are sent. */
  readonly binary: boolean;
}

/** The rules where there are any; null = everything is allowed. */
export function allowRulesOf(rules: AllowRules): AllowRules | null {
  const { onlyPrefixes, onlySenders, maxParts, binary } = rules;
  const isAny = onlyPrefixes !== null || onlySenders !== null || maxParts !== null || !binary;
  return isAny ? rules : null;
}

/** Whether a row that is right in itself may be sent; `sender` is the name that it is sent with. */
export function isAllowed(
  row: Content & Pick<JudgedRow, 'recipient'>,
  sender: string | null,
  rules: AllowRules,
): boolean {
  const { onlyPrefixes, onlySenders, maxParts, binary } = rules;
  const digits = comparedForm(row.recipient);
  if (onlyPrefixes !== null && !onlyPrefixes.some((prefix) => digits.startsWith(prefix)))
    return false;
  if (onlySenders !== null && (sender === null || !onlySenders.includes(sender))) return false;
  if (!binary && row.type === 'binary') return false;
  return maxParts === null || predictParts(row) <= maxParts;
}
