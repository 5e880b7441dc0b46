/** Half-open: one message first, and nothing is stuck when its answer never comes. */
import { expect, it } from 'vitest';
import { HalfOpen } from '../../src/limiter/half-open.ts';

function setup() {
  const halfOpen = new HalfOpen();
  halfOpen.begin();
  return halfOpen;
}

it('the half-open limit lets everything pass before the first wait', () => {
  const halfOpen = new HalfOpen();
  expect(halfOpen.isOn).toBe(false);
  halfOpen.left(10);
  expect(halfOpen.probeAtMs).toBeNull();
  expect(halfOpen.answered(10)).toBe(false);
});

it('the half-open limit lets one pass after a wait, and all once that one is answered', () => {
  const halfOpen = setup();
  expect(halfOpen.mayProbe(10)).toBe(true);
  halfOpen.left(10);
  expect(halfOpen.mayProbe(11)).toBe(false);
  expect(halfOpen.answered(10)).toBe(true);
  expect(halfOpen.isOn).toBe(false);
});

it('the half-open limit is not ended by an answer to what left before', () => {
  const halfOpen = setup();
  expect(halfOpen.answered(5)).toBe(false);
  halfOpen.left(10);
  expect(halfOpen.answered(9)).toBe(false);
  expect(halfOpen.mayProbe(12)).toBe(false);
});

it('the half-open limit sends another probe when the first is not answered for a while', () => {
  const halfOpen = setup();
  halfOpen.left(10);
  expect(halfOpen.probeAtMs).toBe(2_010);
  expect(halfOpen.mayProbe(2_009)).toBe(false);
  expect(halfOpen.mayProbe(2_010)).toBe(true);
  halfOpen.left(2_010);
  expect(halfOpen.mayProbe(2_011)).toBe(false);
});

it('the half-open limit begins again with another wait', () => {
  const halfOpen = setup();
  halfOpen.left(10);
  halfOpen.begin();
  expect(halfOpen.answered(10)).toBe(false);
  expect(halfOpen.mayProbe(11)).toBe(true);
});
