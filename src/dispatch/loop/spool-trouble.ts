/**
 * Keeps why steps are not written, and logs it: a full disk once a minute; a lock that another program keeps for a
 * while, and its end. Such a step is tried again and loses nothing.
 */
import type { Clock } from '../../clock.ts';
import { remedyOfSpool } from '../../core/account/stop-reasons.ts';
import type { TroubleFact } from '../../core/account/stops.ts';
import type { StatusLog } from '../../log/status-log.ts';

const FULL_EVERY_MS = 60_000;
const LOCKED_AFTER_MS = 5_000;

export interface SpoolTroubleParts {
  readonly clock: Clock;
  readonly log: Pick<StatusLog, 'say'>;
  readonly spoolPath: string;
}

/** How the loop gets on. */
export interface LoopProgress {
  /** When a step was last committed (monotonic ms). */
  readonly steppedAtMs: number;
  /** Why the latest one was not; null = it was. */
  readonly trouble: TroubleFact['kind'] | null;
}

export class SpoolTrouble {
  readonly #parts: SpoolTroubleParts;
  #progress: LoopProgress;
  #fullSaidAtMs: number | null = null;
  /** Since when the lock has been another's; null = it is not. */
  #lockedSinceMs: number | null = null;
  #isLockSaid = false;

  constructor(parts: SpoolTroubleParts) {
    this.#parts = parts;
    this.#progress = { steppedAtMs: parts.clock.monotonicMs(), trouble: null };
  }

  get progress(): LoopProgress {
    return this.#progress;
  }

  /** A step is on disk. */
  stepped(): void {
    const nowMs = this.#parts.clock.monotonicMs();
    this.#progress = { steppedAtMs: nowMs, trouble: null };
    if (this.#isLockSaid && this.#lockedSinceMs !== null) {
      const heldMs = Math.round(nowMs - this.#lockedSinceMs);
      this.#parts.log.say('daemon.lock-released', { held_ms: heldMs });
    }
    this.#lockedSinceMs = null;
    this.#isLockSaid = false;
  }

  /** A step found the lock taken. */
  locked(): void {
    this.#is('locked');
    const { clock, log, spoolPath } = this.#parts;
    const nowMs = clock.monotonicMs();
    this.#lockedSinceMs ??= nowMs;
    const heldMs = Math.round(nowMs - this.#lockedSinceMs);
    if (this.#isLockSaid || heldMs < LOCKED_AFTER_MS) return;
    this.#isLockSaid = true;
    const remedy = remedyOfSpool('locked', spoolPath);
    log.say('daemon.lock-held', { held_ms: heldMs, remedy });
  }

  /** A step found the disk full; `waiting` outcomes are in memory and not on disk. */
  full(waiting: number): void {
    this.#is('disk-full');
    const { clock, log, spoolPath } = this.#parts;
    const nowMs = clock.monotonicMs();
    if (this.#fullSaidAtMs !== null && nowMs - this.#fullSaidAtMs < FULL_EVERY_MS) return;
    this.#fullSaidAtMs = nowMs;
    const remedy = remedyOfSpool('disk-full', spoolPath);
    log.say('daemon.disk-full', { remedy, waiting });
  }

  /** The spool cannot be read or written, or there is a bug; whoever ends the daemon says so. */
  broken(): void {
    this.#is('io-error');
  }

  #is(trouble: TroubleFact['kind']): void {
    this.#progress = { ...this.#progress, trouble };
  }
}
