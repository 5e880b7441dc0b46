/**
 * Notices commits of other programs. A write to the -wal makes an event, but it comes before the commit can
 * be seen (the wal-index is shared memory, which makes none), so an event means: look now, and several times
 * soon. A slow poll stands behind it; where the folder cannot be watched, a quick one.
 *
 * `PRAGMA data_version` ignores our own commits and costs about two microseconds.
 */
import { watch, type FSWatcher } from 'node:fs';
import { basename, dirname } from 'node:path';
import type { Database, Statement } from 'better-sqlite3';

/**
 * The first looks come quicker than a timer can: after a nap that holds up the event loop, but leaves the core
 * to the writer's fsync (spinning instead made its commit three times as long). Some naps, now and then.
 */
const NAP_MS = 0.05;
const NAPS = 8;
const NAPS_EVERY_MS = 10;
/** Events of our own commits come within this time of them, and deserve no such effort. */
const OWN_MS = 1;
/** The wait before a look is the wait before the last look times this. */
const LOOKS_APART = 4;
const LOOKS_END_AFTER_MS = 512;
const SLOW_POLL_MS = 1000;
const QUICK_POLL_MS = 50;

/* Nobody wakes it: waiting on it is a nap. */
const NEVER = new Int32Array(new SharedArrayBuffer(4));

export interface WatcherOptions {
  readonly db: Database;
  readonly path: string;
  /** Somebody else committed. */
  readonly onCommit: () => void;
  /** Whether a nap of the event loop would hold up nothing else. */
  readonly isIdle: () => boolean;
  /** The folder cannot be watched; the poll is quick instead. */
  readonly onBlind: (error: unknown) => void;
}

export class Watcher {
  readonly #version: Statement<[], number>;
  readonly #onCommit: () => void;
  readonly #isIdle: () => boolean;
  readonly #watcher: FSWatcher | null;
  #poll: NodeJS.Timeout;
  #seen: number;
  #look: NodeJS.Timeout | null = null;
  #waitMs = 1;
  #ownAtMs = -Infinity;
  #nappedAtMs = -Infinity;
  #isEager = false;
  #isStopped = false;

  constructor(options: WatcherOptions) {
    this.#version = options.db.prepare<[], number>('PRAGMA data_version').pluck();
    this.#onCommit = options.onCommit;
    this.#isIdle = options.isIdle;
    this.#seen = this.#version.get() ?? 0;
    this.#watcher = this.#watch(options);
    const every = this.#watcher === null ? QUICK_POLL_MS : SLOW_POLL_MS;
    this.#poll = this.#pollEvery(every);
  }

  stop(): void {
    this.#isStopped = true;
    this.#watcher?.close();
    clearInterval(this.#poll);
    this.#disarm();
  }

  #pollEvery(everyMs: number): NodeJS.Timeout {
    return setInterval(() => this.#hasNews(), everyMs);
  }

  #watch({ path, onBlind }: WatcherOptions): FSWatcher | null {
    const wal = `${basename(path)}-wal`;
    try {
      const watcher = watch(dirname(path), (_event, name) => {
        if (name === null || name === wal) this.#lookSoon();
      });
      watcher.on('error', (error) => {
        clearInterval(this.#poll);
        this.#poll = this.#pollEvery(QUICK_POLL_MS);
        onBlind(error);
      });
      return watcher;
    } catch (error) {
      onBlind(error);
      return null;
    }
  }

  /** We have just committed: the events that follow are most likely our own. */
  noteOwnCommit(): void {
    this.#ownAtMs = performance.now();
  }

  /* A commit makes an event a page: while a look is about to come, no more are needed. */
  #lookSoon(): void {
    if (this.#isEager || (this.#look !== null && this.#waitMs === 1)) return;
    if (this.#hasNews()) return;
    this.#disarm();
    this.#waitMs = 1;
    const nowMs = performance.now();
    const isOwn = nowMs - this.#ownAtMs < OWN_MS;
    const hasNapped = nowMs - this.#nappedAtMs < NAPS_EVERY_MS;
    if (isOwn || hasNapped || !this.#isIdle()) this.#arm();
    else this.#napAndLook(NAPS);
  }

  #napAndLook(naps: number): void {
    this.#isEager = true;
    setImmediate(() => {
      this.#isEager = false;
      if (this.#isStopped) return;
      Atomics.wait(NEVER, 0, 0, NAP_MS);
      this.#nappedAtMs = performance.now();
      if (this.#hasNews()) return;
      if (naps > 1) this.#napAndLook(naps - 1);
      else this.#arm();
    });
  }

  #arm(): void {
    this.#disarm();
    this.#look = setTimeout(() => {
      this.#look = null;
      if (this.#hasNews()) return;
      this.#waitMs *= LOOKS_APART;
      if (this.#waitMs <= LOOKS_END_AFTER_MS) this.#arm();
    }, this.#waitMs);
  }

  #disarm(): void {
    if (this.#look !== null) clearTimeout(this.#look);
    this.#look = null;
  }

  /** Whether somebody else has committed since the last look. In a transaction of ours: before it began. */
  takeNews(): boolean {
    const version = this.#version.get() ?? 0;
    if (version === this.#seen) return false;
    this.#seen = version;
    return true;
  }

  #hasNews(): boolean {
    if (!this.takeNews()) return false;
    this.#onCommit();
    return true;
  }
}
