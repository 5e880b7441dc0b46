/**
 * Reads secrets in their four forms: { env }, { file }, { credential }, or a bare string, which draws a warning.
 *
 * Always holds: nothing of a secret is in any problem or warning; names of variables and files are shown. Where
 * secrets are left, no variable and no file is read.
 */
import { isAbsolute, join, resolve } from 'node:path';
import { describeConcealed, quote } from './found.ts';
import { inside, refuse, warn, type KeyPlace, type Read } from './reading.ts';
import { readTextFile, type TextFile } from './text-file.ts';
import { isTable, kindOf, readEach, type Kind, type RawTable } from './tables.ts';
import { quoted } from '../core/text/escape.ts';

/** What a secret may look like in the file. */
export const SECRET_FORMS = '{ env = "…" }, { file = "…" } or { credential = "…" }';

/** A secret that was left where it is. */
const LEFT: Read<string> = { value: '' };

const SOURCES = { env: fromEnvironment, file: fromFile, credential: fromCredential } as const;

export const secret: Kind<string> = kindOf(readSecret);

/** One secret or a list of them; always a list when read. */
export const secrets: Kind<readonly string[], 's'> = { ...kindOf(readSecrets), ending: 's' };

function readSecret(value: unknown, place: KeyPlace): Read<string> {
  if (typeof value === 'string') return readBare(value, place);
  if (!isTable(value)) return refuse(place, `a secret, ${SECRET_FORMS}`, describeConcealed(value));
  return readSourced(value, place);
}

function readSecrets(value: unknown, place: KeyPlace): Read<readonly string[]> {
  if (!Array.isArray(value)) {
    const one = readSecret(value, place);
    return one === null ? null : { value: [one.value] };
  }
  if (value.length === 0) return refuse(place, 'at least one secret', 'an empty list');
  return readEach(value, secret, place);
}

function readBare(value: string, place: KeyPlace): Read<string> {
  const read = accept(value, place, 'the string');
  const { file, secretFiles, secretOrigins } = place.reading;
  secretOrigins.set(place.key, { from: 'configuration', path: file });
  if (read !== null && file !== null) secretFiles.add(file);
  if (read !== null) warn(place, `the secret stands in the file itself; better ${SECRET_FORMS}`);
  return read !== null && isLeft(place) ? LEFT : read;
}

function readSourced(value: RawTable, place: KeyPlace): Read<string> {
  const [source, ...others] = Object.keys(value);
  if (source === undefined || others.length > 0 || !isSource(source)) {
    const found = source === undefined ? 'an empty table' : describeNames(value);
    return refuse(place, `a secret, exactly one of ${SECRET_FORMS}`, found);
  }
  const name = value[source];
  if (typeof name !== 'string' || name === '') {
    return refuse(inside(place, source), 'a name in quotes', describeConcealed(name));
  }
  return SOURCES[source](name, place);
}

/* What is wrong with the secret itself, and not with how the configuration names it. */
function unread(place: KeyPlace, expected: string, found: string, remedy: string): Read<string> {
  if (place.reading.secrets !== 'try') return refuse(place, expected, found, remedy);
  const message = `expected ${expected}; found ${found}`;
  place.reading.unreadSecrets.push({ key: place.key, message, remedy });
  return LEFT;
}

function fromEnvironment(name: string, place: KeyPlace): Read<string> {
  if (!/^[A-Za-z_]\w*$/.test(name)) {
    const expected = 'the name of an environment variable, letters, digits and _';
    return refuse(inside(place, 'env'), expected, describeConcealed(name));
  }
  place.reading.secretOrigins.set(place.key, { from: 'env', path: null });
  if (isLeft(place)) return LEFT;
  // Somebody may write the secret itself here. What is not in capitals as names are is therefore
  // not shown.
  const variable = /^[A-Z0-9_]+$/.test(name) ? name : 'named there';
  // Its own variables only: `toString` is in every object.
  const { env } = place.reading;
  const value = Object.hasOwn(env, name) ? env[name] : undefined;
  if (value === undefined || value === '') {
    const found = value === undefined ? 'it unset' : 'it empty';
    const remedy =
      `set the variable where the program is started; for the service: systemctl edit sms-spoold, ` +
      `EnvironmentFile=… in [Service], then systemctl restart sms-spoold`;
    return unread(place, `a secret in the environment variable ${variable}`, found, remedy);
  }
  return accept(value, place, `the environment variable ${variable}`);
}

function fromFile(name: string, place: KeyPlace): Read<string> {
  const path = resolve(place.reading.folder, name);
  place.reading.secretOrigins.set(place.key, { from: 'file', path });
  return isLeft(place) ? LEFT : readSecretFile(path, place);
}

function fromCredential(name: string, place: KeyPlace): Read<string> {
  if (/[/\0]/.test(name) || name === '.' || name === '..') {
    return refuse(inside(place, 'credential'), 'the name of a systemd credential', quote(name));
  }
  const folder = place.reading.env['CREDENTIALS_DIRECTORY'] ?? '';
  const path = isAbsolute(folder) ? join(folder, name) : null;
  place.reading.secretOrigins.set(place.key, { from: 'credential', path });
  if (isLeft(place)) return LEFT;
  if (path === null) {
    const expected = `the systemd credential ${name} (LoadCredential=${name}:FILE)`;
    const remedy =
      'run it as root: sudo sms-spoold check; only the service gets credentials, and root reads what they ' +
      'are copied from';
    return unread(place, expected, 'no $CREDENTIALS_DIRECTORY', remedy);
  }
  return readSecretFile(path, place);
}

function readSecretFile(path: string, place: KeyPlace): Read<string> {
  const file = readTextFile(path);
  if (file.kind === 'text') {
    place.reading.secretFiles.add(path);
    return accept(file.text.replace(/[\r\n]+$/, ''), place, `the file ${quote(path)}`);
  }
  const found = file.kind === 'missing' ? 'no such file' : file.found;
  const expected = `a readable file with a secret at ${quote(path)}`;
  return unread(place, expected, found, remedyForFile(path, file));
}

function remedyForFile(path: string, file: Exclude<TextFile, { kind: 'text' }>): string {
  const name = quoted(path);
  if (file.kind === 'missing') return `put the secret there: install -m 0600 /dev/stdin ${name}`;
  switch (file.why) {
    case 'not-permitted':
      return (
        `run it as root: sudo sms-spoold check; where the daemon's own user may not read it: ` +
        `chgrp sms-spoold ${name} && chmod 0640 ${name}, or usermod -aG "$(stat -c %G ${name})" USER`
      );
    case 'directory':
      return `name the file in it that holds the secret, or remove it: rmdir ${name}`;
    case 'other':
      return `write the secret again, as one line of plain text: install -m 0600 /dev/stdin ${name}`;
  }
}

/** A secret is one line with something on it; more is a wrong file. */
function accept(value: string, place: KeyPlace, where: string): Read<string> {
  if (value.trim() === '') {
    return unread(place, `a secret in ${where}`, 'nothing', 'write the secret there, as one line');
  }
  if (/\p{Cc}/u.test(value)) {
    const found = 'line breaks or control characters';
    const remedy = 'keep the one line that is the secret, without a carriage return at its end';
    return unread(place, `a secret of one line in ${where}`, found, remedy);
  }
  return { value };
}

function isLeft(place: KeyPlace): boolean {
  return place.reading.secrets === 'leave';
}

function isSource(name: string): name is keyof typeof SOURCES {
  return Object.hasOwn(SOURCES, name);
}

function describeNames(value: RawTable): string {
  return `a table with ${Object.keys(value).map(quote).join(', ')}`;
}
