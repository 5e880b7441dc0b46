import { expect, it } from 'vitest';
import { Slots } from '../../src/limiter/slots.ts';

function setup(concurrency: number) {
  const bugs: unknown[] = [];
  const slots = new Slots(concurrency, (error) => bugs.push(error));
  const ends: (() => void)[] = [];
  const open = (count: number): void => {
    for (let each = 0; each < count; each += 1) slots.open((end) => ends.push(end));
  };
  return { slots, ends, open, bugs };
}

it('the slots runs as many slots as the concurrency allows, and counts them from the moment they are opened', () => {
  const { slots, ends, open } = setup(3);
  open(2);
  expect([slots.busy, slots.free, ends.length]).toEqual([2, 1, 2]);
  open(2);
  expect([slots.busy, slots.free, ends.length]).toEqual([4, 0, 3]);
});

it('the slots starts a waiting slot when another ends, and is idle when all have', async () => {
  const { slots, ends, open } = setup(1);
  open(2);
  ends[0]?.();
  await expect.poll(() => ends.length).toBe(2);
  ends[1]?.();
  await slots.onIdle();
  expect([slots.busy, slots.free]).toEqual([0, 1]);
});

it('the slots knows that it is crowded after the concurrency was lowered, until enough have ended', async () => {
  const { slots, ends, open } = setup(4);
  open(4);
  expect(slots.isCrowded).toBe(false);
  slots.concurrency = 2;
  expect([slots.isCrowded, slots.free]).toEqual([true, 0]);
  ends[0]?.();
  ends[1]?.();
  await expect.poll(() => slots.busy).toBe(2);
  expect(slots.isCrowded).toBe(false);
});

it('hands on what a slot throws, and frees it', async () => {
  const { slots, bugs } = setup(1);
  const bug = new Error('a bug');
  slots.open(() => {
    throw bug;
  });
  await slots.onIdle();
  expect(bugs).toEqual([bug]);
  expect(slots.free).toBe(1);
});
