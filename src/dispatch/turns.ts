/**
 * Things in the order of their heads' turns, whose heads change: a heap in which an entry that is out of date
 * is skipped when it surfaces. Used for the sources of a lane and for the open lanes of an account.
 */
import TinyQueue from 'tinyqueue';
import { compareTurns, type Turn } from '../core/turn.ts';

export interface Headed {
  /** The row that goes next; null = nothing is ready. */
  head: Turn | null;
}

interface Entry<T> {
  readonly item: T;
  readonly head: Turn;
}

export class Turns<T extends Headed> {
  #heap: TinyQueue<Entry<T>> = emptyHeap();

  /** Enters an item under the head it has now; null = not at all. */
  put(item: T): void {
    if (item.head !== null) this.#heap.push({ item, head: item.head });
  }

  /** The item whose turn it is; null = none. It stays. */
  peek(): T | null {
    for (let top = this.#heap.peek(); top !== undefined; top = this.#heap.peek()) {
      if (top.item.head === top.head) return top.item;
      this.#heap.pop();
    }
    return null;
  }

  /** Takes the item whose turn it is; null = none. */
  take(): T | null {
    const item = this.peek();
    if (item !== null) this.#heap.pop();
    return item;
  }

  /** Forgets every entry, those that are out of date as well. */
  clear(): void {
    this.#heap = emptyHeap();
  }
}

function emptyHeap<T>(): TinyQueue<Entry<T>> {
  return new TinyQueue<Entry<T>>([], (a, b) => compareTurns(a.head, b.head));
}
