/**
 * Waits that the gateway asked for outlive the daemon: a start takes up what the spool says is not over, and
 * comes back half-open as after any wait.
 */
import type { Spool } from '../spool/spool.ts';
import type { Desk } from './desk.ts';

export interface Instant {
  /** Unix seconds. */
  readonly now: number;
  /** Monotonic. */
  readonly nowMs: number;
}

/** Nobody waits longer than `waitMaxMs`, whatever the wall clock has done since. */
export function recallBlocks(
  spool: Spool,
  desks: ReadonlyMap<string, Desk>,
  { now, nowMs, waitMaxMs }: Instant & { readonly waitMaxMs: number },
): void {
  for (const { account, sender, until } of spool.gates.blocks(now)) {
    const desk = desks.get(account);
    if (desk === undefined) continue;
    const waits = sender === null ? desk : desk.lane(sender);
    waits.blockedUntil = nowMs + Math.min((until - now) * 1000, waitMaxMs);
    waits.probation.begin();
  }
}
