/**
 * What the running daemon tells of itself to the admin listener: whether it works, and the document of
 * `GET /status`. It reads the parts; it changes nothing in them.
 *
 * Always holds: asking costs a few hundred numbers, however many messages there are.
 */
import { AdminError, AdminListener, type AdminSource, type AdminView } from './admin/listener.ts';
import type { Clock } from './clock.ts';
import type { GateState } from './core/gate.ts';
import type { Census, LaneCount } from './core/census.ts';
import { noStates } from './core/census.ts';
import { maskRecipient, stripControls } from './core/mask.ts';
import { STATES } from './core/message.ts';
import {
  AGE_BOUNDS_S,
  type AccountStatus,
  type FailureStatus,
  type LaneStatus,
  type Status,
} from './core/status.ts';
import type { Desk } from './dispatch/desk.ts';
import type { Lane } from './dispatch/lane.ts';
import type { Dispatcher } from './dispatch/dispatcher.ts';
import type { AccountLimits } from './dispatch/outcomes.ts';
import type { StatusLog } from './status-log.ts';

/** A loop that has not finished a step for so long does not work; an idle one does so every second. */
const STALLED_MS = 10_000;

export interface OverviewParts {
  readonly clock: Clock;
  readonly version: string;
  readonly spoolPath: string;
  readonly recipients: 'masked' | 'full';
}

/** What there is once the daemon has started. */
export interface Working {
  readonly dispatcher: Dispatcher;
  readonly desks: ReadonlyMap<string, Desk>;
  readonly limits: ReadonlyMap<string, AccountLimits>;
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
  async listen(listen: string, log: StatusLog): Promise<void> {
    this.#listener = await administer(listen, this, log);
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
    if (this.#working === null || !this.#isReady) return 'starting';
    const { steppedAtMs, trouble } = this.#working.dispatcher.progress;
    if (trouble === 'disk-full') return trouble;
    const isStalled = this.#parts.clock.monotonicMs() - steppedAtMs > STALLED_MS;
    return isStalled ? (trouble ?? 'stalled') : null;
  };

  /** Null = there is nothing to tell yet. */
  readonly view = (): AdminView | null => {
    if (this.#working === null) return null;
    const { figures } = this.#working.dispatcher.books;
    const { spoolPath } = this.#parts;
    return { figures, spoolPath, status: this.#status(this.#working) };
  };

  #status(working: Working): Status {
    const { clock, version } = this.#parts;
    const { books } = working.dispatcher;
    books.catchUp();
    const now = clock.now();
    const nowMs = clock.monotonicMs();
    const { figures, census } = books;
    const answered = [...figures.answered.values()].map((pulse) => pulse.seconds(nowMs));
    return {
      at: now,
      version,
      pid: process.pid,
      spool: this.#parts.spoolPath,
      started_at: this.#startedAt,
      unready: this.unready(),
      is_counted: books.isComplete,
      states: totals(census),
      age_bounds_seconds: AGE_BOUNDS_S,
      accounts: [...working.desks.values()].map((desk) =>
        accountStatus(desk, working, { now, nowMs }),
      ),
      lanes: lanesStatus(working, { now, nowMs }),
      answered: sumOf(answered),
      accepted: figures.accepted.seconds(nowMs),
      failures: figures.failures.map((one) => this.#failure(one)),
    };
  }

  #failure({ recipient, ...rest }: FailureStatus): FailureStatus {
    const isMasked = this.#parts.recipients === 'masked';
    return { ...rest, recipient: isMasked ? maskRecipient(recipient) : stripControls(recipient) };
  }
}

interface Instant {
  readonly now: number;
  readonly nowMs: number;
}

function accountStatus(desk: Desk, { limits, dispatcher }: Working, at: Instant): AccountStatus {
  const { figures, census } = dispatcher.books;
  const { ceiling = null } = limits.get(desk.name) ?? {};
  const lanes = [...census.lanes].filter(({ name }) => name.account === desk.name);
  const oldest = lanes.map(({ ages }) => ages.oldest(at.now) ?? Infinity);
  const since = Math.min(...oldest);
  return {
    account: desk.name,
    ...gateStatus(desk.health.gate()),
    limit: ceiling,
    available: rounded(desk.availableRate),
    used: rounded(figures.answered.get(desk.name)?.rate(at.nowMs) ?? 0),
    in_flight: desk.slots.busy,
    concurrency: desk.slots.concurrency,
    blocked_seconds: blockedSeconds(desk.blockedUntil, at),
    oldest_due_seconds: since === Infinity ? null : rounded(at.now - since),
  };
}

function lanesStatus({ desks, dispatcher }: Working, at: Instant): readonly LaneStatus[] {
  const lanes = new Map<string, ReadonlyMap<string, Lane>>();
  for (const [account, desk] of desks) {
    lanes.set(account, new Map([...desk.lanes].map((lane) => [lane.sender, lane])));
  }
  return [...dispatcher.books.census.lanes].map((count) => {
    const { account, sender } = count.name;
    return laneStatus(
      count,
      { desk: desks.get(account), lane: lanes.get(account)?.get(sender) },
      at,
    );
  });
}

function laneStatus(
  { name, states, ages }: LaneCount,
  { desk, lane }: { readonly desk: Desk | undefined; readonly lane: Lane | undefined },
  at: Instant,
): LaneStatus {
  const oldest = ages.oldest(at.now);
  const rate = lane?.pacer?.rate ?? null;
  return {
    ...name,
    state: desk === undefined ? 'suspended' : desk.health.gate(name.sender).kind,
    available: rate === null ? null : rounded(rate),
    blocked_seconds: blockedSeconds(lane?.blockedUntil ?? 0, at),
    states,
    ages: ages.histogram(at.now, AGE_BOUNDS_S),
    oldest_due_seconds: oldest === null ? null : rounded(at.now - oldest),
  };
}

function gateStatus(gate: GateState): Pick<AccountStatus, 'state' | 'reason' | 'next_probe_at'> {
  if (gate.kind === 'active') return { state: 'active', reason: null, next_probe_at: null };
  if (gate.kind === 'paused') return { state: 'paused', reason: 'operator', next_probe_at: null };
  return { state: 'suspended', reason: gate.reason, next_probe_at: gate.nextProbeAt };
}

function blockedSeconds(untilMs: number, { nowMs }: Instant): number {
  return rounded(Math.max(0, untilMs - nowMs) / 1000);
}

function totals(census: Census): Status['states'] {
  const states = noStates();
  for (const lane of census.lanes) for (const state of STATES) states[state] += lane.states[state];
  return states;
}

function sumOf(series: readonly (readonly number[])[]): readonly number[] {
  const [first = [], ...rest] = series;
  return first.map((count, index) => rest.reduce((sum, other) => sum + (other[index] ?? 0), count));
}

function rounded(value: number): number {
  return Math.round(value * 100) / 100;
}

/** Listens at `admin.listen`; null where that cannot be: sending matters more, and a line says so. */
export async function administer(
  listen: string,
  source: AdminSource,
  log: StatusLog,
): Promise<AdminListener | null> {
  try {
    return await AdminListener.start(listen, source);
  } catch (error) {
    if (!(error instanceof AdminError)) throw error;
    const warning = `${error.message}. Without it there are no metrics, and top counts by itself`;
    log.say('warn', 'daemon.warning', { warning });
    return null;
  }
}
