/**
 * Makes a command of root work as the owner of the folder of the spool: members of a group may have written the file,
 * and SQLite must not read it with the rights of root.
 *
 * Always holds: the configuration and its secrets are read before, the spool is opened after. The process never becomes
 * root again.
 */
import { statSync } from 'node:fs';
import { userInfo, type UserInfo } from 'node:os';
import { dirname } from 'node:path';
import { CommandError } from '../terminal/exit-codes.ts';
import { loadSqlite } from '../spool/file/open.ts';

/** Variables of the caller that are wrong for another user. */
const VARIABLES = ['HOME', 'USER', 'LOGNAME', 'MAIL', 'XDG_STATE_HOME', 'XDG_CONFIG_HOME'];

/** The folder of `path`, if root runs this and the folder is another user's; else null. */
export function ownerToBecome(path: string): Owner | null {
  if (process.geteuid?.() !== 0) return null;
  const folder = dirname(path);
  const found = statSync(folder, { throwIfNoEntry: false });
  if (found === undefined || found.uid === 0) return null;
  return { folder, uid: found.uid, gid: found.gid };
}

interface Owner {
  readonly folder: string;
  readonly uid: number;
  readonly gid: number;
}

/**
 * Becomes the owner of the folder of `path`, if root runs this and the folder is not root's. What the program reads
 * of its own files later must be loaded before: its folder may be one that only root may read. Throws CommandError.
 */
export function becomeOwnerOf(path: string): void {
  const owner = ownerToBecome(path);
  if (owner === null) return;
  loadSqlite();
  try {
    process.setgroups?.([]);
    process.setgid?.(owner.gid);
    process.setuid?.(owner.uid);
  } catch (cause) {
    throw refused(owner, cause);
  }
  if (process.geteuid?.() !== owner.uid || process.getuid?.() !== owner.uid) {
    throw refused(owner, new Error('the system kept the old user'));
  }
  for (const name of VARIABLES) Reflect.deleteProperty(process.env, name);
  process.env['HOME'] = userOfProcess()?.homedir ?? '/nonexistent';
}

/** The name of the user of this process, or the number of one without an account. */
export function workingAs(): string {
  return userOfProcess()?.username ?? String(process.geteuid?.() ?? '');
}

/* Null = a number without an account. */
function userOfProcess(): UserInfo<string> | null {
  try {
    return userInfo();
  } catch {
    return null;
  }
}

function refused({ folder, uid, gid }: Owner, cause: unknown): CommandError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new CommandError(
    `${folder} belongs to the user ${uid}, and this command cannot work as that user (${why}). ` +
      `Run it as that user: setpriv --reuid=${uid} --regid=${gid} --clear-groups sms-spoold …`,
    { cause },
  );
}
