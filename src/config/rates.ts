/**
 * `rate`: how many in which time, as a number per second, one window such as "600/min", or a list of windows
 * that all hold.
 *
 * Always holds: what `expected` says is the whole rule; of each length there is one window at most.
 */
import { SPANS, type LongWindow, type Rates, type Span } from '../core/rate-rules.ts';
import { describe } from './found.ts';
import { refuse, type Place, type Read } from './reading.ts';
import type { Kind } from './tables.ts';

const MOST_PER_SECOND = 1_000_000;
const MOST = 1_000_000_000;

export const RATES =
  `how many per second, a number above 0 up to ${MOST_PER_SECOND}, or windows such as "30/s", ` +
  '"600/min", "10000/h" or "20000/day", one or a list of them';
const WHOLE = `a whole number from 1 to ${MOST} a minute, hour or day`;

type Window = { readonly perSecond: number } | LongWindow;

export const rates: Kind<Rates> = {
  read: (value: unknown, place: Place): Read<Rates> => {
    if (!Array.isArray(value)) return ratesOf([readWindow(value, place)], place);
    if (value.length === 0) return refuse(place, RATES, 'an empty list');
    const each = value.map((one: unknown, index) =>
      readWindow(one, { ...place, key: `${place.key}[${index}]` }),
    );
    return ratesOf(each, place);
  },
  keys: null,
  isNamed: false,
};

function ratesOf(each: readonly (Window | null)[], place: Place): Read<Rates> {
  const windows = each.filter((one) => one !== null);
  if (windows.length < each.length) return null;
  const names = windows.map(nameOf);
  const twice = names.find((name, index) => names.indexOf(name) < index);
  if (twice !== undefined) {
    return refuse(place, 'at most one window of each length', `two of the length "${twice}"`);
  }
  const [perSecond = null] = windows.flatMap((one) => ('span' in one ? [] : [one.perSecond]));
  return { value: { perSecond, windows: windows.filter((one) => 'span' in one) } };
}

function nameOf(window: Window): Span | 's' {
  return 'span' in window ? window.span : 's';
}

function readWindow(value: unknown, place: Place): Window | null {
  if (typeof value === 'number') return perSecondOf(value, value, place);
  const form = /^(\d+(?:\.\d+)?)\/(\w+)$/;
  const [, digits, unit] = (typeof value === 'string' ? form.exec(value) : null) ?? [];
  if (digits === undefined) return refuse(place, RATES, describe(value));
  if (unit === 's') return perSecondOf(Number(digits), value, place);
  const span = SPANS.find((one) => one === unit);
  if (span === undefined) return refuse(place, RATES, describe(value));
  const count = Number(digits);
  const isRight = Number.isInteger(count) && count >= 1 && count <= MOST;
  return isRight ? { count, span } : refuse(place, WHOLE, describe(value));
}

function perSecondOf(perSecond: number, value: unknown, place: Place): Window | null {
  const isRight = perSecond > 0 && perSecond <= MOST_PER_SECOND;
  return isRight ? { perSecond } : refuse(place, RATES, describe(value));
}
