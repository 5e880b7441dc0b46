/**
 * Queues items by the instant at which they are due, first come first served within one. A binary heap, so that ten
 * thousand waiting items cost one timer, and adding or taking one a few comparisons.
 *
 * Knows no clock and sets no timer: instants are numbers, and the owner asks for items that are due.
 */
interface TimedItem<Item> {
  readonly at: number;
  /** Breaks ties. */
  readonly order: number;
  readonly item: Item;
}

function isBefore<Item>(a: TimedItem<Item>, b: TimedItem<Item>): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}

export class Agenda<Item> {
  /** Each entry comes before the two below it, at twice its index plus one and plus two. */
  #heap: TimedItem<Item>[] = [];
  #added = 0;

  /** When the first item is due; null = there is none. */
  get nextAt(): number | null {
    return this.#heap[0]?.at ?? null;
  }

  add(at: number, item: Item): void {
    const entry = { at, order: this.#added, item };
    this.#added += 1;
    let index = this.#heap.length;
    while (index > 0) {
      const above = (index - 1) >> 1;
      const parent = this.#heap[above];
      if (parent === undefined || isBefore(parent, entry)) break;
      this.#heap[index] = parent;
      index = above;
    }
    this.#heap[index] = entry;
  }

  /** Takes the first item that is due at `now`; null = none is. */
  take(now: number): Item | null {
    const [first] = this.#heap;
    if (first === undefined || first.at > now) return null;
    const last = this.#heap.pop();
    if (last !== undefined && this.#heap.length > 0) this.#sink(last);
    return first.item;
  }

  clear(): void {
    this.#heap = [];
  }

  /** Puts an entry where the first one was, and below all that come before it. */
  #sink(entry: TimedItem<Item>): void {
    let index = 0;
    for (;;) {
      const left = this.#heap[2 * index + 1];
      const right = this.#heap[2 * index + 2];
      if (left === undefined) break;
      const isLeft = right === undefined || isBefore(left, right);
      const child = isLeft ? left : right;
      if (isBefore(entry, child)) break;
      this.#heap[index] = child;
      index = 2 * index + (isLeft ? 1 : 2);
    }
    this.#heap[index] = entry;
  }
}
