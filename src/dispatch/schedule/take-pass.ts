/**
 * One pass over the lanes of an account for rows that may go at one instant: what was taken so far, and which lanes
 * were read or tried.
 */
import type { Instant } from '../../core/window/usage-window.ts';
import type { ReadyRow } from '../../spool/write/claims.ts';
import type { Lane } from './lane.ts';
import type { Reading } from './row-queue.ts';

/** A row taken for sending, and how long its lane waited for the permit. */
export interface Taken {
  readonly row: ReadyRow;
  readonly lane: Lane;
  readonly limiterMs: number;
}

export class TakePass {
  readonly at: Instant;
  readonly reading: Reading;
  /** Many rows are to go at once. */
  readonly isLarge: boolean;
  readonly taken: Taken[] = [];
  readonly read = new Set<Lane>();
  /** Lanes with a half-open circuit, which had their one message. */
  readonly probed = new Set<Lane>();

  constructor(at: Instant, reading: Reading, isLarge: boolean) {
    this.at = at;
    this.reading = reading;
    this.isLarge = isLarge;
  }

  /** Whether another row of the lane may go, whatever the account has. */
  isOpen(lane: Lane): boolean {
    return !this.probed.has(lane) && lane.limits.available(this.at) > 0;
  }

  /** What was taken waits for no permit any more, and what was read may change. */
  end(): void {
    for (const { lane } of this.taken) lane.deniedAt = null;
    for (const lane of this.read) lane.endTransaction();
  }
}
