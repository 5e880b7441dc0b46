/**
 * Explains why the spool refused a row: every named constraint of the schema, the column it guards and what it expects.
 * The value is shown, except that of a text only the length is.
 */
import Sqlite from 'better-sqlite3';
import { BEFORE_THE_FIRST_ATTEMPT, PUBLIC } from './column-guards.ts';
import { BYTES_MAX, TEXT_MAX } from './row-rules.ts';
import { escapeText } from '../../core/text/escape.ts';

interface ConstraintText {
  /** The column whose value is at fault; null when no single one is. */
  readonly column: string | null;
  readonly expected: string;
}

const internal = 'nothing: these columns are the daemon’s own';
const asked = 'what it was: the daemon changes it; ask for a cancel or requeue in table control';
const early = 'what it was: the message is no longer queued, or was attempted';
const text = 'text, not a BLOB';
const quoted = 'text, not a number: quote it';

function atMost(bytes: Readonly<Record<string, number>>): Readonly<Record<string, ConstraintText>> {
  const rules = Object.entries(bytes).map(([column, most]) => [
    `${column}_is_at_most_${most}_bytes`,
    { column, expected: `at most ${most} bytes` },
  ]);
  return Object.fromEntries(rules) as Record<string, ConstraintText>;
}

function each(
  columns: readonly string[],
  suffix: string,
  expected: string,
): Readonly<Record<string, ConstraintText>> {
  return Object.fromEntries(columns.map((column) => [`${column}_${suffix}`, { column, expected }]));
}

/** Constraint → what it guards and expects. */
export const CONSTRAINTS: Readonly<Record<string, ConstraintText>> = {
  ...each(['recipient', 'text', 'sender', 'account', 'campaign'], 'is_text', text),
  ...each(['recipient', 'sender'], 'is_text_not_a_number_quote_it', quoted),
  ...each(
    ['reference', 'idempotency_key', 'entity_id', 'content_id', 'account_ref'],
    'is_text',
    'text',
  ),
  ...each(['body', 'udh'], 'is_hex', 'hexadecimal, two digits an octet'),
  ...each(
    ['send_at', 'expires_at'],
    'is_unix_seconds',
    'Unix seconds (10 digits, not milliseconds)',
  ),
  ...atMost(BYTES_MAX),
  ...each(PUBLIC, 'is_set_by_the_daemon', 'nothing: the daemon sets it'),
  ...each(PUBLIC, 'is_changed_by_the_daemon_ask_in_control', asked),
  ...each(BEFORE_THE_FIRST_ATTEMPT, 'changes_only_before_the_first_attempt', early),
  internal_columns_are_changed_by_the_daemon_ask_in_control: { column: null, expected: asked },
  recipient_never_changes: { column: 'recipient', expected: 'the recipient it has' },
  message_in_progress_is_not_deleted_cancel_it_in_control: {
    column: null,
    expected: 'a message that is final, or queued and never attempted',
  },
  recipient_is_international_with_country_code: {
    column: 'recipient',
    expected: 'an international number with its country code, with + or 00 or neither',
  },
  recipient_is_7_to_15_digits: {
    column: 'recipient',
    expected: '7 to 15 digits after + or 00 or neither, no spaces',
  },
  type_is_auto_text_unicode_or_binary: {
    column: 'type',
    expected: 'auto, text, unicode or binary',
  },
  text_is_not_empty: { column: 'text', expected: 'a text (only type binary goes without)' },
  text_is_not_blank: { column: 'text', expected: 'at least one character that can be seen' },
  text_has_no_nul: { column: 'text', expected: 'a text without the character NUL' },
  text_has_no_replacement_character: {
    column: 'text',
    expected: 'a text without U+FFFD, which stands where a character could not be read',
  },
  [`text_is_at_most_${TEXT_MAX}_characters`]: {
    column: 'text',
    expected: `at most ${TEXT_MAX} characters`,
  },
  sender_is_15_digits_or_11_letters_and_digits: {
    column: 'sender',
    expected: 'at most 15 digits, or at most 11 letters and digits, no spaces',
  },
  account_is_a_name: { column: 'account', expected: 'a name of 1 to 100 characters' },
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
  on_uncertain_is_resend_or_hold: { column: 'on_uncertain', expected: 'resend or hold' },
  campaign_is_a_name: { column: 'campaign', expected: 'a name of 1 to 200 characters' },
  idempotency_key_is_used_once: {
    column: 'idempotency_key',
    expected: 'a key that no earlier message has used',
  },
  idempotency_key_is_not_empty: {
    column: 'idempotency_key',
    expected: 'a key, or NULL for none',
  },
  state_is_known: { column: 'state', expected: 'active, suspended or paused' },
  id_is_given_by_the_spool: { column: 'id', expected: 'nothing: the spool gives it' },
  internal_columns_are_set_by_the_daemon: { column: null, expected: internal },
  id_and_idempotency_key_never_change: { column: null, expected: 'the id and key it has' },
  filter_is_json_of_at_most_4000_bytes: {
    column: 'filter',
    expected: 'a JSON object with the keys of CONTRACT.md §9, at most 4,000 bytes',
  },
  verb_is_known: { column: 'verb', expected: 'pause, resume, cancel or requeue' },
  pause_and_resume_name_an_account: { column: 'account', expected: 'the name of an account' },
  cancel_and_requeue_name_a_message_or_a_campaign: {
    column: 'message_id',
    expected: 'a message id, or a campaign, not both',
  },
  message_id_is_a_whole_number: { column: 'message_id', expected: 'a whole number' },
  control_names_are_at_most_400_bytes_campaigns_800: {
    column: null,
    expected: 'an account and a sender of at most 400 bytes, a campaign of at most 800',
  },
  control_rows_never_change_insert_another: { column: null, expected: 'another row' },
  control_rows_are_answered_once_insert_another: { column: null, expected: 'another row' },
  id_done_at_affected_and_refused_are_set_by_the_daemon: { column: null, expected: internal },
};

/* A trigger says the name alone. */
const NAMED = /^(?:CHECK|UNIQUE) constraint failed: (?:index ')?(\w+)'?$/;

export interface RowRefusal {
  readonly constraint: string;
  readonly sentence: string;
}

/** Why the spool refused `row`, or null when `error` is no constraint of ours. */
export function refusalOf(
  error: unknown,
  row: Readonly<Record<string, string | number | null>>,
): RowRefusal | null {
  if (!(error instanceof Sqlite.SqliteError)) return null;
  if (!error.code.startsWith('SQLITE_CONSTRAINT')) return null;
  const [, name = error.message] = NAMED.exec(error.message) ?? [];
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
  const safe = escapeText(value);
  return `"${safe.length > 60 ? `${safe.slice(0, 59)}…` : safe}"`;
}
