/** Wakes the dispatcher at the earliest of the instants that anything waits for. One timer; a later one replaces it. */
import type { Clock } from '../clock.ts';
import type { Desk } from './desk.ts';
import type { Intake } from './intake.ts';
import type { Janitor } from './janitor.ts';
import type { Sweeper } from './sweeper.ts';

/** Timers reach no further than this, so that a step of the wall clock is noticed. */
const SLEEP_MAX_MS = 1_000;

export interface AlarmParts {
  readonly clock: Clock;
  readonly desks: ReadonlyMap<string, Desk>;
  readonly intake: Intake;
  readonly janitor: Janitor;
  readonly sweeper: Sweeper;
  readonly ring: () => void;
}

export class Alarm {
  readonly #parts: AlarmParts;
  #timer: NodeJS.Timeout | null = null;

  constructor(parts: AlarmParts) {
    this.#parts = parts;
  }

  /** Rings after so many milliseconds. */
  set(waitMs: number): void {
    this.clear();
    this.#timer = setTimeout(this.#parts.ring, waitMs);
  }

  /** Rings when something is due; lanes are not waited for where nothing may be claimed. */
  setForNext(mayClaim: boolean): void {
    const { clock, desks, intake, janitor, sweeper } = this.#parts;
    const nowMs = clock.monotonicMs();
    const instants = [nowMs + SLEEP_MAX_MS, janitor.expiryAtMs, intake.scanAt];
    instants.push(sweeper.wakeAtMs);
    const dueAt = janitor.nextDueAt;
    if (dueAt !== null) instants.push(nowMs + (dueAt - clock.now()) * 1000);
    for (const desk of mayClaim ? desks.values() : []) {
      const at = desk.wakeAt(nowMs);
      if (at !== null) instants.push(at);
    }
    this.set(Math.max(0, Math.min(...instants) - nowMs));
  }

  /** Milliseconds until the next row is likely to be claimed; Infinity = it is not time that is waited for. */
  nextClaimInMs(nowMs: number): number {
    return Math.min(...[...this.#parts.desks.values()].map((desk) => claimAt(desk, nowMs))) - nowMs;
  }

  clear(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }
}

/** When a desk's next row is likely to be claimed (monotonic ms), now at the earliest; Infinity = as above. */
export function claimAt(desk: Desk, nowMs: number): number {
  if (!desk.hasWork || desk.slots.free <= desk.hand.length) return Infinity;
  const permitAt = desk.pacer.expectedAt(nowMs);
  return Math.max(permitAt, desk.blockedUntil, desk.probation.opensAt, nowMs);
}
