/**
 * Holds the schema of the spool, version 5: tables, indexes and the view that applications in any language build on
 * (CONTRACT.md §15).
 *
 * Always holds: a bad value is refused by the database itself with a name that says what is wrong, in every client,
 * with no daemon running. Rules are therefore triggers: `row-rules`, `column-guards`, `list-triggers`.
 */
import type { Final } from '../../core/message/message.ts';
import { COLUMN_TRIGGERS } from './column-guards.ts';
import { LIST_TRIGGERS } from './list-triggers.ts';
import { RULE_TRIGGERS } from './row-rules.ts';
import { NOW } from './sql-terms.ts';

/** Rows that may go now. A query must repeat it word for word, or the partial index is not used. */
export const READY = `state IN ('queued','retry') AND due_at IS NULL`;

/** Tried before, and that counted: `isRetry` of `core/message/sort-key`. */
export const AGAIN = `(attempts > 0 OR state = 'retry')`;

/** Priority, then first attempts before retries, then rows with a deadline before those without: `core/message/sort-key`
 *  has the same as numbers. A query must repeat it word for word, or the index is not used. */
export const RANK = `((9 - priority) * 4 + ${AGAIN} * 2 + (expires_at IS NULL))`;

/** Within a source: by rank, then earlier deadline, then age. */
export const TURN = `${RANK}, expires_at, id`;

/**
 * Final messages. A query must repeat it word for word, or the partial index is not used. An OR chain, commonest first:
 * `IN (six strings)` builds a temporary b-tree per statement.
 */
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

/**
 * Tables that version 4 had in another form; the name goes after `CREATE TABLE`. NOT NULL ON CONFLICT REPLACE: an
 * explicit NULL is the default. Columns of messages that are the daemon's own:
 *   due_at        when the daemon must look at the row again; NULL = ready now, or final
 *   last_attempt  the highest attempt number given out; numbers are never used again
 *   follows       the attempt that the next one may double; NULL = none
 *   cancel_asked  id of the control row that wants the message back; 0 = the daemon refused it while an
 *                 attempt was unanswered; NULL = none
 *   restarted_at  attempts numbered up to this belong to before the message was last started over
 */
export const CHANGED_TABLES = {
  messages: `(
  id              INTEGER PRIMARY KEY AUTOINCREMENT,
  recipient       TEXT NOT NULL,
  text            TEXT,
  sender          TEXT,
  account         TEXT,
  type            TEXT NOT NULL ON CONFLICT REPLACE DEFAULT 'auto',
  body            TEXT,
  udh             TEXT,
  message_class   INTEGER,
  priority        INTEGER NOT NULL ON CONFLICT REPLACE DEFAULT 4,
  send_at         REAL,
  expires_at      REAL,
  on_uncertain    TEXT,
  reference       TEXT,
  campaign        TEXT,
  idempotency_key TEXT,
  entity_id       TEXT,
  content_id      TEXT,
  account_ref     TEXT,
  created_at      REAL NOT NULL ON CONFLICT REPLACE DEFAULT ${NOW},
  state           TEXT NOT NULL ON CONFLICT REPLACE DEFAULT 'queued',
  reason          TEXT,
  status          INTEGER,
  attempts        INTEGER NOT NULL ON CONFLICT REPLACE DEFAULT 0,
  throttles       INTEGER NOT NULL ON CONFLICT REPLACE DEFAULT 0,
  next_attempt_at REAL,
  updated_at      REAL NOT NULL ON CONFLICT REPLACE DEFAULT ${NOW},
  parts           INTEGER,
  price           REAL,
  due_at          REAL,
  last_attempt    INTEGER NOT NULL ON CONFLICT REPLACE DEFAULT 0,
  follows         INTEGER,
  cancel_asked    INTEGER,
  restarted_at    INTEGER NOT NULL ON CONFLICT REPLACE DEFAULT 0,
  revision        INTEGER NOT NULL ON CONFLICT REPLACE DEFAULT 0
)`,
  suppressions: `(
  recipient TEXT PRIMARY KEY NOT NULL,
  reason    TEXT,
  since     REAL NOT NULL ON CONFLICT REPLACE DEFAULT ${NOW}
) WITHOUT ROWID`,
  control: `(
  id         INTEGER PRIMARY KEY AUTOINCREMENT,
  asked_at   REAL NOT NULL ON CONFLICT REPLACE DEFAULT ${NOW},
  verb       TEXT NOT NULL,
  message_id INTEGER,
  campaign   TEXT,
  account    TEXT,
  sender     TEXT,
  done_at    REAL,
  affected   INTEGER,
  refused    TEXT,
  filter     TEXT,
  up_to      INTEGER,
  as_of      INTEGER
)`,
} as const;

const iso = (column: string): string =>
  `strftime('%Y-%m-%dT%H:%M:%fZ', ${column}, 'unixepoch') AS ${column}`;

/* Tables and the view that version 4 had as they are now. */
const KEPT = `
-- closed: 1 = accepted before the message was last started over; only delivered still counts
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

-- digest: the same for receipts that say the same
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

CREATE TABLE accounts (
  name            TEXT PRIMARY KEY NOT NULL,
  state           TEXT NOT NULL DEFAULT 'active',
  reason          TEXT,
  since           REAL NOT NULL,
  next_probe_at   REAL,
  configured_rate REAL,
  learned_rate    REAL,
  configured_concurrency INTEGER,
  learned_concurrency    INTEGER,
  blocked_until   REAL,
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
  blocked_until   REAL,
  PRIMARY KEY (account, sender),
  CONSTRAINT state_is_known CHECK (state = 'active' OR state = 'suspended' OR state = 'paused')
) WITHOUT ROWID;

-- What the spool keeps to itself: the key of the tags in client_ref, and whether the file is a restored one.
CREATE TABLE spool (
  name  TEXT PRIMARY KEY NOT NULL,
  value TEXT NOT NULL
) WITHOUT ROWID;

-- NULL in allowed: the limit is no longer configured. The column state is the daemon's own.
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

CREATE VIEW v_messages AS SELECT
  id, state, reason, recipient, text, sender, account, type, body, udh, message_class, priority,
  ${iso('send_at')}, ${iso('expires_at')}, on_uncertain, reference, campaign, idempotency_key,
  entity_id, content_id, account_ref, ${iso('created_at')}, status, attempts, throttles,
  ${iso('next_attempt_at')}, ${iso('updated_at')}, parts, price
FROM messages;
`;

/* The second index of the key has an entry only where there is a key. SQLite names an index with an expression in
 * its error, where it would name the column: so a key that is used says `idempotency_key_is_used_once` everywhere,
 * and ON CONFLICT(idempotency_key) finds the first. The one made last is tried first. */
const INDEXES = `
CREATE INDEX messages_due ON messages(due_at) WHERE due_at IS NOT NULL;
CREATE INDEX messages_expiring ON messages(expires_at)
  WHERE state IN ('queued','retry') AND expires_at IS NOT NULL;
CREATE INDEX messages_sending ON messages(id) WHERE state = 'sending';
CREATE INDEX messages_campaign ON messages(campaign, id) WHERE campaign IS NOT NULL;
-- One source is (account, sender, campaign). Empty of what waits for an instant: a scheduled backlog costs nothing.
CREATE INDEX messages_ready ON messages(account, sender, campaign, ${TURN}) WHERE ${READY};
CREATE INDEX messages_final ON messages(updated_at) WHERE ${FINAL};
CREATE UNIQUE INDEX messages_idempotency_key ON messages(idempotency_key);
CREATE UNIQUE INDEX idempotency_key_is_used_once ON messages(+idempotency_key)
  WHERE idempotency_key IS NOT NULL;

CREATE INDEX control_open ON control(id) WHERE done_at IS NULL;

-- Leads to the oldest receipts that are about no message.
CREATE INDEX receipts_unmatched_age ON receipts(received_at) WHERE message_id IS NULL;
`;

/* `sender` NULL = the run is the account's; `run` = the message that began it; `reason` = why this one was refused. */
const SET_ASIDE = `
CREATE TABLE set_aside (
  message_id INTEGER PRIMARY KEY,
  attempt    INTEGER NOT NULL,
  run        INTEGER NOT NULL,
  account    TEXT NOT NULL,
  sender     TEXT,
  reason     TEXT NOT NULL
);
`;

/** What version 4 did not have, or had on a table of `CHANGED_TABLES`. */
export const ADDED = [INDEXES, RULE_TRIGGERS, COLUMN_TRIGGERS, LIST_TRIGGERS, SET_ASIDE].join('');

/** A new spool, whole. */
export const SCHEMA = [
  ...Object.entries(CHANGED_TABLES).map(([name, columns]) => `CREATE TABLE ${name} ${columns};`),
  KEPT,
  ADDED,
].join('\n');

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
