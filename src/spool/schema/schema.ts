/**
 * The schema of the spool, version 1: what applications in any language build on (CONTRACT.md §15).
 *
 * Always holds: a bad value is refused by the database itself with a constraint whose name says what is
 * wrong, in every client, with no daemon running. CHECKs and triggers therefore use only what SQLite 3.31
 * knows; what a CHECK cannot express is in triggers.ts.
 *
 * The daemon's own, and no part of CONTRACT.md (see `internal columns` below): messages from `due_at` on,
 * attempts.closed, receipts from `attempt` on.
 */
import type { Final } from '../../core/message/message.ts';
import { NOW, TRIGGERS } from './triggers.ts';

/** Rows that may go now. A query must repeat it word for word, or the partial index is not used. */
export const READY = `state IN ('queued','retry') AND due_at IS NULL`;

/** Tried before, and that counted: `isRetry` of `core/message/sort-key`. */
export const AGAIN = `(attempts > 0 OR state = 'retry')`;

/** Priority, then first attempts before retries, then rows with a deadline before those without: `core/message/sort-key`
 *  has the same as numbers. A query must repeat it word for word, or the index is not used. */
export const RANK = `((9 - priority) * 4 + ${AGAIN} * 2 + (expires_at IS NULL))`;

/** Within a source: by rank, then earlier deadline, then age. */
export const TURN = `${RANK}, expires_at, id`;

const digits = (value: string): string => `${value} NOT GLOB '*[^0-9]*'`;
/* length and GLOB stop at a NUL, and take a BLOB for what it is not. */
const plain = (column: string): string =>
  `typeof(${column}) = 'text' AND instr(${column}, char(0)) = 0`;
const text = (column: string): string => `typeof(${column}) IN ('text','null')`;
const hex = (column: string): string =>
  `${column} IS NULL OR (typeof(${column}) = 'text' AND length(${column}) % 2 = 0 ` +
  `AND ${column} NOT GLOB '*[^0-9A-Fa-f]*')`;
const instant = (column: string): string =>
  `${column} IS NULL OR (typeof(${column}) = 'real' AND ${column} >= 1e9 AND ${column} < 1e10)`;

/* Commonest first, as an OR chain: `state IN (eleven strings)` builds a temporary b-tree per statement. */
const STATE_IS_KNOWN = [
  'sending',
  'await-receipt',
  'queued',
  'delivered',
  'retry',
  'uncertain',
  'unconfirmed',
  'undelivered',
  'permanent-failure',
  'expired',
  'cancelled',
]
  .map((state) => `state = '${state}'`)
  .join(' OR ');

/* Internal columns:
 *   due_at        when the daemon must look at the row again; NULL = ready now, or final
 *   last_attempt  the highest attempt number given out; numbers are never used again
 *   follows       the attempt that the next one may double; NULL = none
 *   cancel_asked  id of the control row that wants the message back; 0 = the daemon refused it while an
 *                 attempt was unanswered; NULL = none
 *   restarted_at  attempts numbered up to this belong to before the message was last started over
 *   closed        1 = accepted before that: only `delivered` still counts
 *   digest        the same for receipts that say the same
 */
const MESSAGES = `
CREATE TABLE messages (
  id              INTEGER PRIMARY KEY AUTOINCREMENT,
  recipient       TEXT NOT NULL,
  text            TEXT,
  sender          TEXT,
  account         TEXT,
  type            TEXT NOT NULL DEFAULT 'auto',
  body            TEXT,
  udh             TEXT,
  message_class   INTEGER,
  priority        INTEGER NOT NULL DEFAULT 4,
  send_at         REAL,
  expires_at      REAL,
  on_uncertain    TEXT,
  reference       TEXT,
  campaign        TEXT,
  idempotency_key TEXT CONSTRAINT idempotency_key_is_used_once UNIQUE,
  entity_id       TEXT,
  content_id      TEXT,
  account_ref     TEXT,
  created_at      REAL NOT NULL DEFAULT ${NOW},
  state           TEXT NOT NULL DEFAULT 'queued',
  reason          TEXT,
  status          INTEGER,
  attempts        INTEGER NOT NULL DEFAULT 0,
  throttles       INTEGER NOT NULL DEFAULT 0,
  next_attempt_at REAL,
  updated_at      REAL NOT NULL DEFAULT ${NOW},
  parts           INTEGER,
  price           REAL,
  due_at          REAL,
  last_attempt    INTEGER NOT NULL DEFAULT 0,
  follows         INTEGER,
  cancel_asked    INTEGER,
  restarted_at    INTEGER NOT NULL DEFAULT 0,

  CONSTRAINT id_is_given_by_the_spool CHECK (id > 0),
  CONSTRAINT recipient_is_7_to_15_digits CHECK (${plain('recipient')} AND (
    (length(recipient) BETWEEN 7 AND 15 AND ${digits('recipient')}) OR
    (length(recipient) BETWEEN 8 AND 16 AND substr(recipient, 1, 1) = '+'
      AND ${digits('substr(recipient, 2)')}))),
  CONSTRAINT type_is_auto_text_unicode_or_binary CHECK (
    type = 'auto' OR type = 'text' OR type = 'unicode' OR type = 'binary'),
  CONSTRAINT text_is_not_empty CHECK (
    (typeof(text) = 'text' AND text <> '') OR (text IS NULL AND type = 'binary')),
  CONSTRAINT text_is_at_most_10000_characters CHECK (text IS NULL OR length(text) <= 10000),
  CONSTRAINT sender_is_15_digits_or_11_letters_and_digits CHECK (
    sender IS NULL OR (${plain('sender')} AND (
      (length(sender) BETWEEN 1 AND 15 AND ${digits('sender')}) OR
      (length(sender) BETWEEN 1 AND 11 AND sender NOT GLOB '*[^0-9A-Za-z]*')))),
  CONSTRAINT account_is_a_name CHECK (
    account IS NULL OR (typeof(account) = 'text' AND length(account) BETWEEN 1 AND 100)),
  CONSTRAINT body_is_hex CHECK (${hex('body')}),
  CONSTRAINT udh_is_hex CHECK (${hex('udh')}),
  CONSTRAINT body_and_udh_are_at_most_140_octets CHECK (
    length(coalesce(body, '')) + length(coalesce(udh, '')) <= 280),
  CONSTRAINT binary_has_a_body CHECK (type <> 'binary' OR length(coalesce(body, '')) > 0),
  CONSTRAINT body_and_udh_are_for_binary CHECK (
    type = 'binary' OR (body IS NULL AND udh IS NULL)),
  CONSTRAINT message_class_is_0_to_3 CHECK (
    message_class IS NULL OR (typeof(message_class) = 'integer' AND message_class BETWEEN 0 AND 3)),
  CONSTRAINT priority_is_0_to_9 CHECK (typeof(priority) = 'integer' AND priority BETWEEN 0 AND 9),
  CONSTRAINT send_at_is_unix_seconds CHECK (${instant('send_at')}),
  CONSTRAINT expires_at_is_unix_seconds CHECK (${instant('expires_at')}),
  CONSTRAINT on_uncertain_is_resend_or_hold CHECK (
    on_uncertain IS NULL OR on_uncertain = 'resend' OR on_uncertain = 'hold'),
  CONSTRAINT reference_is_text CHECK (${text('reference')}),
  CONSTRAINT campaign_is_a_name CHECK (
    campaign IS NULL OR (typeof(campaign) = 'text' AND length(campaign) BETWEEN 1 AND 200)),
  CONSTRAINT idempotency_key_is_text CHECK (${text('idempotency_key')}),
  CONSTRAINT entity_id_is_text CHECK (${text('entity_id')}),
  CONSTRAINT content_id_is_text CHECK (${text('content_id')}),
  CONSTRAINT account_ref_is_text CHECK (${text('account_ref')}),
  CONSTRAINT created_at_is_unix_seconds CHECK (typeof(created_at) = 'real'),
  CONSTRAINT state_is_known CHECK (${STATE_IS_KNOWN})
);

-- One source is (account, sender, campaign); who goes first between campaigns is decided in memory. Empty of
-- what waits for an instant: a scheduled backlog costs nothing.
CREATE INDEX messages_ready ON messages(account, sender, campaign,
  priority DESC, (expires_at IS NULL), expires_at, id) WHERE ${READY};
CREATE INDEX messages_due ON messages(due_at) WHERE due_at IS NOT NULL;
CREATE INDEX messages_expiring ON messages(expires_at)
  WHERE state IN ('queued','retry') AND expires_at IS NOT NULL;
CREATE INDEX messages_sending ON messages(id) WHERE state = 'sending';
CREATE INDEX messages_campaign ON messages(campaign, id) WHERE campaign IS NOT NULL;
`;

const LEDGERS = `
CREATE TABLE attempts (
  message_id INTEGER NOT NULL,
  number     INTEGER NOT NULL,
  began_at   REAL NOT NULL,
  ended_at   REAL,
  client_ref TEXT NOT NULL,
  follows    INTEGER,
  http_status INTEGER,
  status     INTEGER,
  error_text TEXT,
  trace_id   TEXT,
  route      TEXT,
  scope      TEXT,
  closed     INTEGER,
  PRIMARY KEY (message_id, number)
) WITHOUT ROWID;

-- No index on gateway_id: on random keys it costs the drain 9 us a message. client_ref is a key seek.
CREATE TABLE parts (
  message_id     INTEGER NOT NULL,
  attempt        INTEGER NOT NULL,
  number         INTEGER NOT NULL,
  gateway_id     TEXT,
  status         INTEGER,
  price          REAL,
  network        TEXT,
  receipt_status TEXT,
  receipt_code   INTEGER,
  receipt_at     REAL,
  PRIMARY KEY (message_id, attempt, number)
) WITHOUT ROWID;

CREATE TABLE receipts (
  id          INTEGER PRIMARY KEY AUTOINCREMENT,
  received_at REAL NOT NULL,
  gateway_id  TEXT,
  client_ref  TEXT,
  status      TEXT,
  code        INTEGER,
  message_id  INTEGER,
  raw         TEXT NOT NULL,
  attempt     INTEGER,
  recipient   TEXT,
  price       REAL,
  network     TEXT,
  digest      TEXT NOT NULL
);
CREATE INDEX receipts_message ON receipts(message_id) WHERE message_id IS NOT NULL;
CREATE INDEX receipts_unmatched ON receipts(digest) WHERE message_id IS NULL;

CREATE TABLE events (
  seq        INTEGER PRIMARY KEY AUTOINCREMENT,
  at         REAL NOT NULL,
  message_id INTEGER,
  account    TEXT,
  sender     TEXT,
  event      TEXT NOT NULL,
  from_state TEXT,
  to_state   TEXT,
  reason     TEXT,
  attempt    INTEGER
);
CREATE INDEX events_message ON events(message_id);

CREATE TABLE keys (
  key        TEXT PRIMARY KEY NOT NULL,
  message_id INTEGER NOT NULL,
  used_at    REAL NOT NULL
) WITHOUT ROWID;

CREATE TABLE suppressions (
  recipient TEXT PRIMARY KEY NOT NULL,
  reason    TEXT,
  since     REAL NOT NULL DEFAULT ${NOW}
) WITHOUT ROWID;
`;

const LANES = `
CREATE TABLE accounts (
  name            TEXT PRIMARY KEY NOT NULL,
  state           TEXT NOT NULL DEFAULT 'active',
  reason          TEXT,
  since           REAL NOT NULL,
  next_probe_at   REAL,
  configured_rate REAL,
  learned_rate    REAL,
  CONSTRAINT state_is_known CHECK (state = 'active' OR state = 'suspended' OR state = 'paused')
) WITHOUT ROWID;

CREATE TABLE senders (
  account         TEXT NOT NULL,
  sender          TEXT NOT NULL,
  state           TEXT NOT NULL DEFAULT 'active',
  reason          TEXT,
  since           REAL NOT NULL,
  next_probe_at   REAL,
  configured_rate REAL,
  learned_rate    REAL,
  PRIMARY KEY (account, sender),
  CONSTRAINT state_is_known CHECK (state = 'active' OR state = 'suspended' OR state = 'paused')
) WITHOUT ROWID;

CREATE TABLE control (
  id         INTEGER PRIMARY KEY AUTOINCREMENT,
  asked_at   REAL NOT NULL DEFAULT ${NOW},
  verb       TEXT NOT NULL,
  message_id INTEGER,
  campaign   TEXT,
  account    TEXT,
  sender     TEXT,
  done_at    REAL,
  affected   INTEGER,
  refused    TEXT,
  CONSTRAINT id_done_at_affected_and_refused_are_set_by_the_daemon CHECK (id > 0),
  CONSTRAINT verb_is_known CHECK (verb IN
    ('pause','resume','cancel','requeue','restored-hold','restored-resend')),
  CONSTRAINT pause_and_resume_name_an_account CHECK (
    verb NOT IN ('pause','resume') OR (account IS NOT NULL AND message_id IS NULL AND campaign IS NULL)),
  CONSTRAINT cancel_and_requeue_name_a_message_or_a_campaign CHECK (
    verb NOT IN ('cancel','requeue') OR
    ((message_id IS NULL) <> (campaign IS NULL) AND account IS NULL AND sender IS NULL)),
  CONSTRAINT message_id_is_a_whole_number CHECK (typeof(message_id) IN ('integer','null'))
);
CREATE INDEX control_open ON control(id) WHERE done_at IS NULL;

-- What the spool keeps to itself: the key of the tags in client_ref, and whether the file is a restored one.
CREATE TABLE spool (
  name  TEXT PRIMARY KEY NOT NULL,
  value TEXT NOT NULL
) WITHOUT ROWID;
`;

const iso = (column: string): string =>
  `strftime('%Y-%m-%dT%H:%M:%fZ', ${column}, 'unixepoch') AS ${column}`;

const VIEW = `
CREATE VIEW v_messages AS SELECT
  id, state, reason, recipient, text, sender, account, type, body, udh, message_class, priority,
  ${iso('send_at')}, ${iso('expires_at')}, on_uncertain, reference, campaign, idempotency_key,
  entity_id, content_id, account_ref, ${iso('created_at')}, status, attempts, throttles,
  ${iso('next_attempt_at')}, ${iso('updated_at')}, parts, price
FROM messages;
`;

/* NULL in `allowed`: the rule is configured no more. `state` is the daemon's own. */
const CAPS = `
CREATE TABLE caps (
  account  TEXT NOT NULL,
  scope    TEXT NOT NULL,
  name     TEXT NOT NULL,
  span     TEXT NOT NULL,
  per      TEXT NOT NULL,
  zone     TEXT NOT NULL,
  allowed  INTEGER,
  used     INTEGER NOT NULL,
  frees_at REAL,
  state    TEXT NOT NULL,
  PRIMARY KEY (account, scope, name, span)
) WITHOUT ROWID;
`;

/** Version 1, whole. */
export const SCHEMA_1 = [MESSAGES, LEDGERS, LANES, CAPS, TRIGGERS, VIEW].join('\n');

/* An OR chain, commonest first: `IN (six strings)` builds a temporary b-tree per statement. */
/** Final messages. A query must repeat it word for word, or the partial index is not used. */
export const FINAL = Object.keys({
  delivered: true,
  unconfirmed: true,
  undelivered: true,
  'permanent-failure': true,
  expired: true,
  cancelled: true,
} satisfies Record<Final, true>)
  .map((state) => `state = '${state}'`)
  .join(' OR ');

/** Brings version 2 to 3: nothing that anybody sees. */
export const FINAL_APART = `CREATE INDEX messages_final ON messages(updated_at) WHERE ${FINAL}`;

/** Made once it is needed. The key leads to a recipient's messages and to one text among them. */
export const RECENT_TABLE = `CREATE TABLE IF NOT EXISTS recent (
  recipient  TEXT NOT NULL,
  digest     TEXT NOT NULL,
  message_id INTEGER NOT NULL,
  at         REAL NOT NULL,
  PRIMARY KEY (recipient, digest, message_id)
) WITHOUT ROWID`;

/** Made once it is needed. */
export const PARTS_BY_GATEWAY_ID =
  'CREATE INDEX IF NOT EXISTS parts_gateway_id ON parts(gateway_id) WHERE gateway_id IS NOT NULL';
