/**
 * Finds the configuration and reads it as a document; knows nothing of what the keys mean. A user who can write the
 * file, or replace it in its folder, decides where the account's secret is sent.
 *
 * Always holds: a file that is named must exist. One that is merely looked for may be missing, and is used only where
 * the caller and root alone may write it. A file that exists and cannot be read is an error. Nothing of its content is
 * in a message.
 */
import { realpathSync, statSync, type Stats } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { parse, TomlError } from 'smol-toml';
import { userInfo } from 'node:os';
import { codeOf } from '../core/text/error-code.ts';
import { ConfigError } from './errors.ts';
import { quote } from './found.ts';
import { readTextFile } from './text-file.ts';
import type { RawTable } from './tables.ts';
import { quoted } from '../core/text/escape.ts';

export const SYSTEM_FILE = '/etc/sms-spoold/sms-spoold.toml';
export const LOCAL_FILE = 'sms-spoold.toml';

export interface Where {
  /** What --config names; null = not given. */
  readonly file: string | null;
  readonly env: NodeJS.ProcessEnv;
  readonly cwd: string;
  /** The last place to look; left out: SYSTEM_FILE. */
  readonly systemFile?: string;
  /** Who looks; left out: the user of this process. */
  readonly caller?: Caller;
}

export interface CandidateFile {
  /** Absolute. */
  readonly path: string;
  /** Who named it, as an operator knows it; null = merely looked for. */
  readonly namedBy: '--config' | 'SMS_SPOOLD_CONFIG' | null;
}

export interface Document {
  /** Absolute; null = no file. */
  readonly file: string | null;
  readonly folder: string;
  readonly raw: RawTable;
}

/** Where to look, in order; the first that exists is taken (CONTRACT.md §17). */
export function listCandidates(where: Where): readonly CandidateFile[] {
  const named = where.env['SMS_SPOOLD_CONFIG'] ?? '';
  if (where.file !== null) {
    return [{ path: resolve(where.cwd, where.file), namedBy: '--config' }];
  }
  if (named !== '') {
    return [{ path: resolve(where.cwd, named), namedBy: 'SMS_SPOOLD_CONFIG' }];
  }
  const looked = [resolve(where.cwd, LOCAL_FILE), where.systemFile ?? SYSTEM_FILE];
  return looked.map((path) => ({ path, namedBy: null }));
}

/** The document of the first file that exists, else the environment's, as if it were a file. */
export function findDocument(where: Where): Document {
  for (const candidate of listCandidates(where)) {
    const text = readCandidate(candidate, where.caller ?? thisCaller());
    if (text !== null) {
      const { path } = candidate;
      return { file: path, folder: dirname(path), raw: parseToml(path, text) };
    }
  }
  return { file: null, folder: where.cwd, raw: documentOf(where.env) };
}

/** The names by which an operator knows the keys that come from the environment. */
export const ENVIRONMENT_KEYS: Readonly<Record<string, string>> = {
  'accounts.main.api_key': 'VONAGE_API_KEY',
  'accounts.main.api_secret': 'VONAGE_API_SECRET',
  'accounts.main.sender': 'VONAGE_SENDER',
};

function documentOf(env: NodeJS.ProcessEnv): RawTable {
  const spool = { path: 'spool.db' };
  const apiKey = env['VONAGE_API_KEY'] ?? '';
  const hasSecret = (env['VONAGE_API_SECRET'] ?? '') !== '';
  const sender = env['VONAGE_SENDER'] ?? '';
  if (apiKey === '' && !hasSecret) return { spool };
  const main = {
    ...(apiKey === '' ? {} : { api_key: apiKey }),
    api_secret: { env: 'VONAGE_API_SECRET' },
    ...(sender === '' ? {} : { sender }),
  };
  return { spool, accounts: { main } };
}

function readCandidate({ path, namedBy }: CandidateFile, caller: Caller): string | null {
  if (namedBy === null && !mayUse(path, caller)) return null;
  const file = readTextFile(path);
  if (file.kind === 'text') return file.text;
  if (file.kind === 'missing' && namedBy === null) return null;
  const found = file.kind === 'missing' ? 'no such file' : file.found;
  const code = file.kind === 'missing' ? 'file-missing' : 'file-unreadable';
  const message = `expected a readable TOML file at ${quote(path)}; found ${found}`;
  const isShut = file.kind === 'unreadable' && file.why === 'not-permitted';
  const remedy = isShut ? { remedy: 'run it as root: sudo sms-spoold check' } : {};
  throw new ConfigError(code, path, [{ key: namedBy ?? path, message, ...remedy }]);
}

/* False = there is nothing at that path, as far as this user can see. Throws ConfigError where others may write. */
function mayUse(path: string, caller: Caller): boolean {
  let found: string | null;
  try {
    if (!statSync(path).isFile()) found = 'something that is not a regular file';
    else found = othersWhoMayWrite(path, caller);
  } catch (error) {
    const code = codeOf(error) ?? '';
    /* EACCES: the folder may not be entered by this user, so that the file cannot be meant for him. */
    if (['ENOENT', 'ENOTDIR', 'EACCES', 'ELOOP'].includes(code)) return false;
    throw error;
  }
  if (found === null) return true;
  const message =
    `expected a file that only you and root may write, in such a folder; found ${found}. It was not read. ` +
    `If you trust it, name it: --config ${quoted(path)}`;
  throw new ConfigError('file-unreadable', path, [{ key: path, message }]);
}

function parseToml(path: string, text: string): RawTable {
  try {
    // The older dates are plain Date objects, the same on every Node.
    return parse(text, { useLegacyDate: true });
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const key = `${path}:${error.line}:${error.column}`;
    const problems = [{ key, message: `broken TOML: ${explain(error)}` }];
    // Neither the message's excerpt of the file nor the error itself goes on: the line may hold a
    // secret.
    throw new ConfigError('broken-toml', path, problems);
  }
}

function explain(error: TomlError): string {
  const [first = ''] = error.message.split('\n');
  const what = first.replace('Invalid TOML document: ', '');
  return what === 'invalid value' ? `${what} (text stands in quotes)` : what;
}

export interface Caller {
  readonly uid: number;
  /** A group with no other member; null = there is none, or it is not known. */
  readonly ownGid: number | null;
}

export function thisCaller(): Caller {
  const uid = process.geteuid?.() ?? 0;
  return { uid, ownGid: uid === 0 ? null : primaryGroup() };
}

/**
 * Who else may write the file at `path`, the folder it lies in, or the folder that a link leads to, continuing the
 * sentence "found …"; null = no one else. Throws what `stat` throws.
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
