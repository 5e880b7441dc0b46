/**
 * Counts from the spool what left within a window before anybody counted it. A rule that is new, comes back, or counts
 * otherwise than before begins with that.
 *
 * Always holds: the spool is asked once for each length of window, midnight and unit, however many rules are new.
 */
import { namedOf, type Policy } from '../../core/account/policy.ts';
import { LENGTH_S, PIECES, type UsageState } from '../../core/window/usage-window.ts';
import type { LongWindow, Per } from '../../core/window/rate-limits.ts';
import type { Zone } from '../../core/time/zone.ts';
import type { SentCount, OpenRequest } from '../../spool/write/sent-counts.ts';
import type { Spool } from '../../spool/spool.ts';

export interface NewWindow {
  readonly window: LongWindow;
  readonly per: Per;
  readonly zone: Zone;
  /** Whether a sender's messages are counted. */
  readonly counts: (sender: string | null) => boolean;
  /** Claimed later than this (Unix seconds); null = whenever. */
  readonly after: number | null;
}

/** Returns what a window has seen, as if it had been saved at `now`. */
export type History = (window: NewWindow, now: number) => UsageState;

export function spoolHistory(spool: Spool, account: string, policy: () => Policy): History {
  const known = new Map<string, readonly SentCount[]>();
  let open: readonly OpenRequest[] | null = null;

  /* By piece. */
  const gone = ({ per, counts, after }: NewWindow, from: number, pieceS: number) => {
    const key = [from, after, pieceS, per].join();
    const asked = { account, from, after: after ?? -Infinity, pieceS, per };
    const found = known.get(key) ?? spool.sentCounts.since(asked);
    known.set(key, found);
    return found.filter(({ sender }) => counts(sender));
  };

  const out = ({ per, counts }: NewWindow): number => {
    open ??= spool.sentCounts
      .open()
      .map((row) => namedOf(row, policy()))
      .filter((row) => row.account === account);
    return open
      .filter(({ sender }) => counts(sender))
      .reduce((sum, { parts }) => sum + (per === 'part' ? parts : 1), 0);
  };

  return (newWindow, now) => {
    const { span } = newWindow.window;
    const count = out(newWindow);
    if (span === 'day') {
      const { number, from } = newWindow.zone.dayAround(now);
      const used = gone(newWindow, from, LENGTH_S.day).reduce((sum, one) => sum + one.count, count);
      return { at: now, used: [[number, used]], open: count > 0 ? [[number, count]] : [] };
    }
    const pieceS = LENGTH_S[span] / PIECES;
    const from = now - LENGTH_S[span];
    const used = gone(newWindow, from, pieceS).map(
      (one) => [from + (one.piece + 1) * pieceS, one.count] as const,
    );
    return { at: now, used, open: count > 0 ? [[0, count]] : [] };
  };
}
