/**
 * What windows of an account have seen before anybody counted them: a rule that is new, or that counts otherwise
 * than before, begins with what left within its window, and one that comes back with what left meanwhile.
 *
 * Always holds: the spool is asked once for each length of window, midnight and unit, however many rules are new, and
 * not at all where none is.
 */
import { namedOf, type Policy } from '../../core/account/policy.ts';
import { LENGTH_S, PIECES, type UsageState } from '../../core/window/usage-window.ts';
import type { LongWindow, Per } from '../../core/window/rate-limits.ts';
import type { Zone } from '../../core/time/zone.ts';
import type { SentCount, OpenRequest } from '../../spool/write/sent-counts.ts';
import type { Spool } from '../../spool/spool.ts';

/** A window of a rule, and whom it is about. */
export interface Newcomer {
  readonly window: LongWindow;
  readonly per: Per;
  readonly zone: Zone;
  /** Whether a sender's messages are counted. */
  readonly counts: (sender: string | null) => boolean;
  /** Claimed later than this (Unix seconds); null = whenever. */
  readonly after: number | null;
}

/** Gives what a window has seen, as if it had been saved just now. */
export interface History {
  stateOf: (newcomer: Newcomer, now: number) => UsageState;
}

/** Nothing is known of what was before. */
export const NO_HISTORY: History = { stateOf: (_, now) => ({ at: now, used: [], open: [] }) };

export class SpoolHistory implements History {
  readonly #spool: Spool;
  readonly #account: string;
  readonly #policy: () => Policy;
  readonly #known = new Map<string, readonly SentCount[]>();
  #open: readonly OpenRequest[] | null = null;

  constructor(spool: Spool, account: string, policy: () => Policy) {
    this.#spool = spool;
    this.#account = account;
    this.#policy = policy;
  }

  stateOf(newcomer: Newcomer, now: number): UsageState {
    const { window, zone } = newcomer;
    const out = this.#outOf(newcomer);
    if (window.span === 'day') {
      const { number, from } = zone.dayAround(now);
      const gone = this.#since(newcomer, from, LENGTH_S.day);
      const used = gone.reduce((sum, [, count]) => sum + count, 0) + out;
      return { at: now, used: [[number, used]], open: out > 0 ? [[number, out]] : [] };
    }
    const lengthS = LENGTH_S[window.span];
    const pieceS = lengthS / PIECES;
    const from = now - lengthS;
    const used = this.#since(newcomer, from, pieceS).map(
      ([piece, count]) => [from + (piece + 1) * pieceS, count] as const,
    );
    return { at: now, used, open: out > 0 ? [[0, out]] : [] };
  }

  /* By piece. */
  #since(
    { per, counts, after }: Newcomer,
    from: number,
    pieceS: number,
  ): readonly (readonly [piece: number, count: number])[] {
    const asked = { account: this.#account, from, after: after ?? -Infinity, pieceS, per };
    const key = [from, after, pieceS, per].join();
    const gone = this.#known.get(key) ?? this.#spool.sentCounts.since(asked);
    this.#known.set(key, gone);
    return gone
      .filter(({ sender }) => counts(sender))
      .map(({ piece, count }) => [piece, count] as const);
  }

  #outOf({ per, counts }: Newcomer): number {
    this.#open ??= this.#spool.sentCounts
      .open()
      .map((row) => namedOf(row, this.#policy()))
      .filter(({ account }) => account === this.#account);
    return this.#open
      .filter(({ sender }) => counts(sender))
      .reduce((sum, { parts }) => sum + (per === 'part' ? parts : 1), 0);
  }
}
