/**
 * Messages that share one limit: a sender within an account. A lane is made of sources (account, sender and
 * campaign as the rows name them; NULL and the default it stands for are one lane), merged by turn.
 *
 * Always holds: `head` is the row that goes next, as far as is known; a row that comes later and goes earlier
 * is offered. Where the truth has moved on (a row was cancelled), a read finds out.
 */
import type { SourceKey, Turn } from '../core/turn.ts';
import { compareTurns } from '../core/turn.ts';
import type { ReadyRow } from '../spool/claims.ts';
import type { Pacer } from '../throttle/pacer.ts';
import { Turns, type Headed } from './turns.ts';

/** Rows read from one source at once. */
const READ_MAX = 64;

interface Source extends Headed {
  readonly key: SourceKey;
  /** Rows already taken in this transaction: they are still `queued` in what a read sees. */
  taken: number;
}

/** Reads ready rows of a source in their turn. */
export type Peek = (source: SourceKey, limit: number, skip: number) => ReadyRow[];

export class Lane implements Headed {
  head: Turn | null = null;
  /** The sender's name; '' = messages without a sender on an account that has none. */
  readonly sender: string;
  /** Null = the sender has no limit of its own, as far as is known. */
  pacer: Pacer | null;
  /** When the latest message that was accepted left (monotonic ms); null = none was yet. */
  acceptedAtMs: number | null = null;
  /** Monotonic ms until which the gateway asked to wait. */
  blockedUntil = 0;
  /** Since when (monotonic ms) a permit has been missing; null = none is. */
  deniedAt: number | null = null;
  readonly #sources = new Map<string, Source>();
  readonly #turns = new Turns<Source>();
  readonly #used = new Set<Source>();

  constructor(sender: string, pacer: Pacer | null) {
    this.sender = sender;
    this.pacer = pacer;
  }

  /** Where the lane's rows may be found. */
  get sources(): readonly SourceKey[] {
    return [...this.#sources.values()].map((source) => source.key);
  }

  /** A row that is ready; true when it became the lane's head. */
  offer(key: SourceKey, turn: Turn): boolean {
    const source = this.#source(key);
    if (source.head === null || compareTurns(turn, source.head) < 0) {
      source.head = turn;
      this.#turns.put(source);
    }
    if (this.head !== null && compareTurns(turn, this.head) >= 0) return false;
    this.head = turn;
    return true;
  }

  /**
   * Takes at most `limit` rows in their turn, and moves the head on. Stops early at a row of a lower
   * priority than `rival`, the head of the lane whose turn is next.
   */
  take(limit: number, rival: Turn | null, peek: Peek): ReadyRow[] {
    const rows: ReadyRow[] = [];
    let isOutranked = false;
    while (rows.length < limit && !isOutranked) {
      const source = this.#turns.take();
      if (source === null) break;
      isOutranked = this.#takeFrom(source, { rows, limit, rival, peek });
      this.#turns.put(source);
    }
    this.head = this.#turns.peek()?.head ?? null;
    return rows;
  }

  /** The rows at the front of the lane's sources, without taking any: to find a probe. */
  look(limit: number, peek: Peek): ReadyRow[] {
    return [...this.#sources.values()].flatMap((source) => peek(source.key, limit, source.taken));
  }

  /** The transaction is over: what was taken is `sending` now. */
  endTransaction(): void {
    for (const source of this.#used) source.taken = 0;
    this.#used.clear();
  }

  /** Forgets heads and sources: a scan finds them again. */
  forget(): void {
    this.#sources.clear();
    this.#turns.clear();
    this.head = null;
  }

  #source(key: SourceKey): Source {
    const name = nameOf(key);
    const known = this.#sources.get(name);
    if (known !== undefined) return known;
    const source: Source = {
      key: { account: key.account, sender: key.sender, campaign: key.campaign },
      head: null,
      taken: 0,
    };
    this.#sources.set(name, source);
    return source;
  }

  /* Takes rows until another source's come first; true when it stopped for the rival. A head may be out of
   * date, so that even the first row is compared: whoever stops has learned the true head. */
  #takeFrom(
    source: Source,
    want: { rows: ReadyRow[]; limit: number; rival: Turn | null; peek: Peek },
  ): boolean {
    const limit = Math.min(want.limit - want.rows.length, READ_MAX);
    const found = want.peek(source.key, limit + 1, source.taken);
    const next = this.#turns.peek()?.head ?? null;
    let isOutranked = false;
    let count = 0;
    for (const row of found) {
      if (count === limit || (next !== null && compareTurns(row, next) > 0)) break;
      isOutranked = want.rival !== null && row.priority < want.rival.priority;
      if (isOutranked) break;
      want.rows.push(row);
      count += 1;
    }
    source.taken += count;
    if (count > 0) this.#used.add(source);
    source.head = found[count] ?? null;
    if (source.head === null) this.#sources.delete(nameOf(source.key));
    return isOutranked;
  }
}

function nameOf(key: SourceKey): string {
  return JSON.stringify([key.account, key.sender, key.campaign]);
}
