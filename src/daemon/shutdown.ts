/**
 * Stops a running daemon within a time limit: stores the receipts that arrived, waits for the answers to open requests,
 * writes the outcomes, and logs those that could not be written.
 */
import type { AccountQueue } from '../dispatch/schedule/account-queue.ts';
import type { Dispatcher, DrainLimits } from '../dispatch/loop/dispatcher.ts';
import type { Reception } from './inbound.ts';
import type { Ownership } from '../spool/file/ownership.ts';
import type { Spool } from '../spool/spool.ts';
import type { StatusLog } from '../log/status-log.ts';

/** What takes none of the time for answers and for writing may take this long each. */
const STEP_MS = 3_000;

/** The daemon was told to stop before it had started. */
export class StartBrokenOff extends Error {
  override readonly name = 'StartBrokenOff';

  constructor() {
    super('told to stop before the start was over');
  }
}

export interface Running {
  readonly spool: Spool;
  readonly ownership: Ownership;
  readonly queues: ReadonlyMap<string, AccountQueue>;
  readonly dispatcher: Dispatcher;
  readonly reception: Reception;
}

export interface TakeDownOptions {
  readonly log: StatusLog;
  readonly limits: DrainLimits;
}

/** Resolves to how many outcomes could not be written. Never rejects: what goes wrong is logged. */
export async function takeDown(running: Running, options: TakeDownOptions): Promise<number> {
  const { spool, ownership, queues, dispatcher, reception } = running;
  const { log, limits } = options;
  const step = (work: () => unknown, limitMs = STEP_MS): Promise<void> =>
    within(limitMs, work, log);
  /* What was brought is stored and answered; what comes now waits for the next daemon. */
  await step(() => reception[Symbol.asyncDispose]());
  await step(() => dispatcher.drain(limits), limits.totalMs + STEP_MS);
  const { unwritten } = dispatcher;
  for (const { claim, settlement, end } of unwritten) {
    const { id, number: attempt } = claim;
    const { to, reason } = settlement;
    log.say('message.unwritten', {
      ...{ id, attempt, to, reason },
      status: end.status ?? undefined,
    });
  }
  await step(() => reception.stopNotifying());
  for (const queue of queues.values()) await step(() => queue.stop());
  await step(() => spool.close());
  await step(() => ownership.release());
  return unwritten.length;
}

async function within(limitMs: number, work: () => unknown, log: StatusLog): Promise<void> {
  const limit = Promise.withResolvers<undefined>();
  const timer = setTimeout(() => limit.resolve(undefined), limitMs);
  try {
    await Promise.race([work(), limit.promise]);
  } catch (error) {
    log.say('daemon.warning', { warning: `while stopping: ${String(error)}` });
  } finally {
    clearTimeout(timer);
  }
}
