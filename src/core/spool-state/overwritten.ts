/**
 * Decides whether a spool in WAL mode, or its -wal, was written over by something other than SQLite (`cp` over the
 * file keeps its inode), from two looks at the raw files.
 *
 * In WAL mode the database file changes in a checkpoint only. Every checkpoint writes down in the -shm how far it
 * is going to copy before it copies, and how far it came afterwards (sqlite.org/walformat.html, section 2.1). So a
 * change without such a trace is not SQLite's. Where both happened between two looks, the header tells: its
 * counters never go back, and its schema version is never beyond what our connection sees.
 */

/** The beginning of the database file. */
export interface Header {
  readonly applicationId: number;
  /** Grows with the checkpoints. */
  readonly changes: number;
  /** As `PRAGMA schema_version`, at the last checkpoint. */
  readonly schemaVersion: number;
}

/** The beginning of the -shm. */
export interface WalIndex {
  /** Drawn each time the -wal begins again. */
  readonly salt: string;
  /** Frames in the -wal; 0 = none. */
  readonly frames: number;
  /** Frames that a checkpoint has copied. */
  readonly copied: number;
  /** Frames that a checkpoint is going to copy, or has. */
  readonly copying: number;
}

export interface RawLook {
  /** Read before the times of the database file, and after everything else. */
  readonly before: WalIndex;
  readonly after: WalIndex;
  readonly accessedNs: bigint;
  readonly modifiedNs: bigint;
  readonly changedNs: bigint;
  /** Null = it does not begin as a database does. */
  readonly header: Header | null;
  /** The salt in the -wal; null = it is too short to have one. */
  readonly walSalt: string | null;
}

/** `schemaVersion` gives what our connection sees now. Null = SQLite alone wrote. */
export function overwritten(
  last: RawLook,
  now: RawLook,
  schemaVersion: () => number,
): 'spool' | '-wal' | null {
  if (isWalForeign(now)) return '-wal';
  if (now.modifiedNs === last.modifiedNs) return null;
  if (!isLater(last.header, now.header, schemaVersion())) return 'spool';
  return wasCheckpointed(last.before, now.after) || isTouched(now) ? null : 'spool';
}

/* The index names frames once they are in the -wal. */
function isWalForeign({ before, after, walSalt }: RawLook): boolean {
  const isQuiet = before.salt === after.salt && before.frames <= after.frames;
  return isQuiet && before.frames > 0 && walSalt !== before.salt;
}

function isLater(last: Header | null, now: Header | null, schemaVersion: number): boolean {
  if (now === null) return false;
  if (last === null) return true;
  /* A new spool has none until its first checkpoint. */
  const isOurs = last.applicationId === 0 || now.applicationId === last.applicationId;
  const isForward = now.changes >= last.changes && now.schemaVersion >= last.schemaVersion;
  return isOurs && isForward && now.schemaVersion <= schemaVersion;
}

function wasCheckpointed(last: WalIndex, now: WalIndex): boolean {
  const isUnderWay = last.copied < last.copying || now.copied < now.copying;
  return isUnderWay || last.salt !== now.salt || last.copying !== now.copying;
}

/* `touch` sets all three times to one moment; a write leaves the time of access alone. */
function isTouched({ accessedNs, modifiedNs, changedNs }: RawLook): boolean {
  return accessedNs === modifiedNs && changedNs === modifiedNs;
}
