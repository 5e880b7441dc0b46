/** Windows longer than a second: what they let through, when they free, and what they know after a restart. */
import { describe, expect, it } from 'vitest';
import {
  usageWindowOf,
  fits,
  setSince,
  type UsageWindow,
  type UsageState,
  type Instant,
} from '../../../src/core/window/usage-window.ts';
import type { LongWindow } from '../../../src/core/window/rate-limits.ts';
import { Zone } from '../../../src/core/time/zone.ts';

/** 2027-06-01T12:00:00Z. */
const NOON = 1_811_851_200;

function setup(window: LongWindow, zone = 'UTC', startsAt = NOON) {
  let at: Instant = { now: startsAt, nowMs: 5_000 };
  let cap: UsageWindow = usageWindowOf(window, new Zone(zone));
  /** One of that cost goes and is answered at once, if it fits. */
  const send = (cost = 1): boolean => {
    if (!fits(cap, cost, at)) return false;
    cap.close({ cost, key: cap.open(cost, at) }, cost, at);
    return true;
  };
  const pass = (seconds: number): void => {
    at = { now: at.now + seconds, nowMs: at.nowMs + seconds * 1000 };
  };
  /** The wall clock is set; the other one is not. */
  const set = (seconds: number): void => {
    at = { ...at, now: at.now + seconds };
  };
  /** Dies, and begins again so much later. */
  const restart = (seconds: number, setS = 0): void => {
    const state: UsageState = { ...cap.save(at), boot: { id: 'boot', ms: at.nowMs } };
    const boot = { id: 'boot', ms: at.nowMs + seconds * 1000 };
    at = { now: at.now + seconds + setS, nowMs: 77 };
    cap = usageWindowOf(window, new Zone(zone));
    cap.restore(state, at, setSince(state, boot, at.now));
  };
  const freesInS = (cost = 1): number | null => {
    const freesAt = cap.freesAt(cost, at);
    return freesAt === null ? null : (freesAt - at.nowMs) / 1000;
  };
  return { cap: () => cap, at: () => at, send, pass, set, restart, freesInS };
}

const sendMany = (send: () => boolean, most = 1_000): number => {
  let count = 0;
  while (count < most && send()) count += 1;
  return count;
};

describe('a minute', () => {
  it('a minute lets all of its number through at once, and no more until a whole minute is over', () => {
    const { send, pass, freesInS } = setup({ count: 600, span: 'min' });
    expect(sendMany(send)).toBe(600);
    expect(freesInS()).toBeGreaterThanOrEqual(60);
    expect(freesInS()).toBeLessThanOrEqual(60.5);
    pass(60);
    expect(send()).toBe(false);
    pass(0.5);
    expect(sendMany(send)).toBe(600);
  });

  it.each([8 * 3_600, -3_600])(
    'a minute knows what was used, open and answered, though the clock is set by %d s while nobody runs',
    (setS) => {
      const { cap, at, send, pass, restart } = setup({ count: 5, span: 'min' });
      expect(sendMany(send, 4)).toBe(4);
      cap().open(1, at());
      restart(10, setS);
      expect(send()).toBe(false);
      pass(50.6);
      expect(sendMany(send)).toBe(4);
      pass(15);
      expect(send()).toBe(true);
    },
  );

  it('a minute gives back what was used as it grows old, however it was spread', () => {
    const { send, pass } = setup({ count: 10, span: 'min' });
    for (let one = 0; one < 10; one += 1) {
      expect(send()).toBe(true);
      pass(5);
    }
    expect(send()).toBe(false);
    pass(11);
    expect(sendMany(send)).toBe(1);
    pass(5);
    expect(sendMany(send)).toBe(1);
  });

  it('a minute counts what is out until its answer, and from then on a minute more', () => {
    const { cap, at, send, pass, freesInS } = setup({ count: 1, span: 'min' });
    const key = cap().open(1, at());
    pass(300);
    expect(send()).toBe(false);
    expect(freesInS()).toBeNull();
    cap().close({ cost: 1, key }, 1, at());
    expect(send()).toBe(false);
    pass(60.5);
    expect(send()).toBe(true);
  });

  it('a minute lets a message that is larger than itself through alone', () => {
    const { send, pass, freesInS } = setup({ count: 4, span: 'min' });
    expect(send()).toBe(true);
    expect(send(9)).toBe(false);
    expect(freesInS(9)).toBeGreaterThanOrEqual(60);
    pass(60.5);
    expect(send(9)).toBe(true);
    pass(59);
    expect(send()).toBe(false);
    pass(1.5);
    expect(send()).toBe(true);
  });

  it.each([3_600, -3_600, 8 * 3_600])(
    'a minute takes no notice of a clock that is set by %d s',
    (stepS) => {
      const { send, pass, set } = setup({ count: 5, span: 'min' });
      expect(sendMany(send)).toBe(5);
      set(stepS);
      pass(59);
      expect(send()).toBe(false);
      pass(1.5);
      expect(sendMany(send)).toBe(5);
    },
  );

  it.each([20, 59, 61, 3_600])(
    'a minute knows after a restart %d s later what is used',
    (downS) => {
      const { send, pass, restart } = setup({ count: 5, span: 'min' });
      expect(sendMany(send, 3)).toBe(3);
      restart(downS);
      expect(sendMany(send)).toBe(downS > 60 ? 5 : 2);
      pass(Math.max(0, 60.6 - downS));
      expect(sendMany(send)).toBe(downS > 60 ? 0 : 3);
    },
  );

  it('a minute is as exact after many restarts as after one', () => {
    const { send, pass, restart } = setup({ count: 3, span: 'h' });
    expect(sendMany(send)).toBe(3);
    for (let count = 0; count < 360; count += 1) {
      restart(1);
      pass(9);
    }
    pass(31);
    expect(sendMany(send)).toBe(3);
  });

  it('a minute believes that what was out when it died has left', () => {
    const { cap, at, send, pass, restart } = setup({ count: 2, span: 'min' });
    cap().open(1, at());
    restart(1);
    expect(sendMany(send)).toBe(1);
    pass(61);
    expect(send()).toBe(false);
    pass(5);
    expect(sendMany(send)).toBe(2);
  });
});

describe('a day', () => {
  it.each([
    ['UTC', 12],
    ['Europe/London', 11],
    ['America/New_York', 16],
    ['Asia/Kolkata', 6.5],
  ])('a day ends at midnight in %s', (zone, hours) => {
    const { send, pass, freesInS } = setup({ count: 7, span: 'day' }, zone);
    expect(sendMany(send)).toBe(7);
    expect(freesInS()).toBe(hours * 3_600);
    pass(hours * 3_600 - 1);
    expect(send()).toBe(false);
    pass(1);
    expect(sendMany(send)).toBe(7);
  });

  it.each([
    ['2027-03-27T00:00:00Z', 24],
    ['2027-03-28T00:00:00Z', 23],
    ['2027-10-30T23:00:00Z', 25],
  ])('a day of a change of summer time is as long as it is: %s', (startsAt, hours) => {
    const began = Date.parse(startsAt) / 1000;
    const { send, freesInS } = setup({ count: 1, span: 'day' }, 'Europe/London', began);
    expect(send()).toBe(true);
    expect(freesInS()).toBe(hours * 3_600);
  });

  it('a day is not started again by a clock that is set over midnight and back', () => {
    const { send, set, pass } = setup({ count: 3, span: 'day' }, 'UTC', NOON + 11.5 * 3_600);
    expect(sendMany(send)).toBe(3);
    set(3_600);
    expect(sendMany(send, 2)).toBe(2);
    set(-3_600);
    expect(send()).toBe(false);
    pass(1_800);
    expect(sendMany(send)).toBe(1);
  });

  it('a day counts what is out at midnight in both days', () => {
    const { cap, at, send, pass } = setup({ count: 3, span: 'day' }, 'UTC', NOON + 12 * 3_600 - 1);
    const key = cap().open(1, at());
    expect(sendMany(send)).toBe(2);
    pass(2);
    expect(sendMany(send)).toBe(2);
    cap().close({ cost: 1, key }, 1, at());
    expect(send()).toBe(false);
  });

  it.each([
    ['the same day', 3_600, 0],
    ['just after midnight', 12 * 3_600 + 1, 3],
    ['days later', 50 * 3_600, 4],
  ])('a day knows after a restart what is used: %s', (_when, downS, left) => {
    const startsAt = downS > 12 * 3_600 && downS < 13 * 3_600 ? NOON + 12 * 3_600 - 1 : NOON;
    const { cap, at, send, restart } = setup({ count: 4, span: 'day' }, 'UTC', startsAt);
    expect(sendMany(send, 3)).toBe(3);
    cap().open(1, at());
    restart(startsAt === NOON ? downS : 2);
    expect(sendMany(send)).toBe(left);
  });

  it('a day is given back what never left, and charged what there was more of', () => {
    const { cap, at, send } = setup({ count: 10, span: 'day' });
    const first = { cost: 3, key: cap().open(3, at()) };
    const second = { cost: 3, key: cap().open(3, at()) };
    expect(cap().used(at())).toBe(6);
    cap().close(first, 0, at());
    cap().close(second, 5, at());
    expect(cap().used(at())).toBe(5);
    expect(sendMany(send)).toBe(5);
  });
});
