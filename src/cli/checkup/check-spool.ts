/** Checks the spool: its folder, its file, its content, and what is stopped. Changes nothing. */
import { statfsSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { SpoolError, type SpoolErrorCode } from '../../spool/sql/spool-errors.ts';
import { SCHEMA_VERSION } from '../../spool/schema/migrations.ts';
import { isBusy, journalModeOf, openSpool, tryWriteLock } from '../../spool/file/open.ts';
import { checkSpoolPermissions, isWritable, joinGroupOf } from './check-permissions.ts';
import { Suppressions } from '../../spool/write/suppressions.ts';
import { walSize } from '../../spool/file/wal.ts';
import { fail, pass, warn, type Finding } from './finding.ts';
import { sentenceOf, type Stop } from '../../core/account/stops.ts';
import { localTime } from '../../terminal/times.ts';
import type { Stopped } from '../inspect/stop-list.ts';

const MIB = 1024 * 1024;
/** About a day of a busy account. */
const SPACE_LOW = 500 * MIB;
const SPACE_NONE = 20 * MIB;
const BUSY_MS = 1_000;
/** Suppressed recipients that are named. */
const SHOWN_MAX = 10;
/** The daemon keeps it shorter while no reader holds it. */
const WAL_LONG = 64 * MIB;

/** From the folder inwards; a check that needs one that failed is left out. */
export function checkSpool(path: string): readonly Finding[] {
  const folder = checkFolder(dirname(path));
  if (folder.some(({ verdict }) => verdict === 'fail')) return folder;
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined) {
    return [...folder, fail('spool', `there is none at ${path}`, 'Make one: sms-spoold init')];
  }
  return [...folder, ...(found.isFile() ? checkSpoolPermissions(path) : []), ...checkContent(path)];
}

function checkFolder(folder: string): readonly Finding[] {
  const found = statSync(folder, { throwIfNoEntry: false });
  if (found?.isDirectory() !== true) {
    return [fail('spool folder', `${folder} is not there`, `Make it: mkdir -p ${folder}`)];
  }
  if (!isWritable(folder)) {
    const found = `${folder} is not writable for this user, and SQLite keeps its -wal and -shm there`;
    return [fail('spool folder', found, joinGroupOf(folder))];
  }
  // A file that somebody else made in a sticky folder may not be opened to write (fs.protected_regular).
  const isSticky = (found.mode & 0o1000) !== 0;
  const remedy = `Keep the spool elsewhere, or: chmod -t ${folder}`;
  const finding = isSticky
    ? warn('spool folder', `${folder} is sticky`, remedy)
    : pass('spool folder', `${folder} is writable`);
  return [finding, checkSpace(folder)];
}

function checkSpace(folder: string): Finding {
  const { bavail, bsize } = statfsSync(folder);
  const free = bavail * bsize;
  const words = `${Math.floor(free / MIB).toLocaleString('en')} MiB free`;
  const remedy = 'Free some, or set spool.retention lower.';
  if (free < SPACE_NONE) return fail('disk space', words, remedy);
  return free < SPACE_LOW ? warn('disk space', words, remedy) : pass('disk space', words);
}

function checkContent(path: string): readonly Finding[] {
  if (statSync(path).size === 0) {
    return [fail('spool', `${path} is empty`, 'Make it a spool: sms-spoold init')];
  }
  try {
    const db = openSpool(path, { busyTimeoutMs: BUSY_MS });
    try {
      tryWriteLock(db);
      return [
        pass('spool', `${path}, schema version ${SCHEMA_VERSION}`),
        checkJournal(journalModeOf(db)),
        checkWal(walSize(path)),
        ...checkSuppressions(new Suppressions(db).formless()),
      ];
    } finally {
      db.close();
    }
  } catch (error) {
    return [explain(error)];
  }
}

function checkJournal(journal: string): Finding {
  if (journal === 'wal') return pass('journal mode', 'WAL');
  return warn('journal mode', journal, 'The daemon sets it back to WAL when it starts.');
}

function checkWal(bytes: number): Finding {
  const words = `${(bytes / MIB).toLocaleString('en', { maximumFractionDigits: 1 })} MiB`;
  if (bytes < WAL_LONG) return pass('-wal', words);
  const remedy =
    'While the daemon runs, a program that never ends its read keeps it: fuser -v on it.';
  return warn('-wal', words, remedy);
}

function checkSuppressions(formless: readonly string[]): readonly Finding[] {
  if (formless.length === 0) return [];
  const some = formless.slice(0, SHOWN_MAX).map((written) => JSON.stringify(written));
  const more = formless.length > SHOWN_MAX ? ` and ${formless.length - SHOWN_MAX} more` : '';
  const found = `${formless.length} suppressed without a country code: ${some.join(', ')}${more}`;
  const remedy =
    'They match no message. For each: sms-spoold suppress NUMBER, with its country code, then ' +
    'sms-spoold unsuppress the number as it is written.';
  return [warn('suppressions', found, remedy)];
}

function explain(error: unknown): Finding {
  if (isBusy(error)) {
    const remedy = 'Find who holds a write transaction open, and end it.';
    return warn('spool', `another program has kept it locked for ${BUSY_MS / 1000} s`, remedy);
  }
  if (!(error instanceof SpoolError)) throw error;
  return fail('spool', error.message, REMEDIES[error.code]);
}

const REMEDIES: Readonly<Record<SpoolErrorCode, string>> = {
  'not-a-spool':
    'Name another file in spool.path, or move this one away: sms-spoold init makes a new one.',
  'newer-schema': 'Run the newer sms-spoold that made it.',
  'unsafe-file': 'Remove what is there, or name another path; then look who put it there.',
  'foreign-schema': 'Undo what was changed; the daemon does not start on it.',
  'no-folder': 'Make it, or mount it.',
  'not-accessible': 'Let this user read and write the file and its folder.',
  'lock-lost': 'Find the program that deletes files next to the spool; the daemon starts again.',
  locked: 'Find the program that holds it and end its transaction.',
  'owned-by-another': 'End the other daemon.',
  'no-room': 'Make room on the disk, then: sms-spoold init',
  'io-error': 'Look at the disk: dmesg, smartctl. Then restore a backup.',
  broken: 'Stop the daemon and restore a backup, or try .recover in the sqlite3 shell.',
};

/** The daemon first. */
export function findingsOfStops({ daemon, stops }: Stopped): readonly Finding[] {
  const since = daemon.since === null ? '' : ` since ${localTime(daemon.since)}`;
  const running = daemon.isRunning ? [pass('daemon', `runs${since}`)] : [];
  const found = stops.map((stop) =>
    warn(SUBJECTS[stop.scope], sentenceOf(stop, localTime), stop.remedy),
  );
  return [...running, ...found];
}

const SUBJECTS: Readonly<Record<Stop['scope'], string>> = {
  daemon: 'daemon',
  spool: 'stopped',
  log: 'status log',
  account: 'stopped',
  sender: 'stopped',
};
