/**
 * The spool's refusals in an operator's words: every named constraint of the schema, the column it guards
 * and what it expects.
 *
 * A test compares the names with those in schema.ts. The value is shown except for texts, of which only the
 * length is.
 */
import Sqlite from 'better-sqlite3';
import { stripControls } from '../core/mask.ts';

interface Rule {
  /** The column whose value is at fault; null when no single one is. */
  readonly column: string | null;
  readonly expected: string;
}

const seconds = 'Unix seconds (10 digits, not milliseconds)';
const byDaemon = 'nothing: the daemon sets it';
const internal = 'nothing: these columns are the daemon’s own';

/** Constraint → what it guards and expects. */
export const CONSTRAINTS: Readonly<Record<string, Rule>> = {
  recipient_is_7_to_15_digits: {
    column: 'recipient',
    expected: '7 to 15 digits with at most one leading +, no spaces',
  },
  type_is_auto_text_unicode_or_binary: {
    column: 'type',
    expected: 'auto, text, unicode or binary',
  },
  text_is_not_empty: { column: 'text', expected: 'a text (only type binary goes without)' },
  text_is_at_most_10000_characters: { column: 'text', expected: 'at most 10000 characters' },
  sender_is_15_digits_or_11_letters_and_digits: {
    column: 'sender',
    expected: 'at most 15 digits, or at most 11 letters and digits, no spaces',
  },
  account_is_a_name: { column: 'account', expected: 'a name of 1 to 100 characters' },
  body_is_hex: { column: 'body', expected: 'hexadecimal, two digits an octet' },
  udh_is_hex: { column: 'udh', expected: 'hexadecimal, two digits an octet' },
  body_and_udh_are_at_most_140_octets: {
    column: 'body',
    expected: 'body and udh together at most 140 octets (280 hexadecimal digits)',
  },
  binary_has_a_body: { column: 'body', expected: 'a body, because type is binary' },
  body_and_udh_are_for_binary: {
    column: 'type',
    expected: 'binary, because there is a body or udh',
  },
  message_class_is_0_to_3: { column: 'message_class', expected: '0, 1, 2 or 3' },
  priority_is_0_to_9: { column: 'priority', expected: 'a whole number from 0 to 9' },
  send_at_is_unix_seconds: { column: 'send_at', expected: seconds },
  expires_at_is_unix_seconds: { column: 'expires_at', expected: seconds },
  on_uncertain_is_resend_or_hold: { column: 'on_uncertain', expected: 'resend or hold' },
  reference_is_text: { column: 'reference', expected: 'text' },
  campaign_is_a_name: { column: 'campaign', expected: 'a name of 1 to 200 characters' },
  idempotency_key_is_text: { column: 'idempotency_key', expected: 'text' },
  idempotency_key_is_used_once: {
    column: 'idempotency_key',
    expected: 'a key that no earlier message has used',
  },
  entity_id_is_text: { column: 'entity_id', expected: 'text' },
  content_id_is_text: { column: 'content_id', expected: 'text' },
  account_ref_is_text: { column: 'account_ref', expected: 'text' },
  created_at_is_unix_seconds: { column: 'created_at', expected: seconds },
  state_is_known: { column: 'state', expected: 'a state of the contract' },
  id_is_given_by_the_spool: { column: 'id', expected: 'nothing: the spool gives it' },
  state_is_set_by_the_daemon: { column: 'state', expected: byDaemon },
  reason_is_set_by_the_daemon: { column: 'reason', expected: byDaemon },
  status_is_set_by_the_daemon: { column: 'status', expected: byDaemon },
  attempts_is_set_by_the_daemon: { column: 'attempts', expected: byDaemon },
  throttles_is_set_by_the_daemon: { column: 'throttles', expected: byDaemon },
  next_attempt_at_is_set_by_the_daemon: { column: 'next_attempt_at', expected: byDaemon },
  parts_is_set_by_the_daemon: { column: 'parts', expected: byDaemon },
  price_is_set_by_the_daemon: { column: 'price', expected: byDaemon },
  internal_columns_are_set_by_the_daemon: { column: null, expected: internal },
  id_and_idempotency_key_never_change: { column: null, expected: 'the id and key it has' },
  verb_is_known: { column: 'verb', expected: 'pause, resume, cancel or requeue' },
  pause_and_resume_name_an_account: { column: 'account', expected: 'the name of an account' },
  cancel_and_requeue_name_a_message_or_a_campaign: {
    column: 'message_id',
    expected: 'a message id, or a campaign, not both',
  },
  message_id_is_a_whole_number: { column: 'message_id', expected: 'a whole number' },
  id_done_at_affected_and_refused_are_set_by_the_daemon: { column: null, expected: internal },
};

/* What SQLite reports without the name of a constraint. */
const UNNAMED: Readonly<Record<string, string>> = {
  'NOT NULL constraint failed: messages.recipient': 'recipient_is_7_to_15_digits',
  'UNIQUE constraint failed: messages.idempotency_key': 'idempotency_key_is_used_once',
};

/** A value that a row was refused for. */
export interface Refusal {
  readonly constraint: string;
  readonly sentence: string;
}

/** Why the spool refused `row`, or null when `error` is no constraint of ours. */
export function refusalOf(
  error: unknown,
  row: Readonly<Record<string, string | number | null>>,
): Refusal | null {
  if (!(error instanceof Sqlite.SqliteError)) return null;
  if (!error.code.startsWith('SQLITE_CONSTRAINT')) return null;
  const name = UNNAMED[error.message] ?? error.message.replace(/^CHECK constraint failed: /, '');
  const rule = CONSTRAINTS[name];
  if (rule === undefined) return { constraint: name, sentence: name };
  const found = rule.column === null ? '' : `, found ${rule.column} ${shown(row, rule.column)}`;
  return { constraint: name, sentence: `${name}: expected ${rule.expected}${found}` };
}

function shown(row: Readonly<Record<string, string | number | null>>, column: string): string {
  const value = row[column] ?? null;
  if (value === null) return 'left out';
  if (typeof value === 'number') return String(value);
  if (column === 'text') return `of ${Array.from(value).length} characters`;
  const safe = stripControls(value);
  return `"${safe.length > 60 ? `${safe.slice(0, 59)}…` : safe}"`;
}
