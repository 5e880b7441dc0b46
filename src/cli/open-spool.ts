/**
 * What nearly every command begins with: the configuration that --config leads to, then the spool it names. In between
 * a command of root becomes the owner of the spool's folder. Files that an operator names are checked before any work.
 */
import { accessSync, constants, existsSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import type { Command } from 'commander';
import type { Config } from '../config/config.ts';
import { loadAsFarAsReadable, loadConfig, type Loaded } from '../config/load.ts';
import type { Secrets } from '../config/reading.ts';
import { codeOf } from '../core/text/error-code.ts';
import { quoted } from '../core/text/escape.ts';
import { CommandError } from '../terminal/exit-codes.ts';
import { becomeOwnerOf, workingAs } from './run-as-owner.ts';
import { openSpool, type Database } from '../spool/file/open.ts';
import { SpoolError } from '../spool/sql/spool-errors.ts';
import { typed } from '../spool/sql/typed-rows.ts';
import type { Defaults } from '../spool/write/selection.ts';

/** How long a command waits for another writer before it gives up. */
export const BUSY_MS = 5_000;

export interface OpenedSpool extends Disposable {
  readonly config: Config;
  readonly db: Database;
}

/**
 * The configuration for `command`. Only what talks to the gateway reads secrets; the rest works for whoever
 * may not see them. Throws ConfigError.
 */
export function configFor(command: Command, secrets: Secrets): Config {
  return loadConfig({ ...sourceFor(command), secrets });
}

/** The configuration, as far as its secrets can be read. Throws ConfigError. */
export function configAsFarAsReadable(command: Command): Loaded {
  return loadAsFarAsReadable(sourceFor(command));
}

function sourceFor(command: Command): Parameters<typeof loadAsFarAsReadable>[0] {
  const { config = null } = command.optsWithGlobals<{ readonly config?: string }>();
  return { file: config, env: process.env, cwd: process.cwd() };
}

/** The spool, to write. Throws ConfigError and SpoolError. */
export function openToWrite(command: Command): OpenedSpool {
  const config = configFor(command, 'leave');
  becomeOwnerOf(config.spool.path);
  return opened(config, openSpool(config.spool.path, { busyTimeoutMs: BUSY_MS }));
}

/**
 * The spool, to read. Opened for writing where that is allowed, because SQLite then clears away its -wal and
 * -shm at the end; else read-only.
 */
export function openToRead(command: Command): OpenedSpool {
  return openConfigured(configFor(command, 'leave'));
}

/** The spool of a configuration, to read. Throws SpoolError. */
export function openConfigured(config: Config): OpenedSpool {
  const { path } = config.spool;
  becomeOwnerOf(path);
  try {
    return opened(config, openSpool(path, { busyTimeoutMs: BUSY_MS }));
  } catch (error) {
    if (!(error instanceof SpoolError) || error.code !== 'not-accessible') throw error;
    return opened(config, openSpool(path, { busyTimeoutMs: BUSY_MS, readonly: true }));
  }
}

/** What a NULL account or sender of a message stands for. */
export function defaultsOf(config: Config): Defaults {
  const senders = config.accounts.flatMap(({ name, sender }): [string, string][] =>
    sender === null ? [] : [[name, sender]],
  );
  return { account: config.defaultAccount, senders: new Map(senders) };
}

function opened(config: Config, db: Database): OpenedSpool {
  return { config, db: typed(db), [Symbol.dispose]: () => void db.close() };
}

/** The absolute path of a file that an operator named. Throws CommandError with the command that helps when this user cannot make a file there. */
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
