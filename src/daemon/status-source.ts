/**
 * Reports the health of the daemon, what is stopped, and the document of `GET /status`. Changes nothing.
 *
 * Always holds: asking costs a few hundred numbers, however many messages there are.
 */
import {
  startAdmin,
  type AdminListener,
  type AdminPlace,
  type AdminSource,
} from '../admin/admin-listener.ts';
import { ListenError } from '../http/listen.ts';
import type { AdminView } from '../admin/metrics.ts';
import type { Clock } from '../clock.ts';
import type { Config } from '../config/config.ts';
import type { Instant } from '../core/window/usage-window.ts';
import type { CircuitState } from '../core/account/circuit.ts';
import {
  statusOf,
  type KnownAccount,
  type Status,
  type StatusParts,
} from '../core/stats/status.ts';
import { inShort, stopsOf, type Stop } from '../core/account/stops.ts';
import type { AccountQueue } from '../dispatch/schedule/account-queue.ts';
import type { Limit } from '../dispatch/limit/limit.ts';
import type { Lane } from '../dispatch/schedule/lane.ts';
import type { StatusLog } from '../log/status-log.ts';
import { QUEUED_MAX, type HealthFacts } from '../systemd/pulse.ts';
import { startCommand } from '../systemd/start-command.ts';
import { readVersion } from '../version.ts';
import type { RunningParts } from './shutdown.ts';

/** A loop without a finished step for this long does not work; an idle one finishes a step every second. */
const STALLED_MS = 10_000;

export interface StatusSourceParts {
  readonly clock: Clock;
  /** The configuration in force. */
  readonly config: () => Config;
  readonly log: StatusLog;
  /** Why the start waits; null = it does not. */
  readonly waiting: () => Stop | null;
}

type Working = Pick<RunningParts, 'spool' | 'dispatcher' | 'queues' | 'limits'>;

export class StatusSource implements AsyncDisposable, AdminSource {
  readonly #parts: StatusSourceParts;
  readonly #startedAt: number;
  /** Null before the daemon has its parts. */
  #working: Working | null = null;
  #isReady = false;
  #isDraining = false;
  #listener: AdminListener | null = null;

  constructor(parts: StatusSourceParts) {
    this.#parts = parts;
    this.#startedAt = parts.clock.now();
  }

  /** Where the admin listener is, as "127.0.0.1:8027"; null = nowhere. */
  get address(): string | null {
    return this.#listener?.address ?? null;
  }

  async listen(): Promise<void> {
    this.#listener = await administer(this.#parts.config().admin, this, this.#parts.log);
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

  readonly stops = (): readonly Stop[] => {
    const waiting = this.#parts.waiting();
    if (waiting !== null) return [waiting];
    return this.#working === null ? [] : this.#stops(this.#working);
  };

  readonly view = (): AdminView | null => {
    if (this.#working === null) return null;
    const { counters } = this.#working.dispatcher.stats;
    return { counters, status: this.#status(this.#working) };
  };

  /** The few numbers that fit a line. Asked every few seconds; costs a millisecond. */
  get health(): HealthFacts {
    if (this.#working === null || this.#isDraining) return NOT_AT_WORK;
    const { dispatcher, spool } = this.#working;
    const { inFlight, ended } = dispatcher;
    const queued = spool.sources.countReady(QUEUED_MAX);
    return { inFlight, ended, queued, stopped: inShort(this.stops()) };
  }

  #stops({ spool, dispatcher }: Working): readonly Stop[] {
    const { clock, log } = this.#parts;
    const { accounts, defaultAccount, file, secretOrigins } = this.#parts.config();
    const names = new Set(accounts.map(({ name }) => name));
    const { trouble, steppedAtMs } = dispatcher.progress;
    const now = clock.now();
    const steppedAt = now - (clock.monotonicMs() - steppedAtMs) / 1000;
    return stopsOf({
      now,
      daemon: { isRunning: true, hasRun: true, since: this.#startedAt },
      ...spool.stopFacts({ accounts: names, defaultAccount }),
      trouble: trouble === null ? null : { kind: trouble, since: steppedAt },
      isLogWritten: !log.isStalled,
      place: {
        start: startCommand(file),
        spool: spool.path,
        secretOf: (name) => secretOrigins.get(`accounts.${name}.api_secret`) ?? null,
      },
    });
  }

  #status(working: Working): Status {
    const { clock, config } = this.#parts;
    const { stats } = working.dispatcher;
    stats.catchUp();
    const at = { now: clock.now(), nowMs: clock.monotonicMs() };
    const { counters, counts } = stats;
    const answered = [...counters.answered.values()].map((ring) => ring.seconds(at.nowMs));
    return statusOf({
      at: at.now,
      version: readVersion(),
      pid: process.pid,
      spool: working.spool.path,
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
      isMasked: config().log.recipients === 'masked',
    });
  }
}

function accountFacts(
  queue: AccountQueue,
  { limits, dispatcher }: Working,
  at: Instant,
): KnownAccount {
  const { counters } = dispatcher.stats;
  return {
    account: queue.name,
    ...circuitStatus(queue.circuit.stateOf()),
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

function circuitStatus(
  state: CircuitState,
): Pick<KnownAccount, 'state' | 'reason' | 'next_probe_at'> {
  if (state.kind === 'active') return { state: 'active', reason: null, next_probe_at: null };
  if (state.kind === 'paused') return { state: 'paused', reason: 'operator', next_probe_at: null };
  return { state: 'suspended', reason: state.reason, next_probe_at: state.nextProbeAt };
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
    return await startAdmin(place, source);
  } catch (error) {
    if (!(error instanceof ListenError)) throw error;
    const warning = `${error.message}. Without it there are no metrics, and top counts by itself`;
    log.say('daemon.warning', { warning });
    return null;
  }
}

/** Before the start and after the end. */
export const NOT_AT_WORK: HealthFacts = { queued: 0, inFlight: 0, ended: 0, stopped: [] };
