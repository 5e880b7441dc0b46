/** Waits, without blocking the process, for a write lock that another program holds for a moment. */
import { SpoolError } from './errors.ts';

const WAIT_MS = 20;
const WAIT_MAX_MS = 5_000;

/**
 * Calls `act` until it does not return 'busy', and resolves to what it returns then. Throws SpoolError `locked`
 * when that takes more than five seconds, and the reason of `signal` when it is aborted.
 */
export async function whenFree<T extends object | number>(
  path: string,
  act: () => T | 'busy',
  signal: AbortSignal,
): Promise<T> {
  const endsAtMs = performance.now() + WAIT_MAX_MS;
  do {
    signal.throwIfAborted();
    const done = act();
    if (done !== 'busy') return done;
    await new Promise((resolve) => setTimeout(resolve, WAIT_MS));
  } while (performance.now() < endsAtMs);
  throw new SpoolError('locked', `Another program has held the write lock of ${path} for seconds.`);
}
