/**
 * Tells the service manager, a few times within its watchdog's limit, that the loop has made progress, and the status.
 *
 * Always holds: the watchdog is fed by the loop's progress. The timer here only looks; without progress since the last
 * look the watchdog is not fed, however well timers work.
 */
import type { Announcer } from './announcer.ts';

export interface PulseParts {
  readonly announcer: Pick<Announcer, 'alive' | 'status' | 'isHeard' | 'watchdogMs'>;
  /** Turns of the loop so far. */
  readonly turns: () => number;
  readonly status: () => string;
}

/** How often the status is sent without a watchdog. */
const UNWATCHED_MS = 10_000;
/** Looks within the watchdog's limit, so that one or two may be late. */
const LOOKS = 3;

export class Pulse implements Disposable {
  readonly #parts: PulseParts;
  #timer: NodeJS.Timeout | null = null;
  #turns: number;

  constructor(parts: PulseParts) {
    this.#parts = parts;
    this.#turns = parts.turns();
  }

  /** Looks from now on; may be called twice. Without a service manager it never looks. */
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

/** The figures of the status line. */
export interface HealthFacts {
  /** Messages that are ready to be sent; counted up to QUEUED_MAX. */
  readonly queued: number;
  /** Open requests. */
  readonly inFlight: number;
  /** Requests that ended so far. */
  readonly ended: number;
  /** What is stopped, in a few words each. */
  readonly stopped: readonly string[];
}

/** More are not counted: the count must be cheap however long the backlog is. */
export const QUEUED_MAX = 10_000;

/** Makes a line at each call; its rate is that since the last one. `nowMs` is monotonic. */
export function statusLines(health: () => HealthFacts, nowMs: () => number): () => string {
  let before = health().ended;
  let beforeMs = nowMs();
  return () => {
    const [now, atMs] = [health(), nowMs()];
    const rate = atMs > beforeMs ? ((now.ended - before) / (atMs - beforeMs)) * 1_000 : 0;
    before = now.ended;
    beforeMs = atMs;
    return lineOf(now, rate);
  };
}

function lineOf({ queued, inFlight, stopped }: HealthFacts, rate: number): string {
  const waiting = queued >= QUEUED_MAX ? `${QUEUED_MAX} or more` : String(queued);
  const counts = `${waiting} queued, ${inFlight} in flight, ${rate.toFixed(1)}/s`;
  return [counts, ...stopped].join('; ');
}
