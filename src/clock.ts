/**
 * Provides the two clocks as values: the wall clock for what people wrote (send_at, expiry), the monotonic clock for
 * waits. A step of the wall clock never moves a wait.
 */
import { readFileSync } from 'node:fs';
import { uptime } from 'node:os';

/** One boot of the machine: within it, two processes can compare their monotonic clocks. */
export interface Boot {
  readonly id: string;
  /** What the monotonic clock of this process shows less than that of the machine (ms). */
  readonly aheadMs: number;
}

export interface Clock {
  /** Unix seconds. */
  readonly now: () => number;
  /** Milliseconds since some fixed instant; never goes back. */
  readonly monotonicMs: () => number;
  /** Null or none = not known: what another process wrote is aged by the wall clock alone. */
  readonly boot?: Boot | null;
  /** How long the machine slept since its boot (ms): the monotonic clock stands still meanwhile. None = not known. */
  readonly sleptMs?: () => number;
}

export const systemClock: Clock = {
  now: () => Date.now() / 1000,
  monotonicMs: () => performance.now(),
  boot: bootOf('/proc/sys/kernel/random/boot_id'),
  /* On Linux the uptime counts sleep, and the high-resolution clock does not. */
  sleptMs: () => Math.max(0, uptime() * 1000 - Number(process.hrtime.bigint()) / 1e6),
};

/* Where the machine does not tell, nothing is known. */
function bootOf(path: string): Boot | null {
  try {
    const id = readFileSync(path, 'utf8').trim();
    return { id, aheadMs: Number(process.hrtime.bigint()) / 1e6 - performance.now() };
  } catch {
    return null;
  }
}
