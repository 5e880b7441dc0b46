/**
 * Version 5 of `suppressions` and `control`: NULL in a column with a default is the default, and rules that
 * `INSERT OR IGNORE` does not skip.
 *
 * Always holds: a suppression is kept in the one form of its number, however it is written by whichever client;
 * of two that become one the earlier stays. What has no international form stays as it is written.
 */
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
