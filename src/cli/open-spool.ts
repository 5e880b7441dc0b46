/**
 * Opens the configuration that --config names, and then its spool, for a command. In between a command of root becomes
 * the owner of the folder of the spool. Files that an operator names are checked before any work.
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

/** Milliseconds that a command waits for another writer before it gives up. */
export const BUSY_MS = 5_000;

export interface OpenedSpool extends Disposable {
  readonly config: Config;
  readonly db: Database;
}

/** Only what talks to the gateway reads secrets; the rest works for users who may not read them. Throws ConfigError. */
export function configFor(command: Command, secrets: Secrets): Config {
  return loadConfig({ ...sourceFor(command), secrets });
}

/** Leaves out the secrets that cannot be read. Throws ConfigError. */
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

/** The spool, to read. Throws ConfigError and SpoolError. */
export function openToRead(command: Command): OpenedSpool {
  return openConfigured(configFor(command, 'leave'));
}

/**
 * The spool of a configuration, to read. Opened for writing if that is allowed, because SQLite then removes its -wal
 * and -shm at the end. Throws SpoolError.
 */
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

/** What a NULL account or sender of a message means. */
export function defaultsOf({ accounts, defaultAccount }: Config): Defaults {
  const senders = accounts.flatMap(({ name, sender }) =>
    sender === null ? [] : [[name, sender] as const],
  );
  return { account: defaultAccount, senders: new Map(senders) };
}

function opened(config: Config, db: Database): OpenedSpool {
  return { config, db: typed(db), [Symbol.dispose]: () => void db.close() };
}

/** The absolute path of `file`. Throws CommandError, with the command that helps, where this user cannot make it. */
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

/* For example an archive that root made with an older version. */
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
