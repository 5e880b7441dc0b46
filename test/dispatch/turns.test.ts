import { expect, it } from 'vitest';
import { Turns } from '../../src/dispatch/turns.ts';

interface Item {
  place: number | null;
}

const setup = (...items: readonly Item[]): Turns<Item, number> => {
  const turns = new Turns<Item, number>(
    ({ place }) => place,
    (a, b) => a - b,
  );
  for (const item of items) turns.put(item);
  return turns;
};
const item = (place: number | null): Item => ({ place });

it('gives what goes first, and each only once', () => {
  const items = [item(3), item(2), item(1)];
  const turns = setup(...items);
  expect(turns.peek()).toBe(items[2]);
  expect([turns.take(), turns.take(), turns.take(), turns.take()]).toEqual([
    items[2],
    items[1],
    items[0],
    null,
  ]);
});

it('gives what has the same key in the order of entry', () => {
  const items = Array.from({ length: 20 }, () => item(1));
  const turns = setup(...items);
  for (const one of items) expect(turns.take()).toBe(one);
});

it('skips an entry whose key has changed since, and takes the item under its new one', () => {
  const [moved, other] = [item(1), item(2)];
  const turns = setup(moved, other);
  moved.place = 3;
  turns.put(moved);
  expect([turns.take(), turns.take(), turns.take()]).toEqual([other, moved, null]);
});

it('does not hold what has no place', () => {
  const emptied = item(1);
  const turns = setup(item(null), emptied);
  emptied.place = null;
  expect(turns.peek()).toBeNull();
});

it('forgets everything when told, out of date or not', () => {
  const turns = setup(item(1));
  turns.clear();
  expect(turns.peek()).toBeNull();
});
