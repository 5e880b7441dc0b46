/**
 * Keeps the spool's -wal short, whoever reads: when it is long, it waits a moment for the readers of old data
 * while new ones go past it, and says so when one of them will not let go.
 */
import type { Clock } from '../clock.ts';
import { isBusy, isFull } from '../spool/open.ts';
import type { Wal } from '../spool/wal.ts';
import type { StatusLog } from '../status-log.ts';

/** Bytes; SQLite itself begins to copy at 4 MiB. */
const LONG = 16 * 1024 * 1024;
const LOOK_EVERY_MS = 1_000;
/** Where a reader will not let go, looks come less and less often. */
const LOOK_EVERY_MAX_MS = 60_000;
/** Everything stands still while readers are waited for: longer for a longer -wal. */
const WAIT_MS = 10;
const WAIT_MAX_MS = 50;
/** Blocked so long, it is spoken of, and again so often. */
const SAY_AFTER_MS = 60_000;
const SAID_EVERY_MS = 3_600_000;

export class LongWal {
  readonly #wal: Wal;
  readonly #clock: Clock;
  readonly #log: StatusLog;
  #lookAtMs = -Infinity;
  #everyMs = LOOK_EVERY_MS;
  #blockedSinceMs: number | null = null;
  #saidAtMs = -Infinity;

  constructor(wal: Wal, clock: Clock, log: StatusLog) {
    this.#wal = wal;
    this.#clock = clock;
    this.#log = log;
  }

  /** Whether it is time to look. */
  get isDue(): boolean {
    return this.#clock.monotonicMs() >= this.#lookAtMs;
  }

  /** Never called inside a transaction. */
  look(): void {
    const nowMs = this.#clock.monotonicMs();
    const { size } = this.#wal;
    const isShort = size <= LONG || this.#truncate(size);
    this.#everyMs = isShort ? LOOK_EVERY_MS : Math.min(this.#everyMs * 2, LOOK_EVERY_MAX_MS);
    this.#lookAtMs = nowMs + this.#everyMs;
    if (isShort) this.#blockedSinceMs = null;
    else this.#blocked(size, nowMs);
  }

  /* A full disk is said by the step that needs it. */
  #truncate(size: number): boolean {
    try {
      return this.#wal.truncate(Math.min(WAIT_MAX_MS, (WAIT_MS * size) / LONG));
    } catch (error) {
      if (isBusy(error) || isFull(error)) return false;
      throw error;
    }
  }

  #blocked(size: number, nowMs: number): void {
    this.#blockedSinceMs ??= nowMs;
    const forMs = nowMs - this.#blockedSinceMs;
    if (forMs < SAY_AFTER_MS || nowMs - this.#saidAtMs < SAID_EVERY_MS) return;
    this.#saidAtMs = nowMs;
    this.#log.say('warn', 'daemon.warning', {
      warning:
        `a program has been reading from the spool for ${Math.round(forMs / 1000)} s without an end, ` +
        'so that its -wal cannot be used anew and grows',
      remedy: 'find it with `fuser -v` on the -wal, and let it end its transaction or its query',
      wal_bytes: size,
    });
  }
}
