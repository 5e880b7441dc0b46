/**
 * An account under usage windows of several scopes, on simulated time: Account queue, LimitTree, Pacer with Bottleneck, Slots with p-queue,
 * RequestSender, Outcomes and AccountThrottle are the daemon's own; the gateway and the disk are stood in for. What the
 * gateway saw is kept with both clocks, for whoever judges it. A crash forgets all but the rows on disk.
 */
import type { Claim } from '../../src/core/message/claim.ts';
import type { Observation } from '../../src/core/answer/observation.ts';
import { predictParts } from '../../src/core/message/parts.ts';
import type { NestedRules } from '../../src/core/window/rate-limits.ts';
import { RequestSender } from '../../src/dispatch/send/sender.ts';
import type { AccountQueue, TakenRow } from '../../src/dispatch/schedule/account-queue.ts';
import { Outcomes } from '../../src/dispatch/send/outcomes.ts';
import { nothingPending } from '../../src/dispatch/work.ts';
import type { UsageWindowRow } from '../../src/spool/write/usage-window-rows.ts';
import { paceOf, senderPaceOf } from '../../src/limiter/pace.ts';
import type { SimulatedTime } from '../bench/limits-clock.ts';
import { makeQueue } from '../support/account-queue.ts';
import { ReadyRows } from '../support/ready-rows.ts';
import { claimOf, DAY } from '../support/verdicts.ts';
import { policyWith } from '../support/policy.ts';
import { CAPABLE } from '../support/gateway.ts';

export const DEFAULT_SENDER = 'A';
const COMMIT_MS = 2;
const TURN_MS = 0.05;

/** A message of an application. */
export interface Drop {
  readonly id: number;
  /** Null = the default, which is a lane with its name. */
  readonly sender: string | null;
  readonly parts: number;
  readonly priority: number;
  readonly campaign: string | null;
}

/** What becomes of the next request that leaves. */
export type Trouble =
  | 'account'
  | 'sender'
  | '429'
  | 'unanswered'
  | 'never-left'
  | 'lost-commit'
  | 'one-more'
  | 'one-less';

/** One request, as the gateway saw it arrive. */
export interface Arrival {
  readonly id: number;
  readonly sender: string;
  /** Milliseconds of no clock that is ever set. */
  readonly atMs: number;
  /** Unix seconds of the machine's wall clock as it arrived. */
  readonly wallAt: number;
  readonly predicted: number;
  /** Parts that its answer named, or would have. */
  readonly actual: number;
}

/** What was taken, when it was. */
export interface Permit {
  readonly sender: string;
  readonly parts: number;
  /** Milliseconds of no clock that is ever set. */
  readonly atMs: number;
  readonly life: number;
}

export interface PlayOptions {
  readonly time: SimulatedTime;
  readonly random: () => number;
  readonly rules: NestedRules;
  readonly perSecond: number;
  readonly senderRates: ReadonlyMap<string, number>;
  readonly troubles: readonly Trouble[];
}

export class Play {
  readonly arrivals: Arrival[] = [];
  readonly permits: Permit[] = [];
  /** Messages that wait, or are out. */
  readonly unsent = new Set<number>();
  /** Messages taken and not written, as a full disk has it. */
  lostCommits = 0;
  readonly #options: PlayOptions;
  readonly #troubles: Trouble[];
  readonly #rows = new ReadyRows();
  #disk: string = '[]';
  #life = 0;
  #daemon: Life | null = null;
  readonly #stopped: Promise<void>[] = [];

  constructor(options: PlayOptions) {
    this.#options = options;
    this.#troubles = [...options.troubles];
  }

  drop({ id, sender, parts, priority, campaign }: Drop): void {
    this.unsent.add(id);
    const text = 'x'.repeat(parts === 1 ? 20 : parts * 153);
    this.#rows.add({ id, sender, priority, campaign, text });
    this.#daemon?.offerAll();
  }

  start(): void {
    if (this.#daemon !== null) return;
    this.#life += 1;
    this.#daemon = new Life(this.#options, {
      rows: this.#rows,
      recall: () => JSON.parse(this.#disk) as readonly UsageWindowRow[],
      keep: (rows) => this.#keep(rows),
      isLost: () => this.#isNext('lost-commit') && (this.lostCommits += 1) > 0,
      send: (claim, done) => this.#arrive(claim, done),
      sent: (id) => void this.unsent.delete(id),
      took: (sender, parts) =>
        void this.permits.push({
          sender,
          parts,
          atMs: this.#options.time.monotonicMs(),
          life: this.#life,
        }),
      ready: (row) => {
        this.#rows.add(row);
        this.#daemon?.offerAll();
      },
    });
    this.#daemon.offerAll();
  }

  /** The process dies: what is out may arrive, and nobody hears the answer. What was claimed is uncertain. */
  crash(): void {
    const daemon = this.#daemon;
    this.#daemon = null;
    if (daemon === null) return;
    for (const id of daemon.die()) this.unsent.delete(id);
    this.#stopped.push(daemon.queue.stop());
  }

  /** The clock was set, or a new second began: whoever sleeps looks again. */
  wake(): void {
    this.#daemon?.kick();
  }

  async stop(): Promise<void> {
    this.crash();
    await Promise.all(this.#stopped);
  }

  /* Rows replace those of the same window. */
  #keep(rows: readonly UsageWindowRow[]): void {
    const key = (row: UsageWindowRow): string => JSON.stringify([row.scope, row.name, row.span]);
    const kept = new Map(
      (JSON.parse(this.#disk) as readonly UsageWindowRow[]).map((row) => [key(row), row]),
    );
    for (const row of rows) kept.set(key(row), row);
    this.#disk = JSON.stringify([...kept.values()]);
  }

  #isNext(trouble: Trouble): boolean {
    if (this.#troubles[0] !== trouble) return false;
    this.#troubles.shift();
    return true;
  }

  #arrive(claim: Claim, done: (observation: Observation) => void): void {
    const { time, random } = this.#options;
    const [trouble] = this.#troubles;
    const isTrouble = trouble !== undefined && trouble !== 'lost-commit';
    if (isTrouble) this.#troubles.shift();
    const toMs = 5 + random() * 100;
    const backMs = 5 + random() * (random() < 0.05 ? 20_000 : 100);
    const predicted = predictParts(claim);
    if (trouble === 'never-left') {
      time.afterSettling(toMs, () => done({ kind: 'never-left', cause: 'connection-refused' }));
      return;
    }
    time.after(toMs, () => {
      const { id, sender } = claim;
      const actual = partsAnswered(predicted, isTrouble ? trouble : null);
      const at = { atMs: time.monotonicMs(), wallAt: time.now() };
      this.arrivals.push({ id, sender, ...at, predicted, actual });
      time.afterSettling(backMs, () => done(answerOf(actual, isTrouble ? trouble : null)));
    });
  }
}

const PART = { gatewayId: null, price: null, network: null, errorText: null, balance: null };
const SENDER_TEXT = 'Throughput Rate Exceeded - please wait [ 250 ] and retry';

function partsAnswered(predicted: number, trouble: Trouble | null): number {
  if (trouble === 'account' || trouble === 'sender') return 1;
  if (trouble === 'one-more') return predicted + 1;
  return trouble === 'one-less' ? Math.max(1, predicted - 1) : predicted;
}

function answerOf(parts: number, trouble: Trouble | null): Observation {
  const end = { retryAfterMs: null, traceId: null };
  if (trouble === 'unanswered') {
    return { kind: 'unanswered', cause: 'timeout', httpStatus: null, traceId: null };
  }
  if (trouble === '429') return { kind: 'http', httpStatus: 429, errorText: null, ...end };
  const isRefused = trouble === 'account' || trouble === 'sender';
  const errorText = trouble === 'sender' ? SENDER_TEXT : null;
  const part = isRefused ? { ...PART, status: 1, errorText } : { ...PART, status: 0 };
  const all = Array.from({ length: parts }, () => part);
  return { kind: 'answered', httpStatus: 200, parts: all, ...end };
}

interface World {
  readonly rows: ReadyRows;
  readonly recall: () => readonly UsageWindowRow[];
  readonly keep: (rows: readonly UsageWindowRow[]) => void;
  readonly isLost: () => boolean;
  readonly send: (claim: Claim, done: (observation: Observation) => void) => void;
  readonly sent: (id: number) => void;
  readonly took: (sender: string, parts: number) => void;
  readonly ready: (row: TakenRow['row']) => void;
}

/** The daemon from a start to a crash. */
class Life {
  readonly queue: AccountQueue;
  readonly #options: PlayOptions;
  readonly #world: World;
  readonly #pending = nothingPending();
  readonly #sender: RequestSender;
  readonly #claims = new Map<number, Claim>();
  readonly #rowsOut = new Map<number, TakenRow['row']>();
  #isDead = false;
  #isScheduled = false;
  #isCommitting = false;
  #wake = 0;

  constructor(options: PlayOptions, world: World) {
    this.#options = options;
    this.#world = world;
    const { time, rules, perSecond, senderRates } = options;
    this.queue = makeQueue({
      ...{ clock: time, defaultSender: DEFAULT_SENDER, rules, senders: senderRates },
      gateway: {
        capabilities: CAPABLE,
        send: (claim, _ttl, done) =>
          world.send(claim, (observation) => {
            if (!this.#isDead) done(observation);
          }),
        close: () => Promise.resolve(),
      },
      ...{ rate: perSecond, pace: paceOf(perSecond), senderPace: senderPaceOf, concurrency: 4 },
      onGrant: this.kick,
      onBug: (error) => {
        throw error;
      },
    });
    const at = { now: time.now(), nowMs: time.monotonicMs() };
    this.queue.limits.recall(world.recall(), at, (_, now) => ({ at: now, used: [], open: [] }));
    const outcomes = new Outcomes({
      policy: policyWith(),
      clock: time,
      random: options.random,
      pending: this.#pending,
      limits: new Map([['main', { configuredRate: perSecond, ceiling: null, concurrency: 4 }]]),
      isCancelAsked: () => false,
      onBalance: () => undefined,
    });
    this.#sender = new RequestSender({ clock: time, outcomes, kick: this.kick });
  }

  offerAll(): void {
    for (const row of this.#world.rows.waiting) this.queue.offer(row, row);
    this.kick();
  }

  /** Ids of messages whose attempts are open. */
  die(): readonly number[] {
    this.#isDead = true;
    return [...this.#claims.keys()];
  }

  readonly kick = (): void => {
    if (this.#isScheduled || this.#isDead) return;
    this.#isScheduled = true;
    this.#options.time.afterSettling(TURN_MS, this.#turn);
  };

  readonly #turn = (): void => {
    this.#isScheduled = false;
    if (this.#isCommitting || this.#isDead) return;
    const { time } = this.#options;
    const { queue } = this;
    const brought = this.#settle();
    const at = { now: time.now(), nowMs: time.monotonicMs() };
    if (this.#probeAt <= at.now) queue.circuit.look(null, true, at.now);
    const limit = queue.slots.free + 2 - queue.prefetched.length;
    const taken = queue.take(Math.max(0, limit), at, this.#world.rows);
    const rows = JSON.parse(
      JSON.stringify(queue.limits.save(at, false)),
    ) as readonly UsageWindowRow[];
    if (taken.length === 0 && !brought && rows.length === 0) {
      this.#sleep();
      return;
    }
    if (taken.length > 0 && this.#world.isLost()) {
      queue.limits.rolledBack(at);
      queue.forget();
      this.offerAll();
      return;
    }
    this.#isCommitting = true;
    this.#world.keep(rows);
    queue.limits.committed();
    const claims = taken.map((one) => this.#claimOf(one));
    this.#world.rows.claim(claims.map(({ id }) => id));
    time.afterSettling(COMMIT_MS, () => {
      this.#isCommitting = false;
      if (this.#isDead) return;
      this.#sender.send(new Map([[queue, claims]]));
      this.kick();
    });
  };

  /* What ended is written; what goes again is ready, now or when its time has come. */
  #settle(): boolean {
    const { ended, entries, circuits, rates } = this.#pending;
    const hasAny = ended.length > 0;
    for (const { claim, settlement } of ended) {
      this.#claims.delete(claim.id);
      const row = this.#rowsOut.get(claim.id);
      if (row === undefined) continue;
      if (settlement.to === 'queued') this.#world.ready(row);
      else if (settlement.to === 'retry') {
        this.#options.time.afterSettling(5_000, () => this.#world.ready(row));
      } else this.#world.sent(claim.id);
    }
    for (const list of [ended, entries, circuits, rates]) list.length = 0;
    return hasAny;
  }

  #claimOf({ row, lane }: TakenRow): Claim {
    const { time } = this.#options;
    const sender = lane.sender ?? DEFAULT_SENDER;
    const claim = claimOf({
      id: row.id,
      text: row.text,
      row,
      sender: sender,
      claimedAt: time.now(),
      deadline: time.now() + DAY,
    });
    this.#world.took(sender, predictParts(claim));
    this.#claims.set(row.id, claim);
    this.#rowsOut.set(row.id, row);
    return claim;
  }

  /* When a suspended account is to be tried (Unix seconds); Infinity = it is not suspended, or is tried. */
  get #probeAt(): number {
    const state = this.queue.circuit.stateOf();
    return state.kind === 'suspended' && !state.isHalfOpen ? state.nextProbeAt : Infinity;
  }

  #sleep(): void {
    const { time } = this.#options;
    const nowMs = time.monotonicMs();
    const probeAt = nowMs + (this.#probeAt - time.now()) * 1000;
    const at = Math.min(this.queue.wakeAt({ now: time.now(), nowMs }) ?? Infinity, probeAt);
    if (at === Infinity) return;
    this.#wake += 1;
    const wake = this.#wake;
    setTimeout(() => {
      if (wake === this.#wake) this.kick();
    }, at - nowMs);
  }
}
