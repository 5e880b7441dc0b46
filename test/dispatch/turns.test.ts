import { expect, it } from 'vitest';
import type { Turn } from '../../src/core/turn.ts';
import { Turns, type Headed } from '../../src/dispatch/turns.ts';

const turn = (id: number, priority = 4): Turn => ({ id, priority, expiresAt: null });
const item = (head: Turn | null): Headed => ({ head });

it('gives what goes first, and each only once', () => {
  const turns = new Turns();
  const items = [item(turn(3)), item(turn(1)), item(turn(9, 9))];
  for (const one of items) turns.put(one);
  expect(turns.peek()).toBe(items[2]);
  expect([turns.take(), turns.take(), turns.take(), turns.take()]).toEqual([
    items[2],
    items[1],
    items[0],
    null,
  ]);
});

it('skips an entry whose head has changed since, and takes the item under its new one', () => {
  const turns = new Turns();
  const moved = item(turn(1));
  const other = item(turn(2));
  turns.put(moved);
  turns.put(other);
  moved.head = turn(3);
  turns.put(moved);
  expect([turns.take(), turns.take(), turns.take()]).toEqual([other, moved, null]);
});

it('does not hold what has nothing ready', () => {
  const turns = new Turns();
  turns.put(item(null));
  const emptied = item(turn(1));
  turns.put(emptied);
  emptied.head = null;
  expect(turns.peek()).toBeNull();
});

it('forgets everything when told, out of date or not', () => {
  const turns = new Turns();
  turns.put(item(turn(1)));
  turns.clear();
  expect(turns.peek()).toBeNull();
});
