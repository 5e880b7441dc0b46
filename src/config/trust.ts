/**
 * Decides whether a configuration that was merely found may be used. Whoever can write the file, or replace it in its
 * folder, decides where the account's secret is sent.
 *
 * Always holds: only the caller and root may write the file and its folder; nothing is read from the file here.
 */
import { realpathSync, statSync, type Stats } from 'node:fs';
import { userInfo } from 'node:os';
import { dirname } from 'node:path';
import { codeOf } from '../core/error-code.ts';

/** Who runs the program. */
export interface Caller {
  readonly uid: number;
  /** A group that nobody else is a member of; null = there is none, or it is not known. */
  readonly ownGid: number | null;
}

/** The user of this process. */
export function thisCaller(): Caller {
  const uid = process.geteuid?.() ?? 0;
  return { uid, ownGid: uid === 0 ? null : primaryGroup() };
}

/**
 * Who else may write the file at `path`, the folder it lies in, or the folder that a link leads to, continuing the
 * sentence "found …"; null = nobody. Throws what `stat` throws.
 */
export function othersWhoMayWrite(path: string, caller: Caller): string | null {
  const real = realpathSync(path);
  const places = [real, ...new Set([dirname(path), dirname(real)])];
  for (const place of places) {
    const stats = statSync(place);
    const who = otherWriter(stats, caller);
    if (who !== null)
      return place === real ? `a file that ${who}` : `a file in ${place}, which ${who}`;
  }
  return null;
}

function otherWriter({ uid, gid, mode }: Stats, caller: Caller): string | null {
  if (uid !== 0 && uid !== caller.uid) return `belongs to another user (uid ${uid})`;
  if ((mode & 0o002) !== 0) return 'every user may write';
  if ((mode & 0o020) !== 0 && gid !== caller.ownGid) return `its group may write (gid ${gid})`;
  return null;
}

/* From the account and not from the process: newgrp and sg give a process the group of many. */
function primaryGroup(): number | null {
  try {
    return userInfo().gid;
  } catch (error) {
    if (codeOf(error) !== null) return null; // a uid without an account
    throw error;
  }
}
