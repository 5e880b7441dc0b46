/** Quiet hours as people's clocks have them: over midnight, over both changes of the clock, in odd zones. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { QuietHours, type QuietRule } from '../../../src/core/time/quiet-hours.ts';

type Asked = [recipient: string, priority: number, now: number, rules: readonly QuietRule[]];

const at = (iso: string): number => Date.parse(iso) / 1000;
const minutesOf = (time: string): number => {
  const [hours = 0, minutes = 0] = time.split(':').map(Number);
  return hours * 60 + minutes;
};
const rule = (from: string, to: string, over: Partial<QuietRule> = {}): QuietRule => ({
  fromMinutes: minutesOf(from),
  toMinutes: minutesOf(to),
  zone: 'Europe/London',
  prefixes: [],
  belowPriority: 7,
  ...over,
});
/** Asked once, without what an earlier question left in the cache. */
const quietUntil = (...[recipient, priority, now, rules]: Asked): number | null =>
  new QuietHours(rules).until(recipient, priority, now);
const untilOf = (now: string, ...rules: readonly QuietRule[]): string | null => {
  const until = quietUntil('447700900000', 4, at(now), rules);
  return until === null ? null : new Date(until * 1000).toISOString().slice(0, 16);
};

const NEW_YORK = { zone: 'America/New_York' };
const INDIA = { zone: 'Asia/Kolkata' };
const LORD_HOWE = { zone: 'Australia/Lord_Howe' };

describe('a message', () => {
  it.each([
    ['20:59 on a winter day', '2026-01-10T20:59:59Z', null],
    ['21:00', '2026-01-10T21:00:00Z', '2026-01-11T08:00'],
    ['midnight', '2026-01-11T00:00:00Z', '2026-01-11T08:00'],
    ['07:59', '2026-01-11T07:59:59.999Z', '2026-01-11T08:00'],
    ['08:00', '2026-01-11T08:00:00Z', null],
    ['20:59 on a summer day', '2026-07-10T19:59:59Z', null],
    ['21:00 on a summer day', '2026-07-10T20:00:00Z', '2026-07-11T07:00'],
  ])('dropped at %s waits until the quiet time over midnight ends', (_what, now, until) => {
    expect(untilOf(now, rule('21:00', '08:00'))).toBe(until);
  });

  it.each([
    ['2026-07-10T11:59:00Z', '2026-07-10T12:00'],
    ['2026-07-10T12:00:00Z', null],
    ['2026-07-10T10:59:00Z', null],
  ])('a message at %s waits through a quiet time within one day', (now, until) => {
    expect(untilOf(now, rule('12:00', '13:00'))).toBe(until);
  });

  it('a message goes all the same from the priority on that the rule names', () => {
    const night = at('2026-01-11T00:00:00Z');
    const asked = (priority: number, belowPriority: number): number | null =>
      quietUntil('447700900000', priority, night, [rule('21:00', '08:00', { belowPriority })]);
    expect([6, 7, 9].map((priority) => asked(priority, 7) === null)).toEqual([false, true, true]);
    expect(asked(9, 10)).not.toBeNull();
  });

  it.each([
    ['447700900000', true],
    ['+447700900000', true],
    ['12015550123', false],
    ['4917700900000', false],
  ])('a message to %s is meant by the prefix 44: %s', (recipient, isQuiet) => {
    const rules = [rule('21:00', '08:00', { prefixes: ['44', '353'] })];
    const until = quietUntil(recipient, 4, at('2026-01-11T00:00:00Z'), rules);
    expect(until !== null).toBe(isQuiet);
  });

  it('a message waits for the latest end where several quiet times hold it', () => {
    const rules = [rule('21:00', '08:00'), rule('20:00', '09:00'), rule('00:00', '23:59', INDIA)];
    const until = untilOf('2026-01-10T23:00:00Z', ...rules);
    expect(until).toBe('2026-01-11T18:29');
  });

  it('a message is not held where nothing is configured', () => {
    expect(untilOf('2026-01-11T00:00:00Z')).toBeNull();
  });
});

describe('when the clock is put forward', () => {
  it.each([
    ['London', '2026-03-28T23:00:00Z', rule('21:00', '08:00'), '2026-03-29T07:00'],
    ['New York', '2026-03-08T05:00:00Z', rule('21:00', '08:00', NEW_YORK), '2026-03-08T12:00'],
  ])('the night in %s is an hour shorter', (_where, now, night, until) => {
    expect(untilOf(now, night)).toBe(until);
  });

  it.each([
    ['London', '2026-03-29T00:30:00Z', rule('21:00', '01:30'), '2026-03-29T01:00'],
    ['New York', '2026-03-08T06:30:00Z', rule('21:00', '02:30', NEW_YORK), '2026-03-08T07:00'],
    ['Lord Howe', '2026-10-03T15:00:00Z', rule('21:00', '02:15', LORD_HOWE), '2026-10-03T15:30'],
  ])('an end that does not come in %s is where the clock jumps', (_where, now, night, until) => {
    expect(untilOf(now, night)).toBe(until);
  });

  it.each([
    ['2026-03-29T00:59:59Z', null],
    ['2026-03-29T01:00:00Z', '2026-03-29T07:00'],
  ])('a begin that does not come is where the clock jumps: %s', (now, until) => {
    expect(untilOf(now, rule('01:30', '08:00'))).toBe(until);
  });

  it('a quiet time that lies in the missing hour is none, and comes back the next day', () => {
    const [hours, zoned] = [rule('01:15', '01:45'), rule('02:15', '02:45', NEW_YORK)];
    for (const minute of ['00:59:59', '01:00:00', '01:20:00']) {
      expect(untilOf(`2026-03-29T${minute}Z`, hours)).toBeNull();
    }
    expect(untilOf('2026-03-08T07:00:00Z', zoned)).toBeNull();
    expect(untilOf('2026-03-30T00:20:00Z', hours)).toBe('2026-03-30T00:45');
  });
});

describe('when the clock is set back', () => {
  it.each([
    ['London', '2026-10-24T23:00:00Z', rule('21:00', '08:00'), '2026-10-25T08:00'],
    ['New York', '2026-11-01T03:00:00Z', rule('21:00', '08:00', NEW_YORK), '2026-11-01T13:00'],
  ])('the night in %s is an hour longer', (_where, now, night, until) => {
    expect(untilOf(now, night)).toBe(until);
  });

  it.each([
    ['before', '2026-10-25T00:15:00Z'],
    ['in the gap between both comings', '2026-10-25T00:45:00Z'],
    ['in the second', '2026-10-25T01:15:00Z'],
  ])('an end that comes twice ends it the second time: %s', (_when, now) => {
    expect(untilOf(now, rule('21:00', '01:30'))).toBe('2026-10-25T01:30');
  });

  it('a begin that comes twice begins it the first time', () => {
    const night = rule('01:30', '08:00', NEW_YORK);
    expect(untilOf('2026-11-01T05:29:59Z', night)).toBeNull();
    expect(untilOf('2026-11-01T05:30:00Z', night)).toBe('2026-11-01T13:00');
    expect(untilOf('2026-11-01T06:10:00Z', night)).toBe('2026-11-01T13:00');
  });

  it('the clock is set back by half an hour where the zone does so', () => {
    const night = rule('21:00', '01:45', LORD_HOWE);
    expect(untilOf('2026-04-04T14:30:00Z', night)).toBe('2026-04-04T15:15');
  });
});

describe('zones an odd half-hour away', () => {
  it('zones an odd half-hour away are quiet by their own clock', () => {
    const night = rule('21:00', '08:00', INDIA);
    expect(untilOf('2026-07-10T15:29:59Z', night)).toBeNull();
    expect(untilOf('2026-07-10T15:30:00Z', night)).toBe('2026-07-11T02:30');
  });
});

describe('what is remembered of a rule', () => {
  const ZONES = ['UTC', 'Europe/London', 'America/New_York', 'Asia/Kolkata', 'Australia/Lord_Howe'];

  it('what is remembered of a rule never makes another answer than a first question, whichever way the clock is moved', () => {
    const minute = fc.integer({ min: 0, max: 1439 });
    const rules = fc.record({ from: minute, gap: fc.integer({ min: 1, max: 1439 }) });
    const instants = fc.integer({
      min: at('2026-03-01T00:00:00Z'),
      max: at('2026-11-10T00:00:00Z'),
    });
    fc.assert(
      fc.property(
        fc.constantFrom(...ZONES),
        rules,
        fc.array(instants, { minLength: 1, maxLength: 12 }),
        (zone, { from, gap }, nows) => {
          const one = {
            ...rule('00:00', '00:00', { zone }),
            fromMinutes: from,
            toMinutes: (from + gap) % 1440,
          };
          const hours = new QuietHours([one]);
          for (const now of nows.flatMap((each) => [each, each + 1, each - 1800, each + 7200])) {
            const until = hours.until('447700900000', 4, now);
            expect(until).toBe(quietUntil('447700900000', 4, now, [one]));
            if (until !== null) expect(until).toBeGreaterThan(now);
          }
        },
      ),
    );
  });
});
