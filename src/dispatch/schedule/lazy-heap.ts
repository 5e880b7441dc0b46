/**
 * A binary heap with lazy deletion: an entry whose key is out of date is skipped when it surfaces. Items with the
 * same key go in the order of entry.
 */
import TinyQueue from 'tinyqueue';

interface HeapEntry<T, K> {
  readonly item: T;
  readonly key: K;
  readonly entered: number;
}

export class LazyHeap<T, K> {
  readonly #keyOf: (item: T) => K | null;
  readonly #heap: TinyQueue<HeapEntry<T, K>>;
  #entered = 0;

  /** `keyOf` gives the very same key until the item's place changes; null = the item has no place. */
  constructor(keyOf: (item: T) => K | null, compare: (a: K, b: K) => number) {
    this.#keyOf = keyOf;
    this.#heap = new TinyQueue<HeapEntry<T, K>>(
      [],
      (a, b) => compare(a.key, b.key) || a.entered - b.entered,
    );
  }

  /** Entries, also those out of date: never fewer than the items. */
  get size(): number {
    return this.#heap.length;
  }

  /** Enters an item under the key it has now; null = not at all. */
  put(item: T): void {
    const key = this.#keyOf(item);
    if (key !== null) this.#heap.push({ item, key, entered: (this.#entered += 1) });
  }

  /** The first item; null = none. It stays. */
  peek(): T | null {
    for (let top = this.#heap.peek(); top !== undefined; top = this.#heap.peek()) {
      if (this.#keyOf(top.item) === top.key) return top.item;
      this.#heap.pop();
    }
    return null;
  }

  /** Takes the first item; null = none. */
  take(): T | null {
    const item = this.peek();
    if (item !== null) this.#heap.pop();
    return item;
  }

  clear(): void {
    this.#heap.data = [];
    this.#heap.length = 0;
  }
}
