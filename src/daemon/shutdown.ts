/**
 * Stops a running daemon within a time limit: stores the receipts that arrived, waits for the answers to open requests,
 * writes the outcomes, and logs those that could not be written.
 */
import type { AccountQueue } from '../dispatch/schedule/account-queue.ts';
import type { Dispatcher, DrainLimits } from '../dispatch/loop/dispatcher.ts';
import type { AccountLimits } from '../dispatch/feedback/account-throttle.ts';
import type { Inbound } from './inbound.ts';
import type { DaySpend } from '../spool/write/day-spend.ts';
import type { Ownership } from '../spool/file/ownership.ts';
import type { Spool } from '../spool/spool.ts';
import type { StatusLog } from '../log/status-log.ts';

/** Limit of each step that waits neither for answers nor for writing. */
const STEP_MS = 3_000;

/** The daemon was told to stop before it had started. */
export class StartBrokenOff extends Error {
  override readonly name = 'StartBrokenOff';

  constructor() {
    super('told to stop before the start was over');
  }
}

/** The parts of a daemon at work. */
export interface RunningParts {
  readonly spool: Spool;
  readonly ownership: Ownership;
  readonly daySpend: DaySpend;
  /** By account. */
  readonly queues: Map<string, AccountQueue>;
  readonly limits: Map<string, AccountLimits>;
  readonly dispatcher: Dispatcher;
  readonly inbound: Inbound;
}

/** Resolves to how many outcomes could not be written. Never rejects: what goes wrong is logged. */
export async function takeDown(
  { spool, ownership, queues, dispatcher, inbound }: RunningParts,
  log: StatusLog,
  limits: DrainLimits,
): Promise<number> {
  const step = (work: () => unknown, limitMs = STEP_MS): Promise<void> =>
    within(limitMs, work, log);
  /* What was brought is stored and answered; what comes now waits for the next daemon. */
  await step(() => inbound[Symbol.asyncDispose]());
  await step(() => dispatcher.drain(limits), limits.totalMs + STEP_MS);
  const { unwritten } = dispatcher;
  for (const { claim, settlement, end } of unwritten) {
    const { id, number: attempt } = claim;
    const { to, reason } = settlement;
    const status = end.status ?? undefined;
    log.say('message.unwritten', { id, attempt, to, reason, status });
  }
  await step(() => inbound.stopNotifying());
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
