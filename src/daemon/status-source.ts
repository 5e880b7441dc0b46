/**
 * Tells the admin listener whether the daemon works, and makes the document of `GET /status` from its parts. It
 * changes nothing in them.
 *
 * Always holds: asking costs a few hundred numbers, however many messages there are.
 */
import { AdminListener, type AdminPlace, type AdminSource } from '../admin/admin-listener.ts';
import { ListenError } from '../http/listen.ts';
import type { AdminView } from '../admin/metrics.ts';
import type { Clock } from '../clock.ts';
import type { Instant } from '../core/window/usage-window.ts';
import type { CircuitState } from '../core/account/circuit.ts';
import {
  statusOf,
  type AccountFacts,
  type Status,
  type StatusParts,
} from '../core/stats/status.ts';
import { inShort, type Stop } from '../core/account/stops.ts';
import type { AccountQueue } from '../dispatch/schedule/account-queue.ts';
import type { Limit } from '../dispatch/limit/limit.ts';
import type { Lane } from '../dispatch/schedule/lane.ts';
import type { Dispatcher } from '../dispatch/loop/dispatcher.ts';
import type { AccountLimits } from '../dispatch/send/outcomes.ts';
import type { Spool } from '../spool/spool.ts';
import type { StatusLog } from '../log/status-log.ts';
import { QUEUED_MAX, type Vitals } from '../systemd/pulse.ts';

/** A loop that has not finished a step for so long does not work; an idle one does so every second. */
const STALLED_MS = 10_000;

export interface OverviewParts {
  readonly clock: Clock;
  readonly version: string;
  readonly spoolPath: string;
  readonly recipients: 'masked' | 'full';
  /** Why the start waits; null = it does not. */
  readonly waiting: () => Stop | null;
}

/** What there is once the daemon has started. */
export interface Working {
  readonly dispatcher: Dispatcher;
  readonly queues: ReadonlyMap<string, AccountQueue>;
  readonly limits: ReadonlyMap<string, AccountLimits>;
  /** What is stopped at this moment. */
  readonly stops: () => readonly Stop[];
}

export class Overview implements AsyncDisposable, AdminSource {
  readonly #parts: OverviewParts;
  readonly #startedAt: number;
  #working: Working | null = null;
  #isReady = false;
  #isDraining = false;
  #listener: AdminListener | null = null;

  constructor(parts: OverviewParts) {
    this.#parts = parts;
    this.#startedAt = parts.clock.now();
  }

  /** Where it is told, as "127.0.0.1:8027"; null = nowhere. */
  get address(): string | null {
    return this.#listener?.address ?? null;
  }

  /** Begins to tell, if that can be. */
  async listen(place: AdminPlace, log: StatusLog): Promise<void> {
    this.#listener = await administer(place, this, log);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#listener?.[Symbol.asyncDispose]();
    this.#listener = null;
  }

  /** The parts are made; they do not send yet. */
  show(working: Working): void {
    this.#working = working;
  }

  ready(): void {
    this.#isReady = true;
  }

  drain(): void {
    this.#isDraining = true;
  }

  /** Null = messages can be sent; else why not, in a word. */
  readonly unready = (): string | null => {
    if (this.#isDraining) return 'draining';
    const waiting = this.#parts.waiting();
    if (waiting !== null) return waiting.reason;
    if (this.#working === null || !this.#isReady) return 'starting';
    const { steppedAtMs, trouble } = this.#working.dispatcher.progress;
    if (trouble === 'disk-full') return trouble;
    const isStalled = this.#parts.clock.monotonicMs() - steppedAtMs > STALLED_MS;
    return isStalled ? (trouble ?? 'stalled') : null;
  };

  /** What is stopped, the worst first. Before the start: why it waits. */
  readonly stops = (): readonly Stop[] => {
    const waiting = this.#parts.waiting();
    return waiting === null ? (this.#working?.stops() ?? []) : [waiting];
  };

  /** Null = there is nothing to tell yet. */
  readonly view = (): AdminView | null => {
    if (this.#working === null) return null;
    const { counters } = this.#working.dispatcher.stats;
    const { spoolPath } = this.#parts;
    return { counters, spoolPath, status: this.#status(this.#working) };
  };

  #status(working: Working): Status {
    const { clock, version, spoolPath } = this.#parts;
    const { stats } = working.dispatcher;
    stats.catchUp();
    const at = { now: clock.now(), nowMs: clock.monotonicMs() };
    const { counters, counts } = stats;
    const answered = [...counters.answered.values()].map((ring) => ring.seconds(at.nowMs));
    return statusOf({
      at: at.now,
      version,
      pid: process.pid,
      spool: spoolPath,
      started_at: this.#startedAt,
      unready: this.unready(),
      stops: this.stops(),
      is_counted: stats.isComplete,
      counts,
      accounts: [...working.queues.values()].map((queue) => accountFacts(queue, working, at)),
      lane: laneFacts(working, at),
      answered: sumOf(answered),
      accepted: counters.accepted.seconds(at.nowMs),
      failures: counters.failures,
      isMasked: this.#parts.recipients === 'masked',
    });
  }
}

function accountFacts(
  queue: AccountQueue,
  { limits, dispatcher }: Working,
  at: Instant,
): AccountFacts {
  const { counters } = dispatcher.stats;
  return {
    account: queue.name,
    ...gateStatus(queue.circuit.stateOf()),
    limit: limits.get(queue.name)?.ceiling ?? null,
    available: queue.limits.account.rate,
    used: counters.answered.get(queue.name)?.rate(at.nowMs) ?? 0,
    in_flight: queue.slots.busy,
    concurrency: queue.slots.concurrency,
    blocked_seconds: blockedSeconds(queue.limits.account, at),
  };
}

function laneFacts({ queues }: Working, at: Instant): StatusParts['lane'] {
  const lanes = new Map<string, ReadonlyMap<string | null, Lane>>();
  for (const [account, queue] of queues) {
    lanes.set(account, new Map([...queue.lanes].map((lane) => [lane.sender, lane])));
  }
  return (account, sender) => {
    const queue = queues.get(account);
    const lane = lanes.get(account)?.get(sender);
    return {
      state: queue === undefined ? 'suspended' : queue.circuit.stateOf(sender).kind,
      available: lane?.limits.sender.pace ?? null,
      blocked_seconds: lane === undefined ? 0 : blockedSeconds(lane.limits.sender, at),
    };
  };
}

function gateStatus(gate: CircuitState): Pick<AccountFacts, 'state' | 'reason' | 'next_probe_at'> {
  if (gate.kind === 'active') return { state: 'active', reason: null, next_probe_at: null };
  if (gate.kind === 'paused') return { state: 'paused', reason: 'operator', next_probe_at: null };
  return { state: 'suspended', reason: gate.reason, next_probe_at: gate.nextProbeAt };
}

function blockedSeconds({ blockedUntilMs }: Limit, { nowMs }: Instant): number {
  return Math.max(0, (blockedUntilMs ?? nowMs) - nowMs) / 1000;
}

function sumOf(series: readonly (readonly number[])[]): readonly number[] {
  const [first = [], ...rest] = series;
  return first.map((count, index) => rest.reduce((sum, other) => sum + (other[index] ?? 0), count));
}

/** Listens at `admin.listen`; null where that cannot be: sending matters more, and a line says so. */
export async function administer(
  place: AdminPlace,
  source: AdminSource,
  log: StatusLog,
): Promise<AdminListener | null> {
  try {
    return await AdminListener.start(place, source);
  } catch (error) {
    if (!(error instanceof ListenError)) throw error;
    const warning = `${error.message}. Without it there are no metrics, and top counts by itself`;
    log.say('daemon.warning', { warning });
    return null;
  }
}

/** Before the start and after the end. */
export const NOT_AT_WORK: Vitals = { queued: 0, inFlight: 0, ended: 0, stopped: [] };

/** The few numbers that fit a line. Asked every few seconds; costs a millisecond. */
export function vitalsOf({
  dispatcher,
  stops,
  spool,
}: Pick<Working, 'dispatcher' | 'stops'> & { readonly spool: Spool }): Vitals {
  const { inFlight, ended } = dispatcher;
  const queued = spool.sources.countReady(QUEUED_MAX);
  return { inFlight, ended, queued, stopped: inShort(stops()) };
}
