/**
 * One statement for every name the schema may refuse with, and one for every kind of row it must take.
 *
 * The statements are plain SQL, because they are run by clients of several languages.
 */

import {
  BEFORE_THE_FIRST_ATTEMPT,
  INTERNAL,
  PUBLIC,
} from '../../src/spool/schema/column-guards.ts';
import { BYTES_MAX } from '../../src/spool/schema/row-rules.ts';

/** A good row with some columns replaced; values are SQL expressions, null leaves the column out. */
export function insert(
  columns: Readonly<Record<string, string | null>> = {},
  verb = 'INSERT',
): string {
  const all: Readonly<Record<string, string | null>> = {
    recipient: `'447700900000'`,
    text: `'Your table is ready'`,
    ...columns,
  };
  const given = Object.entries(all).filter(([, value]) => value !== null);
  const names = given.map(([name]) => name).join(', ');
  return `${verb} INTO messages (${names}) VALUES (${given.map(([, value]) => value).join(', ')})`;
}

/* length() takes it for one character: bytes that no character begins with. */
const hiddenBytes = (count: number): string => `CAST(x'c3${'80'.repeat(count - 1)}' AS TEXT)`;

const control = (columns: Readonly<Record<string, string>>): string =>
  `INSERT INTO control (${Object.keys(columns).join(', ')}) VALUES (${Object.values(columns).join(', ')})`;

const binary = (columns: Readonly<Record<string, string | null>>): string =>
  insert({ text: null, type: `'binary'`, ...columns });

/** What it tries, the statement, and the name that must be in the error. */
export type Refusal = readonly [what: string, statement: string, name: string];

const OF_RECIPIENT = 'recipient_is_7_to_15_digits';
const NOT_A_NUMBER = 'recipient_is_text_not_a_number_quote_it';
const INTERNATIONAL = 'recipient_is_international_with_country_code';
const OR_IGNORE = 'INSERT OR IGNORE';
const OF_SENDER = 'sender_is_15_digits_or_11_letters_and_digits';
const OF_OCTETS = 'body_and_udh_are_at_most_140_octets';

const ADDRESSES: readonly Refusal[] = [
  ['two plus signs', insert({ recipient: `'++447700900000'` }), OF_RECIPIENT],
  ['a plus sign inside', insert({ recipient: `'4477+0900000'` }), OF_RECIPIENT],
  ['a recipient with a space', insert({ recipient: `'44 7700900000'` }), OF_RECIPIENT],
  ['six digits', insert({ recipient: `'123456'` }), OF_RECIPIENT],
  ['sixteen digits', insert({ recipient: `'1234567890123456'` }), OF_RECIPIENT],
  ['a plus and sixteen digits', insert({ recipient: `'+1234567890123456'` }), OF_RECIPIENT],
  ['an empty recipient', insert({ recipient: `''` }), OF_RECIPIENT],
  ['a recipient as a number', insert({ recipient: '447700900000.0' }), NOT_A_NUMBER],
  ['a recipient as a large number', insert({ recipient: '4.477009e20' }), NOT_A_NUMBER],
  ['a recipient with a fraction', insert({ recipient: '447700900000.5' }), NOT_A_NUMBER],
  ['an infinite recipient', insert({ recipient: '9e999' }), NOT_A_NUMBER],
  ['a national number', insert({ recipient: `'07700900000'` }), INTERNATIONAL],
  ['a national number after a plus', insert({ recipient: `'+07700900000'` }), INTERNATIONAL],
  ['three zeros', insert({ recipient: `'000447700900000'` }), INTERNATIONAL],
  ['a plus and two zeros', insert({ recipient: `'+00447700900'` }), INTERNATIONAL],
  ['00 and six digits', insert({ recipient: `'00123456'` }), OF_RECIPIENT],
  ['00 and sixteen digits', insert({ recipient: `'001234567890123456'` }), OF_RECIPIENT],
  [
    'a national number by OR IGNORE',
    insert({ recipient: `'07700900000'` }, OR_IGNORE),
    INTERNATIONAL,
  ],
  ['blanks by OR IGNORE', insert({ recipient: `'07700 900 123'` }, OR_IGNORE), OF_RECIPIENT],
  ['digits of another script', insert({ recipient: `'٤٤٧٧٠٠٩٠٠٠٠٠'` }), OF_RECIPIENT],
  ['a recipient as a blob', insert({ recipient: `x'3434373730303930'` }), 'recipient_is_text'],
  ['a NUL in the recipient', insert({ recipient: `'44770090' || char(0) || 'x'` }), OF_RECIPIENT],
  ['no recipient', insert({ recipient: null }), OF_RECIPIENT],
  ['no recipient by OR IGNORE', insert({ recipient: null }, OR_IGNORE), OF_RECIPIENT],
  ['a sender of twelve letters', insert({ sender: `'AcmeIncLtdUK'` }), OF_SENDER],
  ['a sender of sixteen digits', insert({ sender: `'1234567890123456'` }), OF_SENDER],
  ['a sender with a space', insert({ sender: `'Acme Inc'` }), OF_SENDER],
  ['a sender with a plus sign', insert({ sender: `'+12015550123'` }), OF_SENDER],
  ['an empty sender', insert({ sender: `''` }), OF_SENDER],
  ['a sender as a blob', insert({ sender: `x'41636d65'` }), 'sender_is_text'],
  [
    'a sender as a number',
    insert({ sender: '12015550123.0' }),
    'sender_is_text_not_a_number_quote_it',
  ],
  ['a NUL in the sender', insert({ sender: `'Acme' || char(0) || '!!'` }), OF_SENDER],
];

const CONTENTS: readonly Refusal[] = [
  ['an empty text', insert({ text: `''` }), 'text_is_not_empty'],
  ['no text', insert({ text: null }), 'text_is_not_empty'],
  ['a blob as text', insert({ text: `x'41'` }), 'text_is_text'],
  ['a NUL in the text', insert({ text: `'Code' || char(0) || '1234'` }), 'text_has_no_nul'],
  ['a NUL alone', insert({ text: 'char(0)' }), 'text_has_no_nul'],
  ['blanks as text', insert({ text: `'  ' || char(9, 10, 13, 160, 8203)` }), 'text_is_not_blank'],
  ['invisible text', insert({ text: 'char(8203, 65279, 917505, 12644)' }), 'text_is_not_blank'],
  ['U+FFFD', insert({ text: `'caf' || char(65533)` }), 'text_has_no_replacement_character'],
  [
    'a text of 3201 characters',
    insert({ text: `'a' || replace(hex(zeroblob(1600)), '0', 'x')` }),
    'text_is_at_most_3200_characters',
  ],
  [
    'bytes that no character begins',
    insert({ text: hiddenBytes(12_801) }),
    'text_is_at_most_12800_bytes',
  ],
  ['another type', insert({ type: `'flash'` }), 'type_is_auto_text_unicode_or_binary'],
  ['a body that is not hex', binary({ body: `'0g'` }), 'body_is_hex'],
  ['a NUL in the body', binary({ body: `'00' || char(0) || 'x'` }), 'body_is_hex'],
  ['a NUL in the udh', binary({ body: `'01'`, udh: `'00' || char(0) || 'x'` }), 'udh_is_hex'],
  ['half an octet', binary({ body: `'012'` }), 'body_is_hex'],
  ['a body as a blob', binary({ body: `x'0102'` }), 'body_is_hex'],
  ['a udh that is not hex', binary({ body: `'01'`, udh: `'zz'` }), 'udh_is_hex'],
  ['141 octets', binary({ body: `hex(zeroblob(141))` }), OF_OCTETS],
  ['141 octets with udh', binary({ body: `hex(zeroblob(139))`, udh: `'0102'` }), OF_OCTETS],
  ['binary with no octets', binary({ body: `''` }), 'binary_has_a_body'],
  ['binary with no body', binary({}), 'binary_has_a_body'],
  ['binary with a udh alone', binary({ udh: `'01'` }), 'binary_has_a_body'],
  ['a body beside a text', insert({ body: `'01'` }), 'body_and_udh_are_for_binary'],
];

const NUMBERS: readonly Refusal[] = [
  ['message class 4', insert({ message_class: '4' }), 'message_class_is_0_to_3'],
  ['half a message class', insert({ message_class: '0.5' }), 'message_class_is_0_to_3'],
  ['priority 10', insert({ priority: '10' }), 'priority_is_0_to_9'],
  ['priority -1', insert({ priority: '-1' }), 'priority_is_0_to_9'],
  ['priority 4.5', insert({ priority: '4.5' }), 'priority_is_0_to_9'],
  ['a word as priority', insert({ priority: `'high'` }), 'priority_is_0_to_9'],
  ['send_at in ms', insert({ send_at: '1795425302000' }), 'send_at_is_unix_seconds'],
  ['send_at as ISO', insert({ send_at: `'2026-11-23T09:15:02Z'` }), 'send_at_is_unix_seconds'],
  ['send_at as a delay', insert({ send_at: '3600' }), 'send_at_is_unix_seconds'],
  ['expires_at in ms', insert({ expires_at: '1795425302000' }), 'expires_at_is_unix_seconds'],
  ['expires_at as ISO', insert({ expires_at: `'2026-11-23'` }), 'expires_at_is_unix_seconds'],
];

const WORDS: readonly Refusal[] = [
  ['another on_uncertain', insert({ on_uncertain: `'ask'` }), 'on_uncertain_is_resend_or_hold'],
  ['an empty account', insert({ account: `''` }), 'account_is_a_name'],
  ['a NUL in the account', insert({ account: `'main' || char(0) || 'x'` }), 'account_is_a_name'],
  ['an account as a blob', insert({ account: `x'6d'` }), 'account_is_text'],
  ['an empty campaign', insert({ campaign: `''` }), 'campaign_is_a_name'],
  ['a NUL in the campaign', insert({ campaign: `'a' || char(0) || 'x'` }), 'campaign_is_a_name'],
  ['a campaign as a blob', insert({ campaign: `x'6d'` }), 'campaign_is_text'],
  ['an empty key', insert({ idempotency_key: `''` }), 'idempotency_key_is_not_empty'],
  [
    'an empty key by OR IGNORE',
    insert({ idempotency_key: `''` }, OR_IGNORE),
    'idempotency_key_is_not_empty',
  ],
  ...Object.entries(BYTES_MAX).flatMap(([column, most]): Refusal[] => {
    if (column === 'text') return [];
    const name = `${column}_is_at_most_${most}_bytes`;
    const hidden = hiddenBytes(most + 1);
    return [[`a long ${column}`, insert({ [column]: hidden }), name]];
  }),
  ['a reference as a blob', insert({ reference: `x'6d'` }), 'reference_is_text'],
  ['a key as a blob', insert({ idempotency_key: `x'6d'` }), 'idempotency_key_is_text'],
  ['an entity_id as a blob', insert({ entity_id: `x'6d'` }), 'entity_id_is_text'],
  ['a content_id as a blob', insert({ content_id: `x'6d'` }), 'content_id_is_text'],
  ['an account_ref as a blob', insert({ account_ref: `x'6d'` }), 'account_ref_is_text'],
];

/* Values that no other rule refuses. */
const GOOD: Readonly<Record<string, string>> = {
  ...{ type: `'unicode'`, message_class: '1', priority: '5', on_uncertain: `'hold'` },
  ...{ send_at: '1795425302', expires_at: '1795425302' },
};

const OF_DAEMON: readonly Refusal[] = [
  ['an id of its own', insert({ id: '41' }), 'id_is_given_by_the_spool'],
  ['the id -1', insert({ id: '-1' }), 'id_is_given_by_the_spool'],
  ['an id by REPLACE', insert({ id: '1' }, 'INSERT OR REPLACE'), 'id_is_given_by_the_spool'],
  ['a state', insert({ state: `'delivered'` }), 'state_is_set_by_the_daemon'],
  ['a state that is none', insert({ state: `'sent'` }), 'state_is_set_by_the_daemon'],
  ['a reason', insert({ reason: `'because'` }), 'reason_is_set_by_the_daemon'],
  ['a status', insert({ status: '0' }), 'status_is_set_by_the_daemon'],
  ['attempts', insert({ attempts: '1' }), 'attempts_is_set_by_the_daemon'],
  ['half an attempt', insert({ attempts: '0.5' }), 'attempts_is_set_by_the_daemon'],
  ['throttles', insert({ throttles: '1' }), 'throttles_is_set_by_the_daemon'],
  ['next_attempt_at', insert({ next_attempt_at: '2e9' }), 'next_attempt_at_is_set_by_the_daemon'],
  ['parts', insert({ parts: '1' }), 'parts_is_set_by_the_daemon'],
  ['a price', insert({ price: '0.03' }), 'price_is_set_by_the_daemon'],
  ['due_at', insert({ due_at: '2e9' }), 'internal_columns_are_set_by_the_daemon'],
  ['a revision', insert({ revision: '1' }), 'internal_columns_are_set_by_the_daemon'],
  ['last_attempt', insert({ last_attempt: '1' }), 'internal_columns_are_set_by_the_daemon'],
  ...PUBLIC.map((column): Refusal => [
    `${column} by an update`,
    `UPDATE messages SET ${column} = ${column === 'state' ? `'delivered'` : '7'}`,
    `${column}_is_changed_by_the_daemon_ask_in_control`,
  ]),
  ...INTERNAL.filter((column) => column !== 'revision').map((column): Refusal => [
    `${column} by an update`,
    `UPDATE messages SET ${column} = 7`,
    'internal_columns_are_changed_by_the_daemon_ask_in_control',
  ]),
  ...BEFORE_THE_FIRST_ATTEMPT.map((column): Refusal => [
    `${column} of a message that was claimed`,
    `UPDATE messages SET ${column} = ${GOOD[column] ?? `'02'`} WHERE state = 'sending'
      AND (type = 'binary') = ${column === 'body' || column === 'udh' ? 1 : 0}`,
    `${column}_changes_only_before_the_first_attempt`,
  ]),
  [
    'the deletion of a message that was claimed',
    `DELETE FROM messages WHERE state = 'sending'`,
    'message_in_progress_is_not_deleted_cancel_it_in_control',
  ],
  [
    'another recipient',
    `UPDATE messages SET recipient = '447700900001'`,
    'recipient_never_changes',
  ],
  ['a bad text by an update', `UPDATE messages SET text = ' '`, 'text_is_not_blank'],
  [
    'a long reference by an update',
    `UPDATE messages SET reference = hex(zeroblob(501))`,
    'reference_is_at_most_1000_bytes',
  ],
  ['another id', `UPDATE messages SET id = id + 1000`, 'id_and_idempotency_key_never_change'],
  [
    'another key',
    `UPDATE messages SET idempotency_key = 'other'`,
    'id_and_idempotency_key_never_change',
  ],
];

const KEYS: readonly Refusal[] = [
  ['a used key', insert({ idempotency_key: `'used'` }), 'idempotency_key_is_used_once'],
  [
    'a key used twice in one statement',
    `${insert({ idempotency_key: `'two'` })}, ('447700900000', 'x', 'two')`,
    'idempotency_key_is_used_once',
  ],
  [
    'a used key by REPLACE',
    insert({ idempotency_key: `'used'` }, 'INSERT OR REPLACE'),
    'idempotency_key_is_used_once',
  ],
  [
    'the key of a pruned row',
    insert({ idempotency_key: `'pruned'` }),
    'idempotency_key_is_used_once',
  ],
  [
    'the key of a pruned row by REPLACE',
    insert({ idempotency_key: `'pruned'` }, 'REPLACE'),
    'idempotency_key_is_used_once',
  ],
];

const OF_CONTROL = 'id_done_at_affected_and_refused_are_set_by_the_daemon';
const NEVER = 'control_rows_never_change_insert_another';
const ONE_OF_TWO = 'cancel_and_requeue_name_a_message_or_a_campaign';
const ONE_ACCOUNT = 'pause_and_resume_name_an_account';

const CONTROL: readonly Refusal[] = [
  ['no verb', control({ verb: 'NULL' }), 'verb_is_known'],
  [
    'a filter that is no text',
    control({ verb: `'cancel'`, filter: `x'7b7d'` }),
    'filter_is_json_of_at_most_4000_bytes',
  ],
  [
    'a filter of 4001 bytes',
    control({ verb: `'retry'`, filter: hiddenBytes(4_001) }),
    'filter_is_json_of_at_most_4000_bytes',
  ],
  [
    'a filter beside a campaign',
    control({ verb: `'requeue'`, filter: `'{"state":"expired"}'`, campaign: `'spring'` }),
    'cancel_and_requeue_name_a_message_or_a_campaign',
  ],
  [
    'a filter beside an account',
    control({ verb: `'pause'`, filter: `'{"state":"expired"}'`, account: `'main'` }),
    'pause_and_resume_name_an_account',
  ],
  [
    'another verb by OR IGNORE',
    control({ verb: `'stop'` }).replace('INSERT', OR_IGNORE),
    'verb_is_known',
  ],
  [
    'an account of many bytes',
    control({ verb: `'pause'`, account: hiddenBytes(401) }),
    'control_names_are_at_most_400_bytes_campaigns_800',
  ],
  ['another campaign for a request', `UPDATE control SET campaign = 'b'`, NEVER],
  [
    'an answered request made open again',
    `UPDATE control SET done_at = NULL WHERE done_at > 0`,
    'control_rows_are_answered_once_insert_another',
  ],
  ['another verb', control({ verb: `'stop'` }), 'verb_is_known'],
  ['a pause of nothing', control({ verb: `'pause'` }), ONE_ACCOUNT],
  ['a pause of a campaign', control({ verb: `'pause'`, campaign: `'c'` }), ONE_ACCOUNT],
  ['a cancel of nothing', control({ verb: `'cancel'` }), ONE_OF_TWO],
  ['a cancel of two', control({ verb: `'cancel'`, message_id: '1', campaign: `'c'` }), ONE_OF_TWO],
  ['a cancel of an account', control({ verb: `'cancel'`, account: `'main'` }), ONE_OF_TWO],
  [
    'a cancel of half a message',
    control({ verb: `'cancel'`, message_id: '1.5' }),
    'message_id_is_a_whole_number',
  ],
  ['a control row with an id', control({ id: '9', verb: `'pause'`, account: `'m'` }), OF_CONTROL],
  [
    'a control row with the id -1',
    control({ id: '-1', verb: `'pause'`, account: `'m'` }),
    OF_CONTROL,
  ],
  ['a control row already done', control({ verb: `'restored-hold'`, done_at: '2e9' }), OF_CONTROL],
  [
    'a state an account cannot have',
    `INSERT INTO accounts (name, state, since) VALUES ('x', 'off', 0)`,
    'state_is_known',
  ],
  [
    'a state a sender cannot have',
    `INSERT INTO senders (account, sender, state, since) VALUES ('x', 'y', 'off', 0)`,
    'state_is_known',
  ],
];

/** Every way to be refused. They expect a message with the key 'used', the key 'pruned' without one,
 *  two messages that are
 *  `sending`, a text and a binary one, and a request that was answered. */
export const REFUSALS: readonly Refusal[] = [
  ...ADDRESSES,
  ...CONTENTS,
  ...NUMBERS,
  ...WORDS,
  ...OF_DAEMON,
  ...KEYS,
  ...CONTROL,
];

/** Rows that must be taken. */
export const GOOD_ROWS: readonly string[] = [
  `INSERT INTO messages (recipient, text) VALUES ('447700900000', 'Your table is ready')`,
  insert({ recipient: `'+447700900000'` }),
  insert({ recipient: `'1234567'` }),
  insert({ recipient: `'+123456789012345'` }),
  insert({ recipient: `'00447700900000'` }),
  insert({ recipient: `'001234567'` }),
  insert({ recipient: `'00123456789012345'` }),
  insert({ recipient: '447700900000' }),
  insert({ sender: `'123456789012345'` }),
  insert({ sender: `'AcmeInc2026'` }),
  insert({ account: `'main'`, campaign: `'autumn'`, reference: `'order-9'` }),
  insert({ type: `'text'`, message_class: '0', priority: '0' }),
  insert({ type: `'unicode'`, message_class: '3', priority: '9' }),
  insert({ text: `'naïve 😀'` }),
  insert({ text: `replace(hex(zeroblob(1600)), '0', 'a')` }),
  insert({ text: `replace(hex(zeroblob(1600)), '0', char(128512))` }),
  insert({ text: `'您的验证码是一二三'` }),
  insert({ text: `char(8205, 128512)` }),
  insert({
    ...{ type: 'NULL', priority: 'NULL', state: 'NULL', attempts: 'NULL', throttles: 'NULL' },
    ...{ created_at: 'NULL', updated_at: 'NULL', id: 'NULL', reference: 'NULL' },
    ...{ last_attempt: 'NULL', restarted_at: 'NULL', revision: 'NULL' },
  }),
  insert({ created_at: `'2026-11-23 09:15:02'`, updated_at: `'2026-11-23 09:15:02'` }),
  binary({ body: `hex(zeroblob(140))` }),
  binary({ body: `hex(zeroblob(134))`, udh: `'050003CC0201'` }),
  binary({ body: `'0aFf'`, text: `'what it says'` }),
  insert({ send_at: '1795425302', expires_at: '1795425999.25' }),
  insert({ created_at: '1795425302.5' }),
  insert({ on_uncertain: `'resend'` }),
  insert({ on_uncertain: `'hold'`, idempotency_key: `'fresh'` }),
  insert({ entity_id: `'1101456324'`, content_id: `'1107457532'`, account_ref: `'shop'` }),
  control({ verb: `'pause'`, account: `'main'` }),
  control({ verb: `'pause'`, account: `'main'`, asked_at: 'NULL', id: 'NULL' }),
  control({ verb: `'resume'`, account: `'main'`, sender: `'AcmeInc'` }),
  control({ verb: `'cancel'`, message_id: '1' }),
  control({ verb: `'cancel'`, campaign: `'autumn'` }),
  control({ verb: `'requeue'`, message_id: '1' }),
  control({ verb: `'restored-hold'` }),
  control({ verb: `'restored-resend'` }),
];
