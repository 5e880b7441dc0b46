/**
 * Checks the permissions of the spool, of the files that SQLite keeps next to it, of the status log and of files with
 * secrets. Each remedy is a command that repairs them. Opens and changes nothing.
 */
import { accessSync, constants, readFileSync, statSync } from 'node:fs';
import { userInfo } from 'node:os';
import { dirname } from 'node:path';
import { quoted } from '../../core/text/escape.ts';
import { findWrongPermissions, spoolFiles } from '../../spool/file/permissions.ts';
import { fail, pass, warn, type Finding } from './finding.ts';

const SUBJECT = 'spool permissions';
/** The group of the daemon's own user, as the package makes it. */
const DAEMON_GROUP = 'sms-spoold';

/** The spool at `path` must exist. */
export function checkSpoolPermissions(path: string): readonly Finding[] {
  const wrong = findWrongPermissions(path).map(({ path: file, found, command, isBroken }) => {
    const verdict = isBroken ? fail : warn;
    return verdict(SUBJECT, `${file} ${found}`, command);
  });
  const unwritable = spoolFiles(path)
    .filter((file) => !isWritable(file))
    .map((file) => fail(SUBJECT, `${file} is not writable for this user`, letIn(path, file)));
  const findings = [...wrong, ...unwritable];
  if (findings.length > 0) return findings;
  const mode = (statSync(path).mode & 0o777).toString(8).padStart(4, '0');
  return [pass(SUBJECT, `mode ${mode}`)];
}

/** The command that lets this user write to a folder. */
export function joinGroupOf(folder: string): string {
  return `usermod -aG "$(stat -c %G ${quoted(folder)})" ${quoted(userInfo().username)}`;
}

/* Where the folder is writable, only the file itself has other permissions. */
function letIn(spool: string, file: string): string {
  const folder = dirname(spool);
  if (!isWritable(folder)) return joinGroupOf(folder);
  if (file === spool)
    return `chgrp --reference=${quoted(folder)} ${quoted(file)} && chmod 0660 ${quoted(file)}`;
  const like = `--reference=${quoted(spool)} ${quoted(file)}`;
  return `chown ${like} && chmod ${like}`;
}

/** A log file that can be written to, or made. */
export function checkLogFile(file: string, recipients: 'masked' | 'full'): Finding {
  const mode = statSync(file, { throwIfNoEntry: false })?.mode ?? 0;
  const subject = 'status log';
  if ((mode & 0o002) !== 0) {
    return fail(subject, `${file} may be written by every user`, `chmod o= ${quoted(file)}`);
  }
  if ((mode & 0o020) !== 0) {
    return fail(subject, `${file} may be written by its group`, `chmod g-w ${quoted(file)}`);
  }
  if ((mode & 0o004) !== 0 && recipients === 'full') {
    const found = `${file} shows every user all recipients`;
    return warn(subject, found, `chmod o= ${quoted(file)}`);
  }
  return pass(subject, file);
}

/** A file with a secret; null = no other user may read it. */
export function checkSecretFile(file: string): Finding | null {
  const found = statSync(file, { throwIfNoEntry: false });
  if (found === undefined) return null;
  const isRoots = found.uid === 0;
  const everybody = (found.mode & 0o006) !== 0;
  /* The daemon reads a file of root as a member of its group. */
  const isDaemons = isRoots && found.gid === groupId(DAEMON_GROUP);
  if (!everybody && ((found.mode & 0o060) === 0 || isDaemons)) return null;
  const name = quoted(file);
  const command = isRoots
    ? `chgrp ${DAEMON_GROUP} ${name} && chmod 0640 ${name}`
    : `chmod go= ${name}`;
  const who = everybody ? 'every user' : 'its group';
  return warn('secrets', `${file} holds one, and ${who} may read it`, command);
}

/* Null = there is no such group, or it is not in this file. */
function groupId(name: string): number | null {
  const lines = readFileSync('/etc/group', 'utf8').split('\n');
  const [, , id] = lines.find((line) => line.startsWith(`${name}:`))?.split(':') ?? [];
  return id === undefined ? null : Number(id);
}

/** False also when nothing is there. */
export function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    return true;
  } catch (error) {
    if (error instanceof Error && 'syscall' in error) return false;
    throw error;
  }
}
