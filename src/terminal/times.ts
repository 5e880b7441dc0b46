/**
 * Formats and parses times for people (local time, whole seconds). The spool holds Unix seconds; JSON output has
 * ISO-8601 in UTC.
 */
import { parseDurationMs } from '../config/duration-values.ts';

const UNITS = [
  ['d', 86_400],
  ['h', 3_600],
  ['min', 60],
  ['s', 1],
] as const;

/** Shown for a value of the spool that is no time. */
const NO_TIME = '?';

/**
 * '2026-11-23 09:15:02' in local time; '–' when null, '?' when it is no instant. The spool may hold anything
 * in place of a number, so only numbers are formatted and nothing else is shown.
 */
export function localTime(seconds: unknown): string {
  if (seconds === null) return '–';
  const date = dateOf(seconds);
  if (date === null) return NO_TIME;
  const two = (value: number): string => String(value).padStart(2, '0');
  const day = [date.getFullYear(), two(date.getMonth() + 1), two(date.getDate())].join('-');
  return `${day} ${[date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(':')}`;
}

/** '2026-11-23T09:15:02.120Z'; null when null or no instant at all. */
export function isoTime(seconds: unknown): string | null {
  return dateOf(seconds)?.toISOString() ?? null;
}

/** `row` with the named instants as `isoTime` has them. */
export function withIsoTimes<T extends object>(
  row: T,
  ...names: readonly (keyof T)[]
): Readonly<Record<string, unknown>> {
  return { ...row, ...Object.fromEntries(names.map((name) => [name, isoTime(row[name])])) };
}

function dateOf(seconds: unknown): Date | null {
  if (typeof seconds !== 'number') return null;
  const date = new Date(seconds * 1000);
  return Number.isNaN(date.getTime()) ? null : date;
}

/** A length of time in at most two units: '84 ms', '2.5 s', '3 min 20 s', '2 d 4 h'. */
export function timeSpan(seconds: number): string {
  if (!Number.isFinite(seconds)) return NO_TIME;
  if (seconds < 0) return `-${timeSpan(-seconds)}`;
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 10) return `${Math.round(seconds * 10) / 10} s`;
  let rest = Math.round(seconds);
  const words: string[] = [];
  for (const [unit, size] of UNITS) {
    const count = Math.floor(rest / size);
    rest -= count * size;
    if (count > 0) words.push(`${count} ${unit}`);
    if (words.length === 2 || (words.length === 1 && count === 0)) break;
  }
  return words.join(' ');
}

/** What `parseInstant` takes, for messages about what it refused. */
export const INSTANT_FORMS =
  'a time like 2026-11-23T09:15, 2026-11-23T09:15:00Z, Unix seconds like 1795425300, or +10m from now';

/** What `parsePastInstant` takes. */
export const PAST_FORMS =
  'a time like 2026-11-23T09:15, 2026-11-23T09:15:00Z, Unix seconds like 1795425300, or 2h for two hours ago';

/** Unix seconds of an instant that is over, as a person wrote it: as `parseInstant`, but `2h` is two hours ago. */
export function parsePastInstant(text: string, nowMs: number): number | null {
  const agoMs = parseDurationMs(text.trim().replace(/^-/, ''));
  if (agoMs !== null) return (nowMs - agoMs) / 1000;
  return text.trim().startsWith('+') ? null : parseInstant(text, nowMs);
}

const ISO = /^(\d{4})-(\d\d)-(\d\d)(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?$/i;

/**
 * Unix seconds of an instant a person wrote; null when it is none. ISO-8601 without a zone is local time,
 * `+10m` counts from `nowMs`. Whether the instant makes sense is for the spool's constraints to say.
 */
export function parseInstant(text: string, nowMs: number): number | null {
  const trimmed = text.trim();
  if (/^\d+(?:\.\d+)?$/.test(trimmed)) return Number(trimmed);
  if (trimmed.startsWith('+')) {
    const afterMs = parseDurationMs(trimmed.slice(1));
    return afterMs === null ? null : (nowMs + afterMs) / 1000;
  }
  const [, year, month, day] = ISO.exec(trimmed) ?? [];
  if (year === undefined || !isDayOfCalendar(Number(year), Number(month), Number(day))) return null;
  const local = trimmed.length === 10 ? `${trimmed}T00:00` : trimmed.replace(' ', 'T');
  const ms = Date.parse(local);
  return Number.isNaN(ms) ? null : ms / 1000;
}

/* Date.parse takes 31 February for 3 March. */
function isDayOfCalendar(year: number, month: number, day: number): boolean {
  const date = new Date(Date.UTC(year, month - 1, day));
  return date.getUTCMonth() === month - 1 && date.getUTCDate() === day;
}
