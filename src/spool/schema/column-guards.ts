/**
 * Holds the triggers that say who may set and change which column of `messages`, and when. They guard against
 * accidents: an ORM that saves a whole object writes back the state that it read before the daemon moved the row.
 *
 * Always holds: each UPDATE of the daemon raises `revision` in the same statement, and so passes. What does not
 * raise it may change only what an application may change. Columns that are written back unchanged are no change,
 * also when the client rounds numbers to 14 digits, as PHP does.
 */
import { NOT_RAISED, NOW } from './sql-terms.ts';

/** Columns that the daemon alone changes, and that everybody may read. */
export const PUBLIC = [
  'state',
  'reason',
  'status',
  'attempts',
  'throttles',
  'next_attempt_at',
  'parts',
  'price',
] as const;

/** Columns that the daemon keeps to itself. */
export const INTERNAL = [
  'due_at',
  'last_attempt',
  'follows',
  'cancel_asked',
  'restarted_at',
  'revision',
] as const;

/** What an application may change while the message is queued and was never attempted. */
export const BEFORE_THE_FIRST_ATTEMPT = [
  'text',
  'body',
  'udh',
  'type',
  'message_class',
  'sender',
  'account',
  'campaign',
  'priority',
  'send_at',
  'expires_at',
  'on_uncertain',
  'entity_id',
  'content_id',
  'account_ref',
] as const;

/* Columns whose numbers have more digits than some clients write back: 14 in PHP, 15 in Perl. */
const FRACTIONS: ReadonlySet<string> = new Set([
  'next_attempt_at',
  'price',
  'due_at',
  'send_at',
  'expires_at',
]);

const rounded = (column: string): string =>
  `(new.${column} IS NULL) = (old.${column} IS NULL)
      AND printf('%.14g', new.${column}) = printf('%.14g', old.${column})`;

function differs(column: string): string {
  const isOther = `new.${column} IS NOT old.${column}`;
  return FRACTIONS.has(column) ? `(${isOther} AND NOT (${rounded(column)}))` : isOther;
}

/* What the spool itself set at the insert, and the writer did not read: it writes NULL back. */
const AS_INSERTED = `new.due_at IS NULL AND old.state = 'queued' AND old.last_attempt = 0`;

const raise = (condition: string, name: string): string =>
  `WHEN ${condition} THEN RAISE(ABORT, '${name}')`;

const CHANGES = [
  ...PUBLIC.map((column) =>
    raise(differs(column), `${column}_is_changed_by_the_daemon_ask_in_control`),
  ),
  raise(
    INTERNAL.filter((column) => column !== 'revision')
      .map((column) =>
        column === 'due_at' ? `(${differs(column)} AND NOT (${AS_INSERTED}))` : differs(column),
      )
      .join(' OR '),
    'internal_columns_are_changed_by_the_daemon_ask_in_control',
  ),
  raise(differs('recipient'), 'recipient_never_changes'),
  ...BEFORE_THE_FIRST_ATTEMPT.map((column) =>
    raise(
      `${differs(column)} AND (old.state <> 'queued' OR old.last_attempt > 0)`,
      `${column}_changes_only_before_the_first_attempt`,
    ),
  ),
];

/* What an application writes into these columns is neither refused nor kept. A change of send_at moves due_at. */
const KEPT: Readonly<Record<string, string>> = {
  created_at: `CASE typeof(old.created_at) WHEN 'real' THEN old.created_at ELSE ${NOW} END`,
  updated_at: `CASE typeof(old.updated_at) WHEN 'real' THEN old.updated_at ELSE ${NOW} END`,
  next_attempt_at: 'old.next_attempt_at',
  price: 'old.price',
  due_at: `CASE WHEN ${differs('send_at')} THEN due_at ELSE old.due_at END`,
  revision: 'max(revision, old.revision) + 1',
};
const isToKeep = Object.keys(KEPT).map((column) => `new.${column} IS NOT old.${column}`);

/* Of columns that the daemon sets. */
const DEFAULTS: Readonly<Record<string, string>> = {
  state: `'queued'`,
  ...{ attempts: '0', throttles: '0', last_attempt: '0', restarted_at: '0', revision: '0' },
};

function isSet(column: string): string {
  const value = DEFAULTS[column];
  return value === undefined ? `new.${column} IS NOT NULL` : `new.${column} <> ${value}`;
}

/* AFTER, so that NULL in a column with a default is the default by now. The last UPDATE raises `revision`, so that
 * it passes itself, and leaves it above what others have read. */
export const COLUMN_TRIGGERS = `
CREATE TRIGGER messages_columns_of_the_daemon BEFORE INSERT ON messages
WHEN new.id <> -1 OR ${[...PUBLIC, ...INTERNAL].map(isSet).join(' OR ')}
BEGIN
  SELECT CASE
    WHEN new.id <> -1 THEN RAISE(ABORT, 'id_is_given_by_the_spool')
    ${PUBLIC.map((column) => raise(isSet(column), `${column}_is_set_by_the_daemon`)).join('\n    ')}
    ELSE RAISE(ABORT, 'internal_columns_are_set_by_the_daemon')
  END;
END;

CREATE TRIGGER messages_ids_are_given AFTER INSERT ON messages WHEN new.id <= 0
BEGIN
  SELECT RAISE(ABORT, 'id_is_given_by_the_spool');
END;

CREATE TRIGGER messages_key_stays BEFORE UPDATE OF id, idempotency_key ON messages
WHEN new.id IS NOT old.id OR new.idempotency_key IS NOT old.idempotency_key
BEGIN
  SELECT RAISE(ABORT, 'id_and_idempotency_key_never_change');
END;

CREATE TRIGGER messages_keep_what_is_the_daemons AFTER UPDATE ON messages WHEN ${NOT_RAISED}
BEGIN
  SELECT CASE
    ${CHANGES.join('\n    ')}
  END;
  UPDATE messages SET ${Object.entries(KEPT)
    .map(([column, value]) => `${column} = ${value}`)
    .join(',\n    ')}
  WHERE id = new.id AND (${isToKeep.join(' OR ')}
    OR typeof(old.created_at) <> 'real' OR typeof(old.updated_at) <> 'real');
END;

CREATE TRIGGER messages_in_progress_stay BEFORE DELETE ON messages
WHEN old.state IN ('sending', 'retry', 'uncertain', 'await-receipt') OR (old.state = 'queued' AND old.last_attempt > 0)
BEGIN
  SELECT RAISE(ABORT, 'message_in_progress_is_not_deleted_cancel_it_in_control');
END;

-- What an application inserts into created_at and updated_at is neither refused nor kept.
CREATE TRIGGER messages_are_dated_by_the_spool AFTER INSERT ON messages
WHEN new.created_at IS NOT ${NOW} OR new.updated_at IS NOT ${NOW}
BEGIN
  UPDATE messages SET created_at = ${NOW}, updated_at = ${NOW}, revision = revision + 1 WHERE id = new.id;
END;

-- Rows with a send_at wait for it.
CREATE TRIGGER messages_wait_for_send_at AFTER INSERT ON messages WHEN new.send_at IS NOT NULL
BEGIN
  UPDATE messages SET due_at = new.send_at, revision = revision + 1 WHERE id = new.id;
END;

CREATE TRIGGER messages_send_at_moves AFTER UPDATE OF send_at ON messages
WHEN new.state = 'queued' AND new.send_at IS NOT old.send_at
BEGIN
  UPDATE messages SET due_at = new.send_at, revision = revision + 1 WHERE id = new.id;
END;

-- Used keys are kept.
CREATE TRIGGER messages_use_a_key AFTER INSERT ON messages WHEN new.idempotency_key IS NOT NULL
BEGIN
  SELECT RAISE(ABORT, 'idempotency_key_is_used_once')
    WHERE EXISTS (SELECT 1 FROM keys WHERE key = new.idempotency_key);
  INSERT INTO keys (key, message_id, used_at) VALUES (new.idempotency_key, new.id, ${NOW});
END;
`;
