/**
 * Reads plain values by their rules: numbers, names, addresses, rates.
 *
 * Always holds: what `expected` says is the whole rule, so that an operator need not try twice.
 */
import { isIP, isIPv4 } from 'node:net';
import { resolve } from 'node:path';
import type { RecipientLimit } from '../core/account/safety.ts';
import { isZone } from '../core/time/zone.ts';
import { parseDurationMs } from './duration-values.ts';
import { describe, describeConcealed } from './found.ts';
import { kindOf, plain, readEach, type Kind } from './tables.ts';
import { refuse, type KeyPlace, type Read } from './reading.ts';
import { SPANS, type LongWindow, type Rates } from '../core/window/rate-limits.ts';

const WINDOW_MAX_MS = 30 * 86_400_000;

export const flag: Kind<boolean> = plain('true or false', (value) =>
  typeof value === 'boolean' ? { value } : null,
);

export function integer(least: number, most: number): Kind<number> {
  return plain(`a whole number from ${least} to ${most}`, (value) =>
    isNumber(value) && Number.isInteger(value) && value >= least && value <= most
      ? { value }
      : null,
  );
}

export function number(least: number, most: number): Kind<number> {
  return plain(`a number from ${least} to ${most}`, (value) =>
    isNumber(value) && value >= least && value <= most ? { value } : null,
  );
}

export function oneOf<const W extends string>(words: readonly W[], why = ''): Kind<W> {
  const expected = `one of ${words.map((word) => `"${word}"`).join(', ')}${why}`;
  return plain(expected, (value) => {
    const word = words.find((each) => each === value);
    return word === undefined ? null : { value: word };
  });
}

/** An absolute path; relative ones are relative to the configuration file. */
export const path = kindOf((value, place) => {
  const name = pathName.read(value, place);
  return name === null ? null : { value: resolve(place.reading.folder, name.value) };
});

const pathName = matching('the path of a file', /^[^\0]+$/);

/** A sender as the gateway takes it (CONTRACT.md §3). */
export const sender = matching(
  'a sender in quotes, at most 15 digits (no +) or at most 11 letters and digits',
  /^(\d{1,15}|[0-9A-Za-z]{1,11})$/,
);

/** The name of an account or a group of senders: the spool takes 1 to 100 characters. */
export function nameOf(what: string): Kind<string> {
  const expected = `${what} name of 1 to 100 characters, none of them a control character`;
  return matching(expected, /^\P{Cc}{1,100}$/u);
}

/** The key half of the credentials: with a colon in it, Basic auth would cut it there. */
export const API_KEY = 'an API key in quotes, without spaces or colons';
export const apiKey = matching(API_KEY, /^[^\s\p{Cc}:]+$/u, describeConcealed);

/** A gateway code as a table's key. 0 means accepted and stays: read otherwise, messages would be sent again without end. */
export const statusCode: Kind<number> = plain(
  'a status code of the gateway, a number from 1 to 999, as the key',
  (value) =>
    typeof value === 'string' && /^[1-9]\d{0,2}$/.test(value) ? { value: Number(value) } : null,
);

/** A time of day as "HH:MM", in minutes past midnight. */
export const TIME_OF_DAY = 'a time of day from "00:00" to "23:59" in quotes, such as "21:00"';
export const timeOfDay: Kind<number, 'Minutes'> = {
  ...plain(TIME_OF_DAY, (value) => {
    const minutes = parseTimeOfDayMinutes(value);
    return minutes === null ? null : { value: minutes };
  }),
  ending: 'Minutes',
};

/** A time zone, of which summer time is known. An offset such as "+01:00" knows none. */
export const ZONE = 'a time zone by its IANA name, such as "Europe/London" or "UTC"';
export const zone: Kind<string> = plain(ZONE, (value) =>
  typeof value === 'string' && /^[A-Za-z]/.test(value) && isZone(value) ? { value } : null,
);

/** Messages to one recipient in a time: "5/h", "5/10m", "20/d". */
export const recipientLimit: Kind<RecipientLimit> = plain(
  'how many messages in what time, 1 to 1000 in at most 30 days, such as "5/h" or "5/10m"',
  (value) => {
    const form = /^([1-9]\d{0,3})\/(\d*)(s|m|h|d)$/;
    const [, count, length, unit] = (typeof value === 'string' ? form.exec(value) : null) ?? [];
    const windowMs = parseDurationMs(`${length === '' ? 1 : (length ?? '')}${unit ?? ''}`) ?? 0;
    const isRight = Number(count) <= 1_000 && windowMs >= 1_000 && windowMs <= WINDOW_MAX_MS;
    return isRight ? { value: { messages: Number(count), windowMs } } : null;
  },
);

/** HOST:PORT, the port 0 meaning any free one. */
export const listen: Kind<string> = plain(
  'an address to listen on, "HOST:PORT" with a port from 0 (any free one) to 65535, ' +
    'such as "127.0.0.1:8026" or "[::1]:8026"',
  (value) => (typeof value === 'string' && isAddress(value) ? { value } : null),
);

/** A name that a server is called by, without a port. */
export const HOST_NAMES = 'host names in quotes without a port, such as ["sms.example.com"]';
export const hostName: Kind<string> = plain(
  'a host name without a port, such as "sms.example.com"',
  (value) => (typeof value === 'string' && isHost(value) ? { value } : null),
);

/** The path of receipts; it may hold a secret. Unless written as in a URL, none would match it. */
export const urlPath: Kind<string> = plain(
  'a path that begins with "/" and is written as in a URL, such as "/receipts"',
  (value) => (typeof value === 'string' && isUrlPath(value) ? { value } : null),
  describeConcealed,
);

/** Where the gateway is, without a trailing slash. Plain http on loopback only. */
export const baseUrl = urlOf('http://127.0.0.1:8080', parseBaseUrl);

/** Where state changes are posted to, as it is written: nothing is cut off its end. */
export const webhookUrl = urlOf('http://127.0.0.1:8080/sms', (value) =>
  parseBaseUrl(value) === null ? null : { value: String(value) },
);

function urlOf(example: string, parse: (value: unknown) => Read<string>): Kind<string> {
  const expected =
    `an https:// address, or http:// on loopback such as "${example}", ` +
    'without user, password, query or fragment';
  // What follows "@" or "?" may be credentials.
  return plain(expected, parse, (value) =>
    /[@?#]/.test(String(value)) ? describeConcealed(value) : describe(value),
  );
}

/** The leading digits of recipients, without a plus sign. */
export const prefix: Kind<string> = matching(
  'leading digits of recipients in quotes, such as "1"',
  /^\d{1,15}$/,
);

function matching(
  expected: string,
  form: RegExp,
  show: (value: unknown) => string = describe,
): Kind<string> {
  const parse = (value: unknown) =>
    typeof value === 'string' && form.test(value) ? { value } : null;
  return plain(expected, parse, show);
}

function isNumber(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value);
}

/** Minutes past midnight; null = no time of day of the form "HH:MM". */
export function parseTimeOfDayMinutes(value: unknown): number | null {
  const form = /^([01]\d|2[0-3]):([0-5]\d)$/;
  const [, hours, minutes] = (typeof value === 'string' ? form.exec(value) : null) ?? [];
  return hours === undefined ? null : Number(hours) * 60 + Number(minutes);
}

function isAddress(value: string): boolean {
  const [, bracketed, bare, port] = /^(?:\[([^\]]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(value) ?? [];
  if (port === undefined || Number(port) > 65_535) return false;
  return bare === undefined ? isIP(bracketed ?? '') === 6 : isHost(bare);
}

function isHost(name: string): boolean {
  if (/^[\d.]+$/.test(name)) return isIPv4(name);
  return /^[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$/.test(name);
}

function isUrlPath(value: string): boolean {
  return value.startsWith('/') && URL.parse(value, 'http://localhost')?.pathname === value;
}

function parseBaseUrl(value: unknown): Read<string> {
  const isPlain = typeof value === 'string' && /^https?:\/\/[^\s@?#\\]+$/i.test(value);
  const url = isPlain ? URL.parse(value) : null;
  if (url === null) return null;
  const isSafe = url.protocol === 'https:' || (url.protocol === 'http:' && isLoopback(url));
  return isSafe ? { value: `${url.origin}${url.pathname.replace(/\/+$/, '')}` } : null;
}

function isLoopback({ hostname }: URL): boolean {
  if (isIPv4(hostname)) return hostname.startsWith('127.');
  return hostname === 'localhost' || hostname === '[::1]';
}

const MOST_PER_SECOND = 1_000_000;
const MOST = 1_000_000_000;

export const RATES =
  `how many per second, a number above 0 up to ${MOST_PER_SECOND}, or windows such as "30/s", ` +
  '"600/min", "10000/h" or "20000/day", one or a list of them';
const WHOLE = `a whole number from 1 to ${MOST} a minute, hour or day`;

type RateWindow = { readonly perSecond: number } | LongWindow;

/** A number per second, one window such as "600/min", or a list of windows that all hold, one of each length. */
export const rates = kindOf<Rates>((value, place) => {
  if (Array.isArray(value) && value.length === 0) return refuse(place, RATES, 'an empty list');
  if (Array.isArray(value)) return ratesOf(readEach(value, rateWindow, place), place);
  const one = rateWindow.read(value, place);
  return ratesOf(one && { value: [one.value] }, place);
});

function ratesOf(read: Read<readonly RateWindow[]>, place: KeyPlace): Read<Rates> {
  if (read === null) return null;
  const windows = read.value;
  const names = windows.map((window) => ('span' in window ? window.span : 's'));
  const twice = names.find((name, index) => names.indexOf(name) < index);
  if (twice !== undefined) {
    return refuse(place, 'at most one window of each length', `two of the length "${twice}"`);
  }
  const [perSecond = null] = windows.flatMap((one) => ('span' in one ? [] : [one.perSecond]));
  return { value: { perSecond, windows: windows.filter((one) => 'span' in one) } };
}

const rateWindow = kindOf<RateWindow>((value, place) => {
  if (typeof value === 'number') return perSecondOf(value, value, place);
  const form = /^(\d+(?:\.\d+)?)\/(\w+)$/;
  const [, digits, unit] = (typeof value === 'string' ? form.exec(value) : null) ?? [];
  if (digits === undefined) return refuse(place, RATES, describe(value));
  if (unit === 's') return perSecondOf(Number(digits), value, place);
  const span = SPANS.find((one) => one === unit);
  if (span === undefined) return refuse(place, RATES, describe(value));
  const count = Number(digits);
  const isRight = Number.isInteger(count) && count >= 1 && count <= MOST;
  return isRight ? { value: { count, span } } : refuse(place, WHOLE, describe(value));
});

function perSecondOf(perSecond: number, value: unknown, place: KeyPlace): Read<RateWindow> {
  const isRight = perSecond > 0 && perSecond <= MOST_PER_SECOND;
  return isRight ? { value: { perSecond } } : refuse(place, RATES, describe(value));
}
