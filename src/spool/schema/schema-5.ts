/**
 * Version 5 of the schema: `messages`, `control` and `suppressions` are made again, with NULL for the default in every column that has one, a
 * named unique index for keys, `revision`, one form of suppressed numbers, and rules that are triggers.
 *
 * Always holds: each row keeps its id and what is in it, however wrong; ids of pruned rows are not given again;
 * views, tables and plain indexes of an operator's own stay. Whoever needs another column, table or trigger in
 * version 5 adds it to `PARTS`.
 */
import type { Database } from 'better-sqlite3';
import { bounded, HUGE, LIMITS, shown } from './bounded.ts';
import { SpoolError } from '../sql/spool-errors.ts';
import { DATES, FOLLOWING, GUARD } from './column-guards.ts';
import { RULE_TRIGGERS } from './row-rules.ts';
import { FINAL_APART, READY, TURN } from './schema.ts';
import { NOW } from './triggers.ts';

/* A number as people write it: blanks and signs between the digits, (0), an international prefix, a number that
 * became one with a fraction, a BLOB. It is one only if what is left is 7 to 15 digits with a country code. */
function formOf(value: string): string {
  const text = `CAST(${value} AS TEXT)`;
  const whole = `CASE WHEN ${text} = CAST(CAST(${text} AS REAL) AS TEXT) THEN CAST(CAST(${text} AS INTEGER) AS TEXT) ELSE ${text} END`;
  const bare = [' ', '-', '.', '/', '(', ')', '\u00a0', '\u202f'].reduce(
    (sql, sign) => `replace(${sql}, '${sign}', '')`,
    `replace(${whole}, '(0)', '')`,
  );
  return bare;
}

const FORM = `CASE WHEN length(bare) BETWEEN 7 AND 15 AND bare GLOB '[1-9]*' AND bare NOT GLOB '*[^0-9]*'
    AND instr(bare, char(0)) = 0 THEN bare ELSE written END`;
const withoutPrefix = (sql: string): string =>
  `SELECT written, CASE WHEN bare GLOB '+*' THEN substr(bare, 2) WHEN bare GLOB '00*' THEN substr(bare, 3)
    ELSE bare END AS bare FROM (${sql})`;

/** SQL for the form of one value, as a scalar. */
const formed = (value: string): string =>
  `(SELECT ${FORM} FROM (${withoutPrefix(`SELECT ${value} AS written, ${formOf(value)} AS bare`)}))`;

/** A table that version 5 makes again: it is made under another name, filled, and renamed. */
export interface Rebuilt {
  readonly table: string;
  /** `%` stands for the name that it has until then. */
  readonly create: string;
  readonly copy: string;
}

export const SUPPRESSIONS: Rebuilt = {
  table: 'suppressions',
  create: `
CREATE TABLE % (
  recipient TEXT PRIMARY KEY NOT NULL,
  reason    TEXT,
  since     REAL NOT NULL ON CONFLICT REPLACE DEFAULT ${NOW}
) WITHOUT ROWID`,
  copy: `INSERT OR IGNORE INTO % (recipient, reason, since)
    SELECT ${formed('recipient')}, reason, since FROM suppressions ORDER BY since`,
};

export const CONTROL: Rebuilt = {
  table: 'control',
  create: `
CREATE TABLE % (
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
  copy: `INSERT INTO %
      (id, asked_at, verb, message_id, campaign, account, sender, done_at, affected, refused)
    SELECT id, asked_at, verb, message_id, campaign, account, sender, done_at, affected, refused
    FROM control ORDER BY id`,
};

/* The row under its form, unless that is there already; of the two dates the earlier. */
const TO_ONE_FORM = `
BEGIN
  DELETE FROM suppressions WHERE recipient = ${formed('new.recipient')} AND recipient <> new.recipient
    AND since > new.since;
  INSERT INTO suppressions (recipient, reason, since)
    SELECT form, new.reason, new.since FROM (SELECT ${formed('new.recipient')} AS form)
    WHERE form <> new.recipient AND NOT EXISTS (SELECT 1 FROM suppressions WHERE recipient = form);
  DELETE FROM suppressions WHERE recipient = new.recipient AND recipient <> ${formed('new.recipient')};
END;`;
const HAS_OTHER_FORM = `new.recipient GLOB '*[^0-9]*' OR new.recipient NOT GLOB '[1-9]*'
  OR typeof(new.recipient) <> 'text'`;

const SUPPRESSION_TRIGGERS = `
CREATE TRIGGER suppressions_have_one_form AFTER INSERT ON suppressions WHEN ${HAS_OTHER_FORM}${TO_ONE_FORM}

CREATE TRIGGER suppressions_keep_one_form AFTER UPDATE OF recipient ON suppressions WHEN ${HAS_OTHER_FORM}${TO_ONE_FORM}
`;

/* As messages: triggers, which INSERT OR IGNORE does not skip. A row that was answered stays answered: done_at set
 * back to NULL would send a campaign again. */
const CONTROL_TRIGGERS = `
CREATE INDEX control_open ON control(id) WHERE done_at IS NULL;

CREATE TRIGGER control_rows_are_right BEFORE INSERT ON control
BEGIN
  SELECT CASE
    WHEN new.id <> -1 OR new.done_at IS NOT NULL OR new.affected IS NOT NULL OR new.refused IS NOT NULL
      THEN RAISE(ABORT, 'id_done_at_affected_and_refused_are_set_by_the_daemon')
    WHEN coalesce(new.verb, '') NOT IN ('pause', 'resume', 'cancel', 'requeue', 'retry', 'restored-hold', 'restored-resend')
      THEN RAISE(ABORT, 'verb_is_known')
    WHEN new.verb IN ('pause', 'resume')
      AND (new.account IS NULL OR new.message_id IS NOT NULL OR new.campaign IS NOT NULL
        OR new.filter IS NOT NULL)
      THEN RAISE(ABORT, 'pause_and_resume_name_an_account')
    WHEN new.verb IN ('cancel', 'requeue', 'retry') AND ((new.message_id IS NOT NULL)
        + (new.campaign IS NOT NULL) + (new.filter IS NOT NULL) <> 1
      OR new.account IS NOT NULL OR new.sender IS NOT NULL)
      THEN RAISE(ABORT, 'cancel_and_requeue_name_a_message_or_a_campaign')
    WHEN new.message_id IS NOT NULL AND typeof(new.message_id) <> 'integer'
      THEN RAISE(ABORT, 'message_id_is_a_whole_number')
    WHEN new.filter IS NOT NULL
      AND (typeof(new.filter) <> 'text' OR length(CAST(new.filter AS BLOB)) > 4000)
      THEN RAISE(ABORT, 'filter_is_json_of_at_most_4000_bytes')
    WHEN length(CAST(new.campaign AS BLOB)) > 800 OR length(CAST(new.account AS BLOB)) > 400
      OR length(CAST(new.sender AS BLOB)) > 400
      THEN RAISE(ABORT, 'control_names_are_at_most_400_bytes_campaigns_800')
  END;
END;

CREATE TRIGGER control_ids_are_given AFTER INSERT ON control WHEN new.id <= 0
BEGIN
  SELECT RAISE(ABORT, 'id_done_at_affected_and_refused_are_set_by_the_daemon');
END;

-- What was there when it was asked: whoever comes or changes later is not meant.
CREATE TRIGGER control_is_as_of_when_it_was_asked AFTER INSERT ON control
WHEN new.verb IN ('cancel', 'requeue', 'retry') AND new.message_id IS NULL
BEGIN
  UPDATE control SET
    up_to = coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'messages'), 0),
    as_of = coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'events'), 0) WHERE id = new.id;
END;

CREATE TRIGGER control_rows_never_change BEFORE UPDATE ON control
BEGIN
  SELECT CASE
    WHEN new.id IS NOT old.id OR new.verb IS NOT old.verb OR new.message_id IS NOT old.message_id
      OR new.campaign IS NOT old.campaign OR new.account IS NOT old.account OR new.sender IS NOT old.sender
      OR new.filter IS NOT old.filter
      THEN RAISE(ABORT, 'control_rows_never_change_insert_another')
    WHEN old.done_at IS NOT NULL AND new.done_at IS NOT old.done_at
      THEN RAISE(ABORT, 'control_rows_are_answered_once_insert_another')
  END;
END;
`;

/** Indexes and triggers of the two tables. */
export const LISTS = `${SUPPRESSION_TRIGGERS}${CONTROL_TRIGGERS}`;

/* NOT NULL ON CONFLICT REPLACE: an explicit NULL is the default. */
const TABLE = `
CREATE TABLE % (
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
)`;

/* What no program means is replaced by its length, and what waited with it is not sent. */
const WAITS = `state IN ('queued','retry')`;
const CUT = `
CREATE TEMP TABLE cut AS SELECT id, state FROM messages WHERE ${WAITS} AND (${Object.entries(LIMITS)
  .map(([column, most]) => `octet_length(${column}) > ${most}`)
  .join(' OR ')});
INSERT INTO events (at, message_id, event, from_state, to_state, reason)
  SELECT ${NOW}, id, 'message.permanent-failure', state, 'permanent-failure', 'too-long' FROM temp.cut;
DELETE FROM keys WHERE octet_length(key) > ${HUGE}`;
const END_CUT = `
UPDATE % SET state = 'permanent-failure', reason = 'too-long', due_at = NULL, next_attempt_at = NULL,
  updated_at = ${NOW} WHERE id IN (SELECT id FROM temp.cut);
DROP TABLE temp.cut`;

function kept(column: string): string {
  if (!isLimited(column)) return column;
  if (column === 'idempotency_key') return bounded(column, HUGE);
  return shown(column, LIMITS[column]);
}

function isLimited(column: string): column is keyof typeof LIMITS {
  return column in LIMITS;
}

/* Columns of version 4 that go over as they are; the two dates are made dates where they are none. */
const KEPT = [
  ...['id', 'recipient', 'text', 'sender', 'account', 'type', 'body', 'udh', 'message_class'],
  ...['priority', 'send_at', 'expires_at', 'on_uncertain', 'reference', 'campaign'],
  ...['idempotency_key', 'entity_id', 'content_id', 'account_ref', 'state', 'reason', 'status'],
  ...['attempts', 'throttles', 'next_attempt_at', 'parts', 'price', 'due_at', 'last_attempt'],
  ...['follows', 'cancel_asked', 'restarted_at'],
] as const;
const DATED = ['created_at', 'updated_at'] as const;

const dated = (column: string): string =>
  `CASE typeof(${column}) WHEN 'real' THEN ${column}
    ELSE coalesce((julianday(${column}) - 2440587.5) * 86400.0, ${NOW}) END`;

const COPY = `INSERT INTO % (${[...KEPT, ...DATED].join()})
  SELECT ${[...KEPT.map(kept), ...DATED.map(dated)].join()} FROM messages ORDER BY id`;

const MESSAGES: Rebuilt = {
  table: 'messages',
  create: TABLE,
  copy: [CUT, COPY, END_CUT].join(';\n'),
};

/* The second index of the key has an entry only where there is a key. SQLite names an index with an expression in
 * its error, where it would name the column: so a key that is used says `idempotency_key_is_used_once` everywhere,
 * and ON CONFLICT(idempotency_key) finds the first. The one made last is tried first. */
const INDEXES = `
CREATE INDEX messages_due ON messages(due_at) WHERE due_at IS NOT NULL;
CREATE INDEX messages_expiring ON messages(expires_at)
  WHERE state IN ('queued','retry') AND expires_at IS NOT NULL;
CREATE INDEX messages_sending ON messages(id) WHERE state = 'sending';
CREATE INDEX messages_campaign ON messages(campaign, id) WHERE campaign IS NOT NULL;
CREATE INDEX messages_ready ON messages(account, sender, campaign, ${TURN}) WHERE ${READY};
${FINAL_APART};
CREATE UNIQUE INDEX messages_idempotency_key ON messages(idempotency_key);
CREATE UNIQUE INDEX idempotency_key_is_used_once ON messages(+idempotency_key)
  WHERE idempotency_key IS NOT NULL;
`;

/*
 * `sender` NULL = the run is the account's; `run` = the message that began it;
 * `reason` = why this message was refused.
 */
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

/* Leads to the oldest receipts that are about no message. */
const RECEIPT_INDEXES = `
CREATE INDEX receipts_unmatched_age ON receipts(received_at) WHERE message_id IS NULL;
`;

/** What else version 5 brings: statements that run in this order once `messages` is there. */
export const PARTS: readonly string[] = [
  INDEXES,
  RULE_TRIGGERS,
  GUARD,
  DATES,
  FOLLOWING,
  LISTS,
  SET_ASIDE,
  RECEIPT_INDEXES,
];

/**
 * Brings version 4 to 5. Foreign keys must be off, and cannot be switched off in here, where a transaction is
 * open: else dropping the old table deletes what refers to it.
 */
export function toVersion5(db: Database): void {
  refuseOtherColumns(db);
  const indexes = ownIndexes(db);
  /* Views and tables of others that name a table of ours go on naming it: the new rename would look into them. */
  db.pragma('legacy_alter_table = ON');
  try {
    for (const rebuilt of [MESSAGES, SUPPRESSIONS, CONTROL]) rebuild(db, rebuilt);
  } finally {
    db.pragma('legacy_alter_table = OFF');
  }
  forgetDigests(db);
  for (const part of PARTS) db.exec(part);
  for (const sql of indexes) db.exec(sql);
}

/* They were made without a key: a short text could be found by trying. When a recipient was sent to stays. */
function forgetDigests(db: Database): void {
  const sql = `SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'recent'`;
  if (db.prepare(sql).get() === undefined) return;
  db.exec(`UPDATE OR REPLACE recent SET digest = '' WHERE digest <> ''`);
}

/* What was given out of AUTOINCREMENT goes with the old table, and is written again. */
function rebuild(db: Database, { table, create, copy }: Rebuilt): void {
  const given = db.prepare('SELECT seq FROM sqlite_sequence WHERE name = ?').pluck().get(table);
  const made = `${table}_of_version_5`;
  db.exec(create.replace('%', made));
  db.exec(copy.replaceAll('%', made));
  db.exec(`DROP TABLE ${table}; ALTER TABLE ${made} RENAME TO ${table}`);
  if (given === undefined) return;
  db.prepare('DELETE FROM sqlite_sequence WHERE name = ?').run(table);
  db.prepare('INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)').run(table, given);
}

function refuseOtherColumns(db: Database): void {
  const ours = new Set<string>([...KEPT, ...DATED]);
  const found = db.prepare(`SELECT name FROM pragma_table_xinfo('messages')`).pluck().all();
  const strange = found.find((name) => !ours.has(String(name)));
  if (strange === undefined) return;
  throw new SpoolError(
    'not-a-spool',
    `The table messages of ${db.name} has the column ${JSON.stringify(strange)}, which is not one of sms-spoold's: ` +
      `the migration to schema version 5 would lose it, and did nothing. Remove it: ` +
      `ALTER TABLE messages DROP COLUMN …; then run sms-spoold init again.`,
  );
}

const OURS = `'messages_ready', 'messages_due', 'messages_expiring', 'messages_sending', 'messages_campaign', 'messages_final'`;

interface IndexColumn {
  readonly cid: number;
  readonly desc: number;
  readonly coll: string;
}

/* Made from what the indexes are, never from the text that the file has of them: anybody in the group may have
 * written that. An index over an expression, or of a part of the rows, is lost. */
function ownIndexes(db: Database): readonly string[] {
  const found = db
    .prepare(
      `SELECT name, "unique" AS isUnique FROM pragma_index_list('messages')
        WHERE origin = 'c' AND partial = 0 AND name NOT IN (${OURS})`,
    )
    .all() as { name: string; isUnique: number }[];
  const columns = db.prepare(`SELECT name FROM pragma_table_info('messages') ORDER BY cid`).pluck();
  const names = columns.all() as string[];
  const parts = db.prepare(
    `SELECT cid, "desc", coll FROM pragma_index_xinfo(?) WHERE key = 1 ORDER BY seqno`,
  );
  return found.flatMap(({ name, isUnique }) => {
    const keys = (parts.all(name) as IndexColumn[]).map((part) => indexed(names[part.cid], part));
    if (keys.includes(null)) return [];
    const made = `CREATE ${isUnique === 1 ? 'UNIQUE ' : ''}INDEX ${quoted(name)}`;
    return [`${made} ON messages(${keys.join(', ')})`];
  });
}

function indexed(column: string | undefined, { desc, coll }: IndexColumn): string | null {
  if (column === undefined || !['BINARY', 'NOCASE', 'RTRIM'].includes(coll)) return null;
  return `${column} COLLATE ${coll}${desc === 1 ? ' DESC' : ''}`;
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
