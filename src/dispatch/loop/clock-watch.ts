/**
 * Notices that the wall clock was set, by the monotonic one, and moves what waits by as much: on disk in the
 * transaction that notices it, in memory after the commit.
 */
import type { Clock } from '../../clock.ts';
import { hasDrifted, stepBetween, type ClockReading } from '../../core/time/clock-step.ts';
import type { Spool } from '../../spool/spool.ts';
import type { StatusLog } from '../../log/status-log.ts';
import type { AccountQueue } from '../schedule/account-queue.ts';
import type { Participant } from '../work.ts';

export interface ClockWatchParts {
  readonly spool: Spool;
  readonly clock: Clock;
  readonly log: Pick<StatusLog, 'say'>;
  readonly queues: ReadonlyMap<string, AccountQueue>;
}

interface SeenStep {
  readonly reading: ClockReading;
  readonly step: number;
  readonly waiting: number;
}

export class ClockWatch implements Participant {
  readonly #parts: ClockWatchParts;
  /** Null = nothing was read since the start. */
  #before: ClockReading | null = null;
  /** What the open transaction does; null = nothing. */
  #seen: SeenStep | null = null;

  constructor(parts: ClockWatchParts) {
    this.#parts = parts;
  }

  /** In a transaction. Whether instants of waiting rows may have changed. */
  work(): boolean {
    const { spool, clock } = this.#parts;
    this.#seen = null;
    const clocks = {
      now: clock.now(),
      monotonicMs: clock.monotonicMs() + (clock.boot?.aheadMs ?? 0),
    };
    if (this.#before !== null && !hasDrifted(this.#before, clocks)) return false;
    const reading = { ...clocks, sleptMs: clock.sleptMs?.() ?? 0 };
    const known = this.#before ?? knownBefore(spool, clock);
    const step = known === null ? 0 : stepBetween(known, reading);
    const waiting = step === 0 ? 0 : spool.clockSteps.shift(step);
    this.#seen = { reading, step, waiting };
    if (clock.boot) spool.clockSteps.save({ ...reading, boot: clock.boot.id });
    return step !== 0;
  }

  rolledBack(): void {
    this.#seen = null;
  }

  committed(): void {
    if (this.#seen === null) return;
    const { reading, step, waiting } = this.#seen;
    this.#seen = null;
    this.#before = reading;
    if (step === 0) return;
    for (const { circuit } of this.#parts.queues.values()) circuit.shift(step);
    this.#parts.log.say('daemon.clock-set', { by_seconds: Math.round(step), waiting });
  }
}

/* Of an earlier run in this boot of the machine: after a reboot nothing tells a step from the time that passed. */
function knownBefore(spool: Spool, { boot }: Clock): ClockReading | null {
  const known = spool.clockSteps.known();
  return known !== null && boot && known.boot === boot.id ? known : null;
}
