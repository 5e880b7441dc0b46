/**
 * Holds the triggers of `suppressions` and `control`: a suppressed number has one form, a control row is well formed
 * and is answered once.
 */

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
export const formed = (value: string): string =>
  `(SELECT ${FORM} FROM (${withoutPrefix(`SELECT ${value} AS written, ${formOf(value)} AS bare`)}))`;

/* Stores the row under its form, unless there is one; of the two dates the earlier stays. */
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

export const LIST_TRIGGERS = `${SUPPRESSION_TRIGGERS}${CONTROL_TRIGGERS}`;
