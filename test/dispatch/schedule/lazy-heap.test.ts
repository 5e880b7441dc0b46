import { expect, it } from 'vitest';
import { LazyHeap } from '../../../src/dispatch/schedule/lazy-heap.ts';

interface Item {
  place: number | null;
}

const setup = (...items: readonly Item[]): LazyHeap<Item, number> => {
  const heap = new LazyHeap<Item, number>(
    ({ place }) => place,
    (a, b) => a - b,
  );
  for (const item of items) heap.put(item);
  return heap;
};
const item = (place: number | null): Item => ({ place });

it('the heap gives what goes first, and each only once', () => {
  const items = [item(3), item(2), item(1)];
  const heap = setup(...items);
  expect(heap.peek()).toBe(items[2]);
  expect([heap.take(), heap.take(), heap.take(), heap.take()]).toEqual([
    items[2],
    items[1],
    items[0],
    null,
  ]);
});

it('the heap gives what has the same key in the order of entry', () => {
  const items = Array.from({ length: 20 }, () => item(1));
  const heap = setup(...items);
  for (const one of items) expect(heap.take()).toBe(one);
});

it('the heap skips an entry whose key has changed since, and takes the item under its new one', () => {
  const [moved, other] = [item(1), item(2)];
  const heap = setup(moved, other);
  moved.place = 3;
  heap.put(moved);
  expect([heap.take(), heap.take(), heap.take()]).toEqual([other, moved, null]);
});

it('the heap does not hold what has no place', () => {
  const emptied = item(1);
  const heap = setup(item(null), emptied);
  emptied.place = null;
  expect(heap.peek()).toBeNull();
});

it('the heap forgets everything when told, out of date or not', () => {
  const heap = setup(item(1));
  heap.clear();
  expect(heap.peek()).toBeNull();
});
