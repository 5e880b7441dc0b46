/**
 * Wakes the loop: at the earliest of the instants that anything waits for, or when the next permit comes that
 * outcomes wait for. One timer; a later wish replaces an earlier one.
 *
 * Outcomes wait a little for the permits of the next claims, so that one commit holds both. At some hundred
 * messages a second that is half the commits, and programs that drop rows find the lock free.
 *
 * Always holds: no outcome waits longer than `GATHER_MS`, however many more come.
 */
import type { Clock } from '../../clock.ts';
import type { AccountQueue } from '../schedule/account-queue.ts';
import type { Intake } from '../schedule/intake.ts';
import type { Janitor } from '../maintenance/janitor.ts';
import type { Sweeper } from '../maintenance/retention.ts';

/** Timers reach no further than this, so that a step of the wall clock is noticed. */
const SLEEP_MAX_MS = 1_000;
const GATHER_MS = 5;

export interface WakeUpParts {
  readonly clock: Clock;
  readonly queues: ReadonlyMap<string, AccountQueue>;
  readonly intake: Intake;
  readonly janitor: Janitor;
  readonly sweeper: Sweeper;
  readonly wake: () => void;
}

export class WakeUp {
  readonly #parts: WakeUpParts;
  #timer: NodeJS.Timeout | null = null;
  /** Until when outcomes wait (monotonic ms); null = none do. */
  #gatherUntilMs: number | null = null;

  constructor(parts: WakeUpParts) {
    this.#parts = parts;
  }

  /** Wakes the loop after `waitMs` milliseconds. */
  after(waitMs: number): void {
    this.clear();
    this.#timer = setTimeout(this.#parts.wake, waitMs);
  }

  /** Wakes it when something is due; lanes are not waited for where nothing may be claimed. */
  whenDue(mayClaim: boolean): void {
    const { clock, queues, intake, janitor, sweeper } = this.#parts;
    const at = { now: clock.now(), nowMs: clock.monotonicMs() };
    const { nowMs } = at;
    const instants = [nowMs + SLEEP_MAX_MS, janitor.expiryAtMs, intake.scanAt];
    instants.push(sweeper.wakeAtMs);
    const dueAt = janitor.nextDueAt;
    if (dueAt !== null) instants.push(nowMs + (dueAt - at.now) * 1000);
    for (const queue of mayClaim ? queues.values() : []) {
      const wakeAt = queue.wakeAt(at);
      if (wakeAt !== null) instants.push(wakeAt);
    }
    this.after(Math.max(0, Math.min(...instants) - nowMs));
  }

  get isGathering(): boolean {
    return this.#gatherUntilMs !== null;
  }

  /** Whether a permit comes soon enough for outcomes to wait for it; the loop is woken then. */
  gather(): boolean {
    const nowMs = this.#parts.clock.monotonicMs();
    const untilMs = this.#gatherUntilMs ?? nowMs + GATHER_MS;
    const waitMs = this.#nextClaimInMs(nowMs);
    if (waitMs <= 0 || nowMs + waitMs > untilMs) return false;
    this.#gatherUntilMs = untilMs;
    this.after(waitMs);
    return true;
  }

  endGathering(): void {
    this.#gatherUntilMs = null;
  }

  clear(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }

  /* Milliseconds until the next row is likely to be claimed; Infinity = it is not time that is waited for. */
  #nextClaimInMs(nowMs: number): number {
    return (
      Math.min(...[...this.#parts.queues.values()].map((queue) => claimAt(queue, nowMs))) - nowMs
    );
  }
}

/** When an account queue's next row is likely to be claimed (monotonic ms), now at the earliest; Infinity = as above. */
export function claimAt(queue: AccountQueue, nowMs: number): number {
  if (!queue.hasWork || queue.slots.free <= queue.hand.length) return Infinity;
  return queue.limits.account.expectedAt(nowMs);
}
