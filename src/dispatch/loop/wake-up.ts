/**
 * Wakes the loop, with one timer: at the earliest instant that anything waits for, or when the permit comes that
 * outcomes wait for.
 *
 * Outcomes wait a little for the permits of the next claims, so that one commit holds both. At some hundred messages a
 * second that is half the commits, and programs that insert rows find the lock free. No outcome waits longer than
 * `GATHER_MS`.
 */
import type { Clock } from '../../clock.ts';
import type { AccountQueue } from '../schedule/account-queue.ts';
import type { LoopStep } from './transaction.ts';

/** Timers reach no further than this, so that a step of the wall clock is noticed. */
const SLEEP_MAX_MS = 1_000;
const GATHER_MS = 5;

export interface WakeUpParts {
  readonly clock: Clock;
  readonly queues: ReadonlyMap<string, AccountQueue>;
  readonly step: Pick<LoopStep, 'intake' | 'janitor' | 'sweeper'>;
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
    const { clock, queues, step } = this.#parts;
    const { intake, janitor, sweeper } = step;
    const at = { now: clock.now(), nowMs: clock.monotonicMs() };
    const { nowMs } = at;
    const instants = [nowMs + SLEEP_MAX_MS, janitor.expiryAtMs, intake.scanAt, sweeper.wakeAtMs];
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
    const instants = [...this.#parts.queues.values()].flatMap((one) => claimAt(one, nowMs) ?? []);
    const nextMs = Math.min(...instants);
    if (nextMs <= nowMs || nextMs > untilMs) return false;
    this.#gatherUntilMs = untilMs;
    this.after(nextMs - nowMs);
    return true;
  }

  endGathering(): void {
    this.#gatherUntilMs = null;
  }

  clear(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }
}

/** When an account queue's next row is likely to be claimed (monotonic ms); null = it does not wait for time. */
export function claimAt(queue: AccountQueue, nowMs: number): number | null {
  if (!queue.hasWork || queue.slots.free <= queue.prefetched.length) return null;
  return queue.limits.account.expectedAt(nowMs);
}
