/**
 * Computes local time in a named time zone, by the zone's own rules of summer time.
 *
 * Always holds: a time that comes twice is asked for by its first or its last coming; one that is skipped is the instant
 * at which the clock jumps over it. No clock: instants are Unix seconds and come in as arguments.
 */
const DAY_S = 86_400;

/** A local time that comes twice, when the clock is set back. */
export type Coming = 'first' | 'last';

export interface LocalDay {
  /** Days since 1 January 1970. */
  readonly number: number;
  /** From which instant to which it lasts. */
  readonly from: number;
  readonly to: number;
}

export class Zone {
  readonly #format: Intl.DateTimeFormat;
  /** The day that was asked for last. */
  #day: LocalDay = { number: 0, from: Infinity, to: -Infinity };

  /** `name` as the IANA database has it. Throws RangeError where it has none such. */
  constructor(name: string) {
    this.#format = new Intl.DateTimeFormat('en-US', {
      timeZone: name,
      calendar: 'gregory',
      numberingSystem: 'latn',
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    });
  }

  /** How far local time is ahead of UTC at an instant (seconds). */
  offsetAt(at: number): number {
    const whole = Math.floor(at);
    const parts = new Map(
      this.#format.formatToParts(whole * 1000).map(({ type, value }) => [type, Number(value)]),
    );
    const part = (type: Intl.DateTimeFormatPartTypes): number => parts.get(type) ?? 0;
    const date = [part('year'), part('month') - 1, part('day')] as const;
    return Date.UTC(...date, part('hour'), part('minute'), part('second')) / 1000 - whole;
  }

  /** The local day at an instant, in days since 1 January 1970. */
  dayAt(at: number): number {
    return Math.floor((at + this.offsetAt(at)) / DAY_S);
  }

  /** The local day at an instant. */
  dayAround(at: number): LocalDay {
    if (at >= this.#day.from && at < this.#day.to) return this.#day;
    const number = this.dayAt(at);
    const ends = [1, 2].flatMap((ahead) =>
      (['first', 'last'] as const).map((coming) => this.instantOf(number + ahead, 0, coming)),
    );
    const from = this.instantOf(number, 0, 'first');
    this.#day = { number, from, to: Math.min(...ends.filter((end) => end > at)) };
    return this.#day;
  }

  /** The instant `minutes` past midnight on a local day, as `dayAt` counts them. */
  instantOf(day: number, minutes: number, coming: Coming): number {
    const local = day * DAY_S + minutes * 60;
    const before = this.offsetAt(local - DAY_S);
    const after = this.offsetAt(local + DAY_S);
    const instants = [local - before, local - after].filter(
      (at) => at + this.offsetAt(at) === local,
    );
    if (instants.length === 0) return this.#jumpBetween(local - after, local - before);
    return coming === 'first' ? Math.min(...instants) : Math.max(...instants);
  }

  /* The second at which the offset changes. */
  #jumpBetween(from: number, to: number): number {
    const offset = this.offsetAt(from);
    let [last, first] = [from, to];
    while (first - last > 1) {
      const middle = Math.floor((first + last) / 2);
      if (this.offsetAt(middle) === offset) last = middle;
      else first = middle;
    }
    return first;
  }
}

/** Whether this machine knows a zone of that name. */
export function isZone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone !== '';
  } catch {
    return false;
  }
}

/** Gives zones by name, one and the same for one name. Throws RangeError where there is none such. */
export function zones(): (name: string) => Zone {
  const known = new Map<string, Zone>();
  return (name) => {
    const zone = known.get(name) ?? new Zone(name);
    known.set(name, zone);
    return zone;
  };
}
