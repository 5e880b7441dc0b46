/**
 * Names expressions that the schema repeats. They use only what SQLite 3.31 knows: triggers run in whatever client
 * inserts.
 */

/** Unix seconds, with fractions, in SQL of any age. */
export const NOW = `((julianday('now') - 2440587.5) * 86400.0)`;

/**
 * SQL: an UPDATE of messages did not raise `revision`, so it is none of the daemon's. What cannot be raised by one (no
 * whole number, or a huge one) guards nothing: else the daemon itself could not move the row.
 */
export const NOT_RAISED = `coalesce(new.revision, 0) <= old.revision
  AND typeof(old.revision) = 'integer' AND old.revision < 9007199254740992`;
