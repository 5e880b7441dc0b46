/**
 * Keeps the spool's -wal short, whoever reads. While the loop has nothing to do, what is in it is copied, long
 * before SQLite has whoever commits do that: the program that drops a row does not pay for it. When it is long and readers come one after another, nothing is
 * written for a moment: those who read old data go, those who come read from the file itself, and the -wal is
 * begun anew. A reader that will not let go is spoken of.
 *
 * Always holds: nobody is waited for in SQLite, so the loop goes on meanwhile; only commits wait, and not long.
 */
import type { Clock } from '../clock.ts';
import { isBusy, isFull } from '../spool/open.ts';
import type { Wal } from '../spool/wal.ts';
import type { StatusLog } from '../status-log.ts';

/** Pages that are worth copying while there is nothing to do; at 1,000 SQLite does it in a commit. */
const WORTH_COPYING = 250;
/** How often they are counted. */
const COUNT_EVERY_MS = 50;
/** Bytes; SQLite itself begins to copy at 4 MiB. */
const LONG = 32 * 1024 * 1024;
const LOOK_EVERY_MS = 1_000;
/** Where a reader will not let go, looks come less and less often. */
const LOOK_EVERY_MAX_MS = 60_000;
/** Commits wait for readers, who are looked at so often, and at most so many times: half a second. */
const TRY_EVERY_MS = 10;
const TRIES_MAX = 50;
/** Blocked so long, it is spoken of, and again so often. */
const SAY_AFTER_MS = 60_000;
const SAID_EVERY_MS = 3_600_000;

export interface LongWalParts {
  readonly wal: Pick<Wal, 'size' | 'pages' | 'copy' | 'truncate'>;
  readonly clock: Clock;
  readonly log: Pick<StatusLog, 'say'>;
  /** Commits may go on. */
  readonly onRelease: () => void;
  readonly onFatal: (error: unknown) => void;
}

export class LongWal {
  readonly #parts: LongWalParts;
  #timer: NodeJS.Timeout | null = null;
  #lookAtMs = -Infinity;
  #countAtMs = -Infinity;
  /** Pages that were in it when it was copied; fewer now = it was begun anew since. */
  #copied = 0;
  #everyMs = LOOK_EVERY_MS;
  #blockedSinceMs: number | null = null;
  #saidAtMs = -Infinity;

  constructor(parts: LongWalParts) {
    this.#parts = parts;
  }

  /** Nothing may be committed just now. */
  get isHolding(): boolean {
    return this.#timer !== null;
  }

  /** To be called often, never inside a transaction. `isIdle`: there is nothing else to do just now. */
  look(isIdle: boolean): void {
    if (this.isHolding) return;
    const nowMs = this.#parts.clock.monotonicMs();
    if (isIdle) this.#copy(nowMs);
    if (nowMs < this.#lookAtMs) return;
    this.#lookAtMs = nowMs + this.#everyMs;
    this.#guard(() => {
      if (this.#parts.wal.size <= LONG || this.#parts.wal.truncate()) this.#ended(true);
      else this.#hold(TRIES_MAX);
    });
  }

  #copy(nowMs: number): void {
    if (nowMs < this.#countAtMs) return;
    this.#countAtMs = nowMs + COUNT_EVERY_MS;
    this.#guard(() => {
      const { pages } = this.#parts.wal;
      const fresh = pages < this.#copied ? pages : pages - this.#copied;
      if (fresh < WORTH_COPYING) return;
      this.#parts.wal.copy();
      this.#copied = pages;
    });
  }

  stop(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }

  /* Tries are counted, not time: the first one may have much to copy. */
  #hold(tries: number): void {
    this.#timer = setTimeout(() => {
      this.#timer = null;
      this.#guard(() => {
        const isShort = this.#parts.wal.truncate();
        if (!isShort && tries > 1) {
          this.#hold(tries - 1);
          return;
        }
        this.#ended(isShort);
        this.#parts.onRelease();
      });
    }, TRY_EVERY_MS);
  }

  /* A full disk is said by the step that needs it. */
  #guard(work: () => void): void {
    try {
      work();
    } catch (error) {
      if (!isBusy(error) && !isFull(error)) this.#parts.onFatal(error);
      else this.#parts.onRelease();
    }
  }

  #ended(isShort: boolean): void {
    const nowMs = this.#parts.clock.monotonicMs();
    this.#everyMs = isShort ? LOOK_EVERY_MS : Math.min(this.#everyMs * 2, LOOK_EVERY_MAX_MS);
    this.#lookAtMs = nowMs + this.#everyMs;
    if (isShort) this.#blockedSinceMs = null;
    else this.#blocked(nowMs);
  }

  #blocked(nowMs: number): void {
    this.#blockedSinceMs ??= nowMs;
    const forMs = nowMs - this.#blockedSinceMs;
    if (forMs < SAY_AFTER_MS || nowMs - this.#saidAtMs < SAID_EVERY_MS) return;
    this.#saidAtMs = nowMs;
    this.#parts.log.say('warn', 'daemon.warning', {
      warning:
        `a program has been reading from the spool for ${Math.round(forMs / 1000)} s without an end, ` +
        'so that its -wal cannot be used anew and grows',
      remedy: 'find it with `fuser -v` on the -wal, and let it end its transaction or its query',
      wal_bytes: this.#parts.wal.size,
    });
  }
}
