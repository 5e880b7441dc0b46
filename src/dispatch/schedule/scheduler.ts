/**
 * Who gets an account's next permit: first attempts, but for a share that is the retries'; among each kind by
 * its own level queue of priorities, campaigns and deadlines. After an outage thousands of retries may be due at
 * once: what is new goes past them, and they drain at their share, or at the whole rate when nothing is new.
 *
 * Always holds: of the permits that both kinds might have had, retries got their share, no more and no less,
 * to within one; a retry's priority counts among retries. So nothing waits for ever behind the other kind.
 * What may not go stands in nobody's way: it is handed back, and put in again when it may.
 */
import { isOwed, NOTHING_OWED, owedAfter, RETRY_SHARE } from '../../core/window/deficit-counter.ts';
import { isRetryRank } from '../../core/message/sort-key.ts';
import { LevelQueue, type MayGo, type Waiting } from './level-queue.ts';

export type { MayGo, Waiting } from './level-queue.ts';

/** Of an account's permits, for lower priorities. */
const RESERVE = 0.1;

export class Scheduler<W extends Waiting> {
  readonly #firsts: LevelQueue<W>;
  readonly #retries: LevelQueue<W>;
  #owed = NOTHING_OWED;
  /** Of the latest permit: both kinds waited for it, and a retry is to have it. */
  #isContested = false;
  #isRetry = false;

  /** `reserve`: the share of permits for lower priorities than the highest that waits, 0 to 0.5. */
  constructor(reserve = RESERVE) {
    this.#firsts = new LevelQueue(reserve);
    this.#retries = new LevelQueue(reserve);
  }

  set reserve(share: number) {
    this.#firsts.reserve = share;
    this.#retries.reserve = share;
  }

  get isEmpty(): boolean {
    return this.#firsts.isEmpty && this.#retries.isEmpty;
  }

  /** Enters rows under the place they have now; also when it has changed. */
  put(one: W): void {
    this.#levelQueueOf(one).put(one);
  }

  /** What the next permit is for; null = nothing that may go. It stays in. */
  next(mayGo: MayGo<W>): W | null {
    const first = this.#firsts.next(mayGo);
    const retry = this.#retries.next(mayGo);
    this.#isContested = first !== null && retry !== null;
    this.#isRetry = this.#isContested ? isOwed(this.#owed, RETRY_SHARE) : first === null;
    return this.#isRetry ? retry : first;
  }

  /** What `next` gave has the permit: the others of its kind and priority go before it again. */
  spend(one: W): void {
    this.#levelQueueOf(one).spend(one);
    if (this.#isContested) this.#owed = owedAfter(this.#owed, RETRY_SHARE, this.#isRetry);
  }

  /** How many of `permits` would go to what `next` gave, about, if it can have so many in a run; at least 1. */
  shareOf(one: W, permits: number, run: number): number {
    const share = this.#isRetry ? RETRY_SHARE : 1 - RETRY_SHARE;
    return this.#levelQueueOf(one).shareOf(one, permits * (this.#isContested ? share : 1), run);
  }

  /** Forgets what waits, not whose turn it is: what is put in before the next look keeps its place. */
  clear(): void {
    this.#firsts.clear();
    this.#retries.clear();
  }

  #levelQueueOf({ rank }: W): LevelQueue<W> {
    return isRetryRank(rank) ? this.#retries : this.#firsts;
  }
}
