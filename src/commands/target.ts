/** Checks, before any work is done, that a command can write the file that an operator named. */
import { accessSync, constants, existsSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { codeOf } from '../core/error-code.ts';
import { CommandError } from '../exit-codes.ts';
import { workingAs } from '../owner.ts';
import { quoted } from '../core/shell.ts';

/** The absolute path. Throws CommandError with the command that helps when this user cannot make a file there. */
export function targetOf(file: string): string {
  const path = resolve(file);
  const folder = dirname(path);
  try {
    accessSync(folder, constants.W_OK | constants.X_OK);
  } catch (cause) {
    throw refused(path, cause);
  }
  if (existsSync(path)) refuseForeignFile(path);
  return path;
}

/* Such as an archive that root has made with an older version. */
function refuseForeignFile(path: string): void {
  try {
    accessSync(path, constants.R_OK | constants.W_OK);
  } catch (cause) {
    const user = workingAs();
    throw new CommandError(
      `${path} cannot be written: this command works as the user ${user}, who may not read and write it. ` +
        `Give it to that user: chown ${user} ${quoted(path)}`,
      { cause },
    );
  }
}

function refused(path: string, cause: unknown): CommandError {
  const folder = dirname(path);
  const user = workingAs();
  const isThere = codeOf(cause) !== 'ENOENT';
  /* `install` would change the owner of a folder that exists. */
  const own = isThere ? join(folder, 'sms-spoold') : folder;
  const make = `install -d -o ${user} -g ${process.getegid?.() ?? 0} -m 0750 ${quoted(own)}`;
  const why = isThere
    ? `${user} may not write to ${folder}`
    : `the folder ${folder} does not exist`;
  return new CommandError(
    `${path} cannot be made: this command works as the user ${user}, and ${why}. ` +
      `Make a folder and name ${join(own, basename(path))}: ${make}`,
    { cause },
  );
}
