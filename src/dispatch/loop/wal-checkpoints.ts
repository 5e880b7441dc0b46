/**
 * Keeps the -wal of the spool short.
 *
 * While the loop is idle, it checkpoints the -wal. So the commit of a program that inserts a row rarely has to. When
 * the -wal is long and readers follow one another, it holds back commits for a moment: the old readers end, new ones
 * read the file itself, and SQLite restarts the -wal. It reports a reader that does not end. Within a minute after a
 * text was forgotten it truncates the -wal, which holds the old pages.
 *
 * Always holds: no call waits inside SQLite, so the loop goes on. Only commits wait, for half a second at most.
 */
import type { Clock } from '../../clock.ts';
import { remedyOfSpool } from '../../core/account/stop-reasons.ts';
import { isBusy } from '../../spool/file/open.ts';
import { isOutOfRoom } from '../../spool/sql/spool-errors.ts';
import type { Wal } from '../../spool/file/wal.ts';
import type { StatusLog } from '../../log/status-log.ts';

/** Time between two truncations after texts were forgotten, and until the next try where a reader prevents one. */
const CLEAR_EVERY_MS = 60_000;
const CLEAR_AGAIN_MS = 5_000;
/** Pages that are worth copying while there is nothing to do; at 1,000 a commit of another program does it. */
const WORTH_COPYING = 250;
/** How often they are counted. */
const COUNT_EVERY_MS = 50;
/** Bytes; far more than what makes a commit copy them. */
const LONG = 32 * 1024 * 1024;
const LOOK_EVERY_MS = 1_000;
/** The longest time between two holds of commits for one reader; it doubles from hold to hold. */
const HOLD_EVERY_MAX_MS = 60_000;
/** Readers are looked at this often while commits wait for them, and at most this many times: half a second. */
const TRY_EVERY_MS = 10;
const TRIES_MAX = 50;
/** A reader is reported after this time, and then again after each further time. */
const SAY_AFTER_MS = 10_000;
const SAID_EVERY_MS = 3_600_000;

export interface WalCheckpointsParts {
  readonly wal: Pick<Wal, 'size' | 'pages' | 'copied' | 'copy' | 'truncate'>;
  readonly clock: Clock;
  readonly log: Pick<StatusLog, 'say'>;
  readonly spoolPath: string;
  /** Commits may go on. */
  readonly onRelease: () => void;
  /** Whether texts were blanked or deleted since this was last asked. */
  readonly takeForgotten: () => boolean;
  readonly onFatal: (error: unknown) => void;
}

export class WalCheckpoints {
  readonly #parts: WalCheckpointsParts;
  #timer: NodeJS.Timeout | null = null;
  #lookAtMs = -Infinity;
  #countAtMs = -Infinity;
  /** Pages that were in it when it was copied; fewer now = SQLite has restarted it since. */
  #copied = 0;
  /** When commits may be held up next, and how long after that again. */
  #holdAtMs = -Infinity;
  #holdEveryMs = LOOK_EVERY_MS;
  /** Pages that readers let us copy at the latest look. */
  #copiedBefore = 0;
  #blockedSinceMs: number | null = null;
  /** When the reader was reported; null = it was not. */
  #saidAtMs: number | null = null;
  #hasForgotten = false;
  #clearAtMs = -Infinity;

  constructor(parts: WalCheckpointsParts) {
    this.#parts = parts;
  }

  /** Nothing may be committed now. */
  get isHolding(): boolean {
    return this.#timer !== null;
  }

  /** To be called often, never inside a transaction. `isIdle`: there is nothing else to do. */
  look(isIdle: boolean): void {
    if (this.isHolding) return;
    const nowMs = this.#parts.clock.monotonicMs();
    if (isIdle) this.#copy(nowMs);
    this.#clear(nowMs);
    if (nowMs < this.#lookAtMs) return;
    this.#lookAtMs = nowMs + LOOK_EVERY_MS;
    this.#guard(() => {
      if (this.#parts.wal.size <= LONG || this.#parts.wal.truncate()) this.#ended(true);
      else if (this.#mayHold(nowMs)) this.#hold(TRIES_MAX);
      else this.#blocked(nowMs);
    });
  }

  /* More could be copied than before: a reader of old data has gone, and only short ones are in the way. */
  #mayHold(nowMs: number): boolean {
    const { copied } = this.#parts.wal;
    if (copied > this.#copiedBefore) this.#holdAtMs = nowMs;
    this.#copiedBefore = copied;
    return nowMs >= this.#holdAtMs;
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

  /* The file still holds what was forgotten. */
  #clear(nowMs: number): void {
    this.#hasForgotten ||= this.#parts.takeForgotten();
    if (!this.#hasForgotten || nowMs < this.#clearAtMs) return;
    this.#guard(() => {
      const isCleared = this.#parts.wal.truncate();
      this.#hasForgotten = !isCleared;
      this.#clearAtMs = nowMs + (isCleared ? CLEAR_EVERY_MS : CLEAR_AGAIN_MS);
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

  /* A full disk is reported by the step that needs it. */
  #guard(work: () => void): void {
    try {
      work();
    } catch (error) {
      if (isBusy(error) || isOutOfRoom(error, this.#parts.spoolPath)) this.#parts.onRelease();
      else this.#parts.onFatal(error);
    }
  }

  #ended(isShort: boolean): void {
    const nowMs = this.#parts.clock.monotonicMs();
    this.#holdEveryMs = isShort
      ? LOOK_EVERY_MS
      : Math.min(this.#holdEveryMs * 2, HOLD_EVERY_MAX_MS);
    this.#holdAtMs = isShort ? nowMs : nowMs + this.#holdEveryMs;
    if (isShort) this.#freed(nowMs);
    else this.#blocked(nowMs);
  }

  #freed(nowMs: number): void {
    if (this.#blockedSinceMs !== null && this.#saidAtMs !== null) {
      const heldMs = Math.round(nowMs - this.#blockedSinceMs);
      this.#parts.log.say('daemon.wal-released', {
        held_ms: heldMs,
        wal_bytes: this.#parts.wal.size,
      });
    }
    this.#blockedSinceMs = null;
    this.#copiedBefore = 0;
    this.#saidAtMs = null;
  }

  #blocked(nowMs: number): void {
    this.#blockedSinceMs ??= nowMs;
    const heldMs = Math.round(nowMs - this.#blockedSinceMs);
    const sayAtMs = this.#saidAtMs === null ? nowMs : this.#saidAtMs + SAID_EVERY_MS;
    if (heldMs < SAY_AFTER_MS || nowMs < sayAtMs) return;
    this.#saidAtMs = nowMs;
    this.#parts.log.say('daemon.wal-held', {
      held_ms: heldMs,
      wal_bytes: this.#parts.wal.size,
      remedy: remedyOfSpool('wal-held', this.#parts.spoolPath),
    });
  }
}
