/**
 * Opens the spool at the start of the daemon, and waits while waiting can help: a full disk, a lock that another program
 * holds, a folder that is not mounted yet. Every other error is thrown.
 *
 * Always holds: the spool is owned while a start waits, so that commands see a daemon.
 */
import { setTimeout as pause } from 'node:timers/promises';
import type { Clock } from '../clock.ts';
import { placeOf } from '../core/account/stop-reasons.ts';
import { stopOfStart, type StartObstacle, type Stop } from '../core/account/stops.ts';
import { digestKeyOf } from '../spool/write/recent-sends.ts';
import { isOutOfRoom, SpoolError } from '../spool/sql/spool-errors.ts';
import { isBusy } from '../spool/file/open.ts';
import { OwnFolder } from '../spool/file/own-folder.ts';
import { Ownership } from '../spool/file/ownership.ts';
import { Spool } from '../spool/spool.ts';

const TRY_EVERY_MS = 1_000;

export interface OwnedSpool {
  readonly own: OwnFolder;
  readonly ownership: Ownership;
  readonly spool: Spool;
}

export interface StartWaitParts {
  readonly clock: Clock;
  /** The spool. */
  readonly path: string;
  /** Called for each obstacle, once while it lasts. */
  readonly onWait: (stop: Stop) => Promise<void>;
  /** Ends the waiting: its reason is thrown. */
  readonly signal: AbortSignal;
}

export class StartWait {
  readonly #parts: StartWaitParts;
  #stop: Stop | null = null;
  #tries = 0;

  constructor(parts: StartWaitParts) {
    this.#parts = parts;
  }

  /** Why the start waits; null = it does not. */
  get stop(): Stop | null {
    return this.#stop;
  }

  /** How often a part of the start was tried. */
  get tries(): number {
    return this.#tries;
  }

  /** Does a part of the start; where an obstacle prevents it, again once a second until it is gone. */
  async whenPossible<T>(act: () => Promise<T>): Promise<T> {
    const { path, signal } = this.#parts;
    for (;;) {
      signal.throwIfAborted();
      this.#tries += 1;
      try {
        const done = await act();
        this.#stop = null;
        return done;
      } catch (error) {
        const obstacle = obstacleOf(error, path);
        if (obstacle === null) throw error;
        await this.#waits(obstacle);
      }
      await pause(TRY_EVERY_MS, undefined, { signal }).catch(() => signal.throwIfAborted());
    }
  }

  async #waits(obstacle: StartObstacle): Promise<void> {
    if (this.#stop?.reason === obstacle) return;
    const { clock, path, onWait } = this.#parts;
    this.#stop = stopOfStart(obstacle, clock.now(), placeOf(path));
    await onWait(this.#stop);
  }
}

/* Null = it does not pass by itself. */
function obstacleOf(error: unknown, path: string): StartObstacle | null {
  if (isOutOfRoom(error, path)) return 'disk-full';
  if (isBusy(error)) return 'locked';
  if (!(error instanceof SpoolError)) return null;
  if (error.code === 'locked') return 'locked';
  return error.code === 'no-folder' ? 'no-folder' : null;
}

/** Owns and opens one spool, in one try or several. */
export class SpoolOpening {
  readonly #path: string;
  readonly #named: string | null;
  #ownership: Ownership | null = null;

  /** `named`: `[spool] own`. */
  constructor(path: string, named: string | null) {
    this.#path = path;
    this.#named = named;
  }

  /** Throws SpoolError, and what StartWait waits for. */
  async open(signal: AbortSignal): Promise<OwnedSpool> {
    const own = OwnFolder.open({ own: this.#named, spool: this.#path, env: process.env });
    /* The files may have been replaced while the start waited. */
    if (this.#ownership?.isIntact === false) this.giveUp();
    this.#ownership ??= Ownership.take(this.#path, own);
    const digestKey = digestKeyOf(own);
    const spool = await Spool.openPatiently(this.#path, this.#ownership, signal);
    spool.recent.useKey(digestKey);
    return { own, ownership: this.#ownership, spool };
  }

  giveUp(): void {
    this.#ownership?.release();
    this.#ownership = null;
  }
}
