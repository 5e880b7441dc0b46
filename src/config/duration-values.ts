/**
 * Reads durations: a whole number and one unit, `250ms 30s 5m 72h 30d`. A number without a unit is refused, because
 * 30 may mean seconds or minutes.
 */
import parseDuration from 'parse-duration';
import { describe } from './found.ts';
import { plain, type Kind } from './tables.ts';
import type { Read } from './reading.ts';

const FORM = /^\d{1,12}(ms|s|m|h|d)$/;
const EXAMPLES = 'such as "30s", "5m" or "72h"';
const LONGEST = '3650d';

/** Milliseconds; null = no duration of this form. */
export function parseDurationMs(value: unknown): number | null {
  return typeof value === 'string' && FORM.test(value) ? parseDuration(value) : null;
}

/** A duration in milliseconds between two others, both included. */
export function duration(least: string, most: string = LONGEST): Kind<number, 'Ms'> {
  const expected = `a duration with its unit, ${EXAMPLES}, from ${least} to ${most}`;
  const kind = plain(expected, (value) => within(value, least, most), describeDuration);
  return { ...kind, ending: 'Ms' };
}

/** The same, or "never", which is null. */
export function durationOrNever(least: string): Kind<number | null, 'Ms'> {
  const expected = `a duration with its unit, ${EXAMPLES}, from ${least} to ${LONGEST}, or "never"`;
  const parse = (value: unknown): Read<number | null> =>
    value === 'never' ? { value: null } : within(value, least, LONGEST);
  return { ...plain(expected, parse, describeDuration), ending: 'Ms' };
}

function within(value: unknown, least: string, most: string): Read<number> {
  const durationMs = parseDurationMs(value);
  if (durationMs === null) return null;
  const leastMs = parseDurationMs(least) ?? 0;
  const mostMs = parseDurationMs(most) ?? 0;
  return durationMs >= leastMs && durationMs <= mostMs ? { value: durationMs } : null;
}

function describeDuration(value: unknown): string {
  const isBare = typeof value === 'number' || (typeof value === 'string' && /^\d+$/.test(value));
  return isBare ? `${describe(value)}, without a unit` : describe(value);
}
