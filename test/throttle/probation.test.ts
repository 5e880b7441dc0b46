/** Half-open: one message first, and nothing is stuck when its answer never comes. */
import { expect, it } from 'vitest';
import { Probation } from '../../src/throttle/probation.ts';

function setup() {
  const probation = new Probation();
  probation.begin();
  return probation;
}

it('lets everything pass before the first wait', () => {
  expect(new Probation().allows(0)).toBe(Infinity);
  expect(new Probation().answered(0)).toBe(false);
});

it('lets one pass after a wait, and all once that one is answered', () => {
  const probation = setup();
  expect(probation.allows(10)).toBe(1);
  probation.spent(10);
  expect(probation.allows(11)).toBe(0);
  expect(probation.answered(10)).toBe(true);
  expect(probation.allows(12)).toBe(Infinity);
});

it('is not opened by an answer to what left before', () => {
  const probation = setup();
  expect(probation.answered(5)).toBe(false);
  probation.spent(10);
  expect(probation.answered(9)).toBe(false);
  expect(probation.allows(12)).toBe(0);
});

it('sends another probe when the first is not answered for a while', () => {
  const probation = setup();
  probation.spent(10);
  const again = probation.opensAt;
  expect(again).toBe(2_010);
  expect(probation.allows(again - 1)).toBe(0);
  expect(probation.allows(again)).toBe(1);
  probation.spent(again);
  expect(probation.allows(again + 1)).toBe(0);
});

it('begins anew with another wait', () => {
  const probation = setup();
  probation.spent(10);
  probation.begin();
  expect(probation.answered(10)).toBe(false);
  expect(probation.allows(11)).toBe(1);
});
