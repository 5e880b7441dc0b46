/**
 * A command of root works as the owner of the spool's folder: SQLite reads a file that members of a group have
 * written, and must not do so with the rights of root.
 *
 * Always holds: the configuration and its secrets are read before, the spool is opened after. The owner is taken as
 * numbers, so that an account is not needed. Nothing leads back to root.
 */
import { statSync } from 'node:fs';
import { userInfo } from 'node:os';
import { dirname } from 'node:path';
import { CommandError } from '../terminal/exit-codes.ts';
import { loadSqlite } from '../spool/file/open.ts';

/** Variables that describe the caller and are wrong for another user. */
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
  process.env['HOME'] = homeOf() ?? '/nonexistent';
}

/** The user that this process works as: the name of the account, or the number where there is none. */
export function workingAs(): string {
  try {
    return userInfo().username;
  } catch {
    return String(process.geteuid?.() ?? '');
  }
}

function homeOf(): string | null {
  try {
    return userInfo().homedir;
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
