/**
 * The triggers of the spool: the rules that a CHECK cannot express. Each RAISEs with a name that says what is
 * wrong, and uses only functions that SQLite 3.31 knows, because it runs in whatever client inserts.
 */

/** Unix seconds, with fractions, in SQL of any age. */
export const NOW = `((julianday('now') - 2440587.5) * 86400.0)`;

/**
 * SQL: an UPDATE of messages did not raise `revision`, so it is none of the daemon's. What cannot be raised by one (no
 * whole number, or a huge one) guards nothing: else the daemon itself could not move the row.
 */
export const NOT_RAISED = `coalesce(new.revision, 0) <= old.revision
  AND typeof(old.revision) = 'integer' AND old.revision < 9007199254740992`;

/* NEW.id is -1 in a BEFORE INSERT trigger when the row brought no id (every SQLite since 3.0). */
export const TRIGGERS = `
CREATE TRIGGER messages_columns_of_the_daemon BEFORE INSERT ON messages
WHEN new.id <> -1 OR new.state <> 'queued' OR new.reason IS NOT NULL OR new.status IS NOT NULL
  OR new.attempts <> 0 OR new.throttles <> 0 OR new.next_attempt_at IS NOT NULL OR new.parts IS NOT NULL
  OR new.price IS NOT NULL OR new.due_at IS NOT NULL OR new.last_attempt <> 0
  OR new.follows IS NOT NULL OR new.cancel_asked IS NOT NULL OR new.restarted_at <> 0
BEGIN
  SELECT CASE
    WHEN new.id <> -1 THEN RAISE(ABORT, 'id_is_given_by_the_spool')
    WHEN new.state <> 'queued' THEN RAISE(ABORT, 'state_is_set_by_the_daemon')
    WHEN new.reason IS NOT NULL THEN RAISE(ABORT, 'reason_is_set_by_the_daemon')
    WHEN new.status IS NOT NULL THEN RAISE(ABORT, 'status_is_set_by_the_daemon')
    WHEN new.attempts <> 0 THEN RAISE(ABORT, 'attempts_is_set_by_the_daemon')
    WHEN new.throttles <> 0 THEN RAISE(ABORT, 'throttles_is_set_by_the_daemon')
    WHEN new.next_attempt_at IS NOT NULL THEN RAISE(ABORT, 'next_attempt_at_is_set_by_the_daemon')
    WHEN new.parts IS NOT NULL THEN RAISE(ABORT, 'parts_is_set_by_the_daemon')
    WHEN new.price IS NOT NULL THEN RAISE(ABORT, 'price_is_set_by_the_daemon')
    ELSE RAISE(ABORT, 'internal_columns_are_set_by_the_daemon')
  END;
END;

CREATE TRIGGER messages_wait_for_send_at AFTER INSERT ON messages WHEN new.send_at IS NOT NULL
BEGIN
  UPDATE messages SET due_at = new.send_at WHERE id = new.id;
END;

CREATE TRIGGER messages_send_at_moves AFTER UPDATE OF send_at ON messages
WHEN new.state = 'queued' AND new.send_at IS NOT old.send_at
BEGIN
  UPDATE messages SET due_at = new.send_at WHERE id = new.id;
END;

CREATE TRIGGER messages_use_a_key AFTER INSERT ON messages WHEN new.idempotency_key IS NOT NULL
BEGIN
  SELECT RAISE(ABORT, 'idempotency_key_is_used_once')
    WHERE EXISTS (SELECT 1 FROM keys WHERE key = new.idempotency_key);
  INSERT INTO keys (key, message_id, used_at) VALUES (new.idempotency_key, new.id, ${NOW});
END;

CREATE TRIGGER messages_key_stays BEFORE UPDATE OF id, idempotency_key ON messages
WHEN new.id IS NOT old.id OR new.idempotency_key IS NOT old.idempotency_key
BEGIN
  SELECT RAISE(ABORT, 'id_and_idempotency_key_never_change');
END;

CREATE TRIGGER control_columns_of_the_daemon BEFORE INSERT ON control
WHEN new.id <> -1 OR new.done_at IS NOT NULL OR new.affected IS NOT NULL OR new.refused IS NOT NULL
BEGIN
  SELECT RAISE(ABORT, 'id_done_at_affected_and_refused_are_set_by_the_daemon');
END;
`;
