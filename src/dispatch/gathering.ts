/**
 * Outcomes wait a little for the permits of the next claims, so that one commit holds both. At some hundred
 * messages a second that is half the commits, and programs that drop rows find the lock free.
 *
 * Always holds: nothing waits longer than `GATHER_MS`, however many more outcomes come.
 */
import type { Clock } from '../clock.ts';
import type { Alarm } from './alarm.ts';

const GATHER_MS = 5;

export class Gathering {
  readonly #clock: Clock;
  readonly #alarm: Alarm;
  /** Monotonic ms; null = nothing waits. */
  #untilMs: number | null = null;

  constructor(clock: Clock, alarm: Alarm) {
    this.#clock = clock;
    this.#alarm = alarm;
  }

  get isOn(): boolean {
    return this.#untilMs !== null;
  }

  /** Whether a permit comes soon enough to be waited for; the alarm rings then. */
  begin(): boolean {
    const nowMs = this.#clock.monotonicMs();
    const untilMs = this.#untilMs ?? nowMs + GATHER_MS;
    const waitMs = this.#alarm.nextClaimInMs(nowMs);
    if (waitMs <= 0 || nowMs + waitMs > untilMs) return false;
    this.#untilMs = untilMs;
    this.#alarm.set(waitMs);
    return true;
  }

  end(): void {
    this.#untilMs = null;
  }
}
