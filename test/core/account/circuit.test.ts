import { expect, it } from 'vitest';
import {
  ACTIVE,
  halfOpen,
  mayPass,
  nextLookAt,
  probeWith,
  REFUSED,
  shifted,
  suspend,
  suspendAgain,
  suspendForRun,
  UNREACHABLE,
  type ProbeSchedule,
} from '../../../src/core/account/circuit.ts';
import { NOW } from '../../support/verdicts.ts';

function waits(schedule: ProbeSchedule, count: number): readonly number[] {
  let circuit = suspend('gateway-down', schedule, NOW);
  const seconds = [circuit.nextProbeAt - NOW];
  while (seconds.length < count) {
    circuit = suspendAgain(circuit, schedule, NOW);
    seconds.push(circuit.nextProbeAt - NOW);
  }
  return seconds;
}

it('a circuit asks after 2 minutes, doubling to an hour, where an account or a sender is refused', () => {
  const expected = [120, 240, 480, 960, 1920, 3600, 3600];
  expect(waits(REFUSED, 7)).toEqual(expected);
});

it('a circuit looks after 1 second, doubling to 5 minutes, where the gateway is down', () => {
  expect(waits(UNREACHABLE, 11)).toEqual([1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
});

it('a circuit never asks sooner than the first wait, whatever wait the circuit had before', () => {
  const restored = { ...suspend('invalid-credentials', UNREACHABLE, NOW), delayMs: 1 };
  expect(suspendAgain(restored, REFUSED, NOW).nextProbeAt).toBe(NOW + 120);
});

it('a circuit keeps its beginning and its reason while it is looked at again and again', () => {
  const circuit = suspend('quota-exceeded', REFUSED, NOW);
  const again = suspendAgain(halfOpen(circuit), REFUSED, NOW + 500);
  expect(again).toMatchObject({ since: NOW, reason: 'quota-exceeded', isHalfOpen: false });
});

it('a circuit lets everything, nothing, or one message through', () => {
  const shut = suspend('quota-exceeded', REFUSED, NOW);
  expect(mayPass(ACTIVE)).toBe('all');
  expect(mayPass({ kind: 'paused', since: NOW })).toBe('none');
  expect(mayPass(shut)).toBe('none');
  expect(mayPass(halfOpen(shut))).toBe('one');
  expect(mayPass(probeWith(halfOpen(shut), 7))).toBe('none');
});

it('a circuit names when it is looked at next only while it is shut by itself', () => {
  const shut = suspend('quota-exceeded', REFUSED, NOW);
  expect(nextLookAt(shut)).toBe(NOW + 120);
  expect(nextLookAt(halfOpen(shut))).toBeNull();
  expect(nextLookAt({ kind: 'paused', since: NOW })).toBeNull();
  expect(nextLookAt(ACTIVE)).toBeNull();
});

it.each([0, 3_600, -3_600])(
  'a circuit looks as soon as it was to when the wall clock is set by %i seconds',
  (seconds) => {
    const shut = shifted(suspend('gateway-down', UNREACHABLE, NOW), seconds);
    expect(shut).toMatchObject({ since: NOW + seconds, nextProbeAt: NOW + seconds + 1 });
  },
);

it('a circuit goes on with a run as soon as it was to when the clock is set back while a probe is out', () => {
  const run = { id: 1, reason: 'not-whitelisted', refused: 1 } as const;
  const after = (setBy: number): number =>
    suspendForRun(run, { since: NOW, from: NOW, now: NOW + setBy }).nextProbeAt - (NOW + setBy);
  expect([after(0), after(-3_600), after(3_600)]).toEqual([1, 1, 0]);
});
