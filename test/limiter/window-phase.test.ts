/** Where the gateway's windows lie, from the texts of its refusals and nothing else. */
import { describe, expect, it } from 'vitest';
import { normal, randomOf } from '../bench/limits-clock.ts';
import { WindowPhase } from '../../src/limiter/window-phase.ts';

const PHASE = 377;

function setup(deviation = 15, seed = 1) {
  const random = randomOf(seed);
  const learned = new WindowPhase();
  const way = (): number => Math.max(1, normal(random, 40, deviation));
  /** A request that leaves then is refused, and its text names the window; the phase may have moved. */
  const refuse = (sentAtMs: number, phase = PHASE): void => {
    const there = way();
    const rttMs = there + way();
    const into = (((sentAtMs + there - phase) % 1000) + 1000) % 1000;
    const leftMs = 1000 - Math.floor(into);
    learned.saw({ permitAtMs: sentAtMs, rttMs, leftMs, intervalMs: 1000 });
  };
  for (let count = 0; count < 200; count += 1) learned.travelled(way() + way());
  /** How far the window's start is from where a request would have to leave to meet it. */
  const off = (phase = PHASE): number => {
    const away = (((learned.schedule(30)?.startsAt ?? NaN) - (phase - 40)) % 1000) + 1000;
    return Math.abs(((away + 500) % 1000) - 500);
  };
  return { learned, refuse, off };
}

describe('the schedule', () => {
  it('the schedule is not known before a text has named the window', () => {
    expect(setup().learned.schedule(30)).toBeNull();
  });

  it('the schedule is met by one text as well as the way allows', () => {
    for (let seed = 1; seed <= 20; seed += 1) {
      const { refuse, off, learned } = setup(15, seed);
      refuse(12_345);
      expect(off()).toBeLessThan(learned.schedule(30)?.marginMs ?? 0);
    }
  });

  it('the schedule is met better by more of them', () => {
    const { refuse, off } = setup();
    for (let at = 10_000; at < 40_000; at += 1_037) refuse(at);
    expect(off()).toBeLessThan(12);
  });

  it('the schedule follows a clock that drifts, and one that jumps', () => {
    const { refuse, off } = setup();
    for (let count = 0; count < 60; count += 1) refuse(count * 1_037, PHASE + count);
    expect(off(PHASE + 60)).toBeLessThan(20);
    refuse(100_000, PHASE + 500);
    expect(off(PHASE + 500)).toBeLessThan(60);
  });

  it('the schedule is as wide at its edges as the way is uneven, and given up where that is too much', () => {
    const quiet = setup(2);
    quiet.refuse(0);
    expect(quiet.learned.schedule(30)?.marginMs).toBe(20);
    const rough = setup(120);
    rough.refuse(0);
    expect(rough.learned.schedule(30)).toBeNull();
  });

  it('the schedule is forgotten when told', () => {
    const { learned, refuse } = setup();
    refuse(0);
    learned.forget();
    expect(learned.schedule(30)).toBeNull();
  });
});
