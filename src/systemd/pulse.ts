/**
 * Tells the service manager, a few times within its watchdog's limit, that the loop has gone round, and how
 * things are.
 *
 * Always holds: the watchdog is fed by the loop's progress. The timer here only looks; when the loop has not
 * gone round since the last look, it is not fed, however well timers work.
 */
import type { Announcer } from './announcer.ts';

export interface PulseParts {
  readonly announcer: Pick<Announcer, 'alive' | 'status' | 'isHeard' | 'watchdogMs'>;
  /** How often the loop went round so far. */
  readonly turns: () => number;
  readonly status: () => string;
}

/** How often the status is told where nobody watches. */
const UNWATCHED_MS = 10_000;
/** Looks within the watchdog's limit: a late one or two kill nobody. */
const LOOKS = 3;

export class Pulse implements Disposable {
  readonly #parts: PulseParts;
  #timer: NodeJS.Timeout | null = null;
  #turns: number;

  constructor(parts: PulseParts) {
    this.#parts = parts;
    this.#turns = parts.turns();
  }

  /** Looks from now on, however often it is called; where nobody listens, never. */
  start(): void {
    const { isHeard, watchdogMs } = this.#parts.announcer;
    if (!isHeard || this.#timer !== null) return;
    const everyMs = watchdogMs === null ? UNWATCHED_MS : watchdogMs / LOOKS;
    this.#timer = setInterval(() => this.look(), everyMs).unref();
  }

  look(): void {
    const { announcer, turns, status } = this.#parts;
    const before = this.#turns;
    this.#turns = turns();
    if (this.#turns === before) announcer.status(`the loop hangs; ${status()}`);
    else announcer.alive(status());
  }

  [Symbol.dispose](): void {
    if (this.#timer !== null) clearInterval(this.#timer);
  }
}
