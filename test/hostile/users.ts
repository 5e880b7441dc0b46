/** The users of the suite, as numbers without accounts, and how a program is started as one of them. Needs root. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';

export type User = Readonly<{ uid: number; gid: number }>;

export const ROOT: User = { uid: 0, gid: 0 };
/** The daemon's user, and the group of the spool. */
export const DAEMON: User = { uid: 65_011, gid: 65_012 };
export const MEMBER: User = { uid: 65_013, gid: 65_012 };

export const TOP = resolve(import.meta.dirname, '../..');
export const MAIN = join(TOP, 'dist/main.js');

/** What MAIN runs. */
export const CLI = join(TOP, 'dist/cli/program.js');

/** Why there can be no such users here; null = there can. */
export const missing = whyMissing();

/** The command line that starts `program` as `user`. */
export function asUser({ uid, gid }: User, program: readonly string[]): readonly string[] {
  if (uid === 0) return program;
  return ['setpriv', `--reuid=${uid}`, `--regid=${gid}`, '--clear-groups', ...program];
}

function whyMissing(): string | null {
  if (process.getuid?.() !== 0) return 'only root can be several users';
  if (!existsSync(MAIN)) return 'the program is not built';
  const [program = '', ...args] = asUser(MEMBER, [process.execPath, MAIN, '--version']);
  const { status } = spawnSync(program, args, { cwd: '/' });
  return status === 0 ? null : 'setpriv cannot start the program as another user here';
}
