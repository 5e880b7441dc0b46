/**
 * One account at work: its lanes, its permits and who gets them, its slots, its health, and the messages that
 * are claimed and wait for a slot (`hand`).
 *
 * Always holds: nothing is taken without a permit of the account and of its sender; a lane that waits is in
 * no queue that others stand in; what is in hand is `sending` on disk.
 */
import type { Instant } from '../../core/window/usage-window.ts';
import type { Claim } from '../../core/message/claim.ts';
import type { AccountCircuit } from '../../core/account/account-circuit.ts';
import type { SourceKey, SortKey } from '../../core/message/sort-key.ts';
import type { Gateway } from '../../gateway/gateway.ts';
import type { ReadyRow } from '../../spool/write/claims.ts';
import type { Slots } from '../../limiter/slots.ts';
import { Scheduler } from './scheduler.ts';
import { Lane, type LaneRowQueue } from './lane.ts';
import type { LimitTree } from '../limit/limit-tree.ts';
import { findProbe, type ProbeRow } from './probe-row.ts';
import { RUN_MAX, type Peek } from './row-queue.ts';
import { TakePass, type Taken } from './take-pass.ts';
import type { FindUnlike } from './unlike-rows.ts';

/** Lanes beyond so many are looked through for those that hold nothing. */
const LANES_KEPT = 1_000;
/** So many rows at once are one instant: reading them one lane at a time saves most of it. */
const LARGE = 64;

export interface AccountQueueParts {
  readonly name: string;
  /** The sender of messages that name none; null = they cannot be sent. */
  readonly defaultSender: string | null;
  readonly gateway: Gateway;
  /** Of the account, its groups and its senders. */
  readonly limits: LimitTree;
  readonly slots: Slots;
  readonly circuit: AccountCircuit;
  /** The share of permits for lower priorities than the highest that waits, 0 to 0.5. */
  readonly reserve: number;
  /** How long rows without a deadline of their own may be sent. */
  readonly validityMs: number;
}

export type { Taken };

export class AccountQueue {
  readonly name: string;
  /** What goes from now on goes through it. */
  gateway: Gateway;
  readonly limits: LimitTree;
  readonly slots: Slots;
  readonly circuit: AccountCircuit;
  /** Claimed, on disk, and not yet sent. */
  readonly hand: Claim[] = [];
  readonly #parts: AccountQueueParts;
  readonly #lanes = new Map<string | null, Lane>();
  readonly #fairness: Scheduler<LaneRowQueue>;
  /** Lanes that keep rows which could not go, whatever the reason; looked through when time or news comes. */
  readonly #aside = new Set<Lane>();
  /** Since when (monotonic ms) a permit of the account has been missing; null = none is. */
  #deniedAt: number | null = null;
  #unlike: FindUnlike | null = null;
  readonly #tally = { sources: 0 };
  #dropAt = LANES_KEPT;

  constructor(parts: AccountQueueParts) {
    this.#parts = parts;
    this.name = parts.name;
    this.gateway = parts.gateway;
    this.limits = parts.limits;
    this.slots = parts.slots;
    this.circuit = parts.circuit;
    this.#fairness = new Scheduler(parts.reserve);
  }

  set reserve(share: number) {
    this.#fairness.reserve = share;
  }

  get lanes(): Iterable<Lane> {
    return this.#lanes.values();
  }

  /** The lane of a sender as a row names it. */
  lane(sender: string | null): Lane {
    const name = sender ?? this.#parts.defaultSender;
    const known = this.#lanes.get(name);
    if (known !== undefined) return known;
    if (this.#lanes.size >= this.#dropAt) this.#dropIdle();
    const { limits, validityMs } = this.#parts;
    const lane = new Lane(limits.pathOf(name), { validityMs, tally: this.#tally });
    this.#lanes.set(name, lane);
    return lane;
  }

  /** Sources with rows that are ready, as far as is known. */
  get sourceCount(): number {
    return this.#tally.sources;
  }

  /** Whether rows of that source are known to be ready. */
  knows(source: SourceKey): boolean {
    const name = source.sender ?? this.#parts.defaultSender;
    return this.#lanes.get(name)?.knows(source) === true;
  }

  /** A row that is ready. */
  offer(key: SourceKey, turn: SortKey): void {
    const lane = this.lane(key.sender);
    const rowQueue = lane.offer(key, turn);
    if (rowQueue === null) return;
    if (this.#aside.has(lane)) lane.setAside(rowQueue);
    else this.#fairness.put(rowQueue);
  }

  /** Forgets every head: a scan follows. */
  forget(): void {
    for (const lane of this.#lanes.values()) lane.forget();
    this.#fairness.clear();
    this.#aside.clear();
  }

  /** Breaks off connections and timers; nothing may be out any more. */
  async stop(): Promise<void> {
    await this.gateway.close();
    await this.limits.stop();
  }

  /** Whether anything is ready, as far as is known. */
  get hasWork(): boolean {
    return this.#aside.size > 0 || !this.#fairness.isEmpty;
  }

  /** Takes at most `limit` rows whose turn it is and that may go at this instant. `unlike` finds probes of runs. */
  take(limit: number, at: Instant, peek: Peek, unlike: FindUnlike | null = null): Taken[] {
    this.#unlike = unlike;
    this.#reopen(at);
    const { account } = this.limits;
    const permits = account.available(at);
    const reading = { peek, onLater: (row: ReadyRow) => this.#found(row) };
    const pass = new TakePass(at, reading, Math.min(limit, permits) >= LARGE);
    if (limit > 0 && permits > 0) {
      if (account.circuit === 'all') this.#takeAll(limit, pass);
      else this.#takeProbe([...this.#lanes.values()], pass);
    }
    if (pass.taken.length > 0) this.#deniedAt = null;
    const isOpen = account.circuit !== 'none' && !account.isBlockedAt(at.nowMs);
    if (isOpen && pass.taken.length < limit) this.#noteDenial(at);
    pass.end();
    return pass.taken;
  }

  /** When the account queue should be asked again (monotonic ms); null = an answer, a grant or news will say. */
  wakeAt(at: Instant): number | null {
    if (this.slots.free <= this.hand.length) return null;
    const permitAt = this.limits.account.opensAt(at);
    if (permitAt === null || !this.hasWork) return null;
    if (!this.#fairness.isEmpty) return permitAt;
    const instants = [...this.#aside].flatMap(({ limits }) => limits.opensAt(at) ?? []);
    return instants.length === 0 ? null : Math.max(permitAt, Math.min(...instants));
  }

  #noteDenial(at: Instant): void {
    if (this.#fairness.isEmpty) this.#deniedAt = null;
    else if (this.limits.account.available(at) < 1) this.#deniedAt ??= at.nowMs;
  }

  #takeAll(limit: number, pass: TakePass): void {
    const { account } = this.limits;
    const mayGo = (rowQueue: LaneRowQueue): boolean => this.#mayGo(rowQueue, pass);
    while (pass.taken.length < limit) {
      const permits = account.available(pass.at);
      const rowQueue = permits < 1 ? null : this.#fairness.next(mayGo);
      if (rowQueue === null) break;
      this.#takeFrom(rowQueue, Math.min(limit - pass.taken.length, permits), pass);
    }
  }

  #takeFrom(rowQueue: LaneRowQueue, permits: number, pass: TakePass): void {
    const { lane } = rowQueue;
    const { reading } = pass;
    if (lane.limits.sender.circuit === 'one') {
      pass.probed.add(lane);
      this.#takeProbe([lane], pass);
      return;
    }
    const { head, place } = rowQueue;
    const wanted = this.#fairness.shareOf(rowQueue, permits, pass.isLarge ? RUN_MAX : 1);
    pass.read.add(lane);
    const row = lane.first(rowQueue, wanted, reading);
    /* What was known of it may be out of date: then it may be another's turn. */
    if (row !== null && rowQueue.head === head && this.#take(row, lane, pass)) {
      this.#fairness.spend(rowQueue);
      rowQueue.take(reading, pass.isLarge && pass.isOpen(lane));
    }
    if (rowQueue.place !== place) this.#fairness.put(rowQueue);
  }

  #found(row: ReadyRow): void {
    const rowQueue = this.lane(row.sender).offerFound(row);
    if (rowQueue !== null) this.#fairness.put(rowQueue);
  }

  /* Whether its lane can go; else the lane keeps it. */
  #mayGo(rowQueue: LaneRowQueue, pass: TakePass): boolean {
    const { lane } = rowQueue;
    if (pass.isOpen(lane)) return true;
    lane.deniedAt ??= pass.at.nowMs;
    lane.setAside(rowQueue);
    this.#aside.add(lane);
    return false;
  }

  /* Whether all limits have room for it. */
  #take(row: ReadyRow, lane: Lane, { at, taken }: TakePass): boolean {
    if (!this.limits.admit(row, lane.limits, at)) return false;
    const since = Math.min(this.#deniedAt ?? at.nowMs, lane.deniedAt ?? at.nowMs);
    taken.push({ row, lane, limiterMs: at.nowMs - since });
    return true;
  }

  #takeProbe(lanes: readonly Lane[], pass: TakePass): void {
    const able = lanes.filter((lane) => lane.limits.available(pass.at) > 0);
    const found = this.#findProbe(able, pass);
    if (found !== null) this.#take(found.row, found.lane, pass);
  }

  #findProbe(able: readonly Lane[], pass: TakePass): ProbeRow | null {
    const [lane] = able;
    const run = lane === undefined ? null : this.circuit.runOf(lane.sender);
    if (run !== null && this.#unlike !== null) return this.#unlike(able, run);
    return findProbe(able, pass.reading.peek, (id) => this.circuit.isSuspect(id));
  }

  /* Senders are free text: a lane without rows, limits and waits is made again when it is needed. */
  #dropIdle(): void {
    for (const [name, lane] of this.#lanes) {
      if (lane.isIdle && !this.#aside.has(lane)) this.#lanes.delete(name);
    }
    this.limits.prune((sender) => this.#lanes.has(sender));
    this.#dropAt = Math.max(LANES_KEPT, this.#lanes.size * 2);
  }

  #reopen(at: Instant): void {
    for (const lane of this.#aside) {
      if (lane.hasRows && lane.limits.available(at) < 1) continue;
      if (!lane.bringBack((rowQueue) => this.#fairness.put(rowQueue))) this.#aside.delete(lane);
    }
  }
}
