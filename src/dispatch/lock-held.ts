/** Reports a write lock that another program keeps, once it has kept the daemon waiting for a while, and its end. */
import type { Clock } from '../clock.ts';
import { remedyOfSpool } from '../core/stop-reasons.ts';
import type { StatusLog } from '../status-log.ts';

const SAY_AFTER_MS = 5_000;

export interface LockHeldParts {
  readonly clock: Clock;
  readonly log: Pick<StatusLog, 'say'>;
  readonly spoolPath: string;
}

export class LockHeld {
  readonly #parts: LockHeldParts;
  #sinceMs: number | null = null;
  #isSaid = false;

  constructor(parts: LockHeldParts) {
    this.#parts = parts;
  }

  /** A transaction found the lock taken. */
  busy(): void {
    const { clock, log, spoolPath } = this.#parts;
    const nowMs = clock.monotonicMs();
    this.#sinceMs ??= nowMs;
    const heldMs = Math.round(nowMs - this.#sinceMs);
    if (this.#isSaid || heldMs < SAY_AFTER_MS) return;
    this.#isSaid = true;
    log.say('warn', 'daemon.lock-held', {
      held_ms: heldMs,
      remedy: remedyOfSpool('locked', spoolPath),
    });
  }

  /** A transaction got it. */
  free(): void {
    const { clock, log } = this.#parts;
    if (this.#isSaid && this.#sinceMs !== null) {
      const heldMs = Math.round(clock.monotonicMs() - this.#sinceMs);
      log.say('info', 'daemon.lock-released', { held_ms: heldMs });
    }
    this.#sinceMs = null;
    this.#isSaid = false;
  }
}
