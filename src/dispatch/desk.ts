/**
 * One account at work: its lanes, its permits and who gets them, its slots, its health, and the messages that
 * are claimed and wait for a slot (`hand`).
 *
 * Always holds: nothing is taken without a permit of the account and of its sender; a lane that waits is in
 * no queue that others stand in; what is in hand is `sending` on disk.
 */
import type { Claim } from '../core/claim.ts';
import type { AccountHealth } from '../core/health.ts';
import type { SourceKey, Turn } from '../core/turn.ts';
import type { Gateway } from '../gateway/gateway.ts';
import type { ReadyRow } from '../spool/claims.ts';
import { limitOf } from '../throttle/pace.ts';
import type { Meter } from '../throttle/meter.ts';
import type { Pacer } from '../throttle/pacer.ts';
import { Probation } from '../throttle/probation.ts';
import type { Slots } from '../throttle/slots.ts';
import { Fairness } from './fairness.ts';
import { Lane, type LaneStrand } from './lane.ts';
import { Look, type Taken } from './look.ts';
import type { Nest } from './nest.ts';
import { Permits } from './permits.ts';
import { findProbe, type ProbeRow } from './probe-row.ts';
import { RUN_MAX, type Peek, type Reading } from './strand.ts';
import type { FindUnlike } from './unlike.ts';

/** Lanes beyond so many are looked through for those that hold nothing. */
const LANES_KEPT = 1_000;
/** So many rows at once are one instant: reading them one lane at a time saves most of it. */
const LARGE = 64;

export interface DeskParts {
  readonly name: string;
  /** The sender of messages that name none; null = they cannot be sent. */
  readonly defaultSender: string | null;
  readonly gateway: Gateway;
  readonly pacer: Pacer;
  readonly slots: Slots;
  readonly health: AccountHealth;
  /** The share of permits for lower priorities than the highest that waits, 0 to 0.5; left out = 0.1. */
  readonly reserve?: number;
  /** How long rows without a deadline of their own may be sent; left out = a day. */
  readonly validityMs?: number;
  /** Messages per second that a sender is configured to allow; null = no limit of its own. */
  readonly senderRate: (sender: string) => number | null;
  /** Messages per second that an earlier run had learned of a sender; left out or null = nothing. */
  readonly senderLearned?: (sender: string) => number | null;
  /** The schedule of a sender that allows so many messages a second. */
  readonly senderMeter: (rate: number) => Meter;
  /** Rules beside those of a second; left out or null = there are none. */
  readonly nest?: Nest | null;
  /** Something may be possible now that was not before. */
  readonly onReady: () => void;
}

export type { Taken };

export class Desk {
  readonly name: string;
  /** What goes from now on goes through it. */
  gateway: Gateway;
  readonly pacer: Pacer;
  readonly slots: Slots;
  readonly health: AccountHealth;
  /** Claimed, on disk, and not yet sent. */
  readonly hand: Claim[] = [];
  /** Requests per second that are there to be used, as far as is known; the pace is a little below. */
  availableRate: number;
  /** Monotonic ms until which the gateway asked the whole account to wait. */
  blockedUntil = 0;
  /** After that wait: one message first. */
  readonly probation = new Probation();
  /** Rules that nest; another one takes up what is on disk before it is asked. Null = there are none. */
  nest: Nest | null;
  readonly #parts: DeskParts;
  readonly #permits: Permits;
  readonly #lanes = new Map<string, Lane>();
  readonly #fairness: Fairness<LaneStrand>;
  /** Lanes that keep rows which could not go, whatever the reason; looked through when time or news comes. */
  readonly #aside = new Set<Lane>();
  #deniedAt: number | null = null;
  #unlike: FindUnlike | null = null;
  readonly #tally = { sources: 0 };
  #dropAt = LANES_KEPT;

  constructor(parts: DeskParts) {
    this.#parts = parts;
    this.name = parts.name;
    this.gateway = parts.gateway;
    this.pacer = parts.pacer;
    this.availableRate = Math.round(limitOf(parts.pacer.rate) * 1e6) / 1e6;
    this.slots = parts.slots;
    this.health = parts.health;
    this.nest = parts.nest ?? null;
    this.#permits = new Permits(this);
    this.#fairness = new Fairness(parts.reserve);
  }

  set reserve(share: number) {
    this.#fairness.reserve = share;
  }

  get lanes(): Iterable<Lane> {
    return this.#lanes.values();
  }

  /** The lane of a sender as a row names it. */
  lane(sender: string | null): Lane {
    const name = sender ?? this.#parts.defaultSender ?? '';
    const known = this.#lanes.get(name);
    if (known !== undefined) return known;
    if (this.#lanes.size >= this.#dropAt) this.#dropIdle();
    const lane = new Lane(name, null, this.#parts.validityMs, this.#tally);
    lane.learnedRate = this.#parts.senderLearned?.(name) ?? null;
    const rate = Math.min(this.senderRate(name) ?? Infinity, lane.learnedRate ?? Infinity);
    if (rate < Infinity) this.limitLane(lane, rate);
    this.#lanes.set(name, lane);
    return lane;
  }

  /** Sources with rows that are ready, as far as is known. */
  get sourceCount(): number {
    return this.#tally.sources;
  }

  /** Whether rows of that source are known to be ready. */
  knows(source: SourceKey): boolean {
    const name = source.sender ?? this.#parts.defaultSender ?? '';
    return this.#lanes.get(name)?.knows(source) === true;
  }

  /** Messages per second that a sender is configured to allow; null = no limit of its own. */
  senderRate(sender: string): number | null {
    return this.#parts.senderRate(sender);
  }

  /** The lane's sender allows so many messages a second. */
  limitLane(lane: Lane, rate: number): void {
    lane.pacer = this.#parts.senderMeter(rate);
  }

  /** A row that is ready. */
  offer(key: SourceKey, turn: Turn): void {
    const lane = this.lane(key.sender);
    const strand = lane.offer(key, turn);
    if (strand === null) return;
    if (this.#aside.has(lane)) lane.setAside(strand);
    else this.#fairness.put(strand);
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
    await this.pacer.stop();
  }

  /** Whether anything is ready, as far as is known. */
  get hasWork(): boolean {
    return this.#aside.size > 0 || !this.#fairness.isEmpty;
  }

  /** Takes at most `limit` rows whose turn it is and that may go at this instant. `unlike` finds probes of runs. */
  take(limit: number, nowMs: number, peek: Peek, unlike: FindUnlike | null = null): Taken[] {
    this.#unlike = unlike;
    this.#reopen(nowMs);
    const reading: Reading = { peek, onLater: (row) => this.#found(row) };
    const left = this.#permits.ofAccount(nowMs);
    const isLarge = Math.min(limit, left) >= LARGE;
    const look = new Look({ nowMs, reading, isLarge, left });
    const mayGo = limit > 0 && nowMs >= this.blockedUntil;
    if (mayGo && this.#gate() === 'all') this.#takeAll(limit, look);
    else if (mayGo && this.#gate() === 'one') this.#takeProbe([...this.#lanes.values()], look);
    this.#pay(look);
    if (mayGo && look.taken.length < limit) this.#noteDenial(nowMs);
    for (const lane of look.allowed.keys()) lane.endTransaction();
    return look.taken;
  }

  /** When the desk should be asked again (monotonic ms); null = an answer, a grant or news will say. */
  wakeAt(nowMs: number): number | null {
    if (this.#gate() === 'none' || this.slots.free <= this.hand.length) return null;
    const at = this.#permits.accountAt(nowMs);
    if (at === null || !this.hasWork) return null;
    const permitAt = Math.max(at, this.blockedUntil);
    if (!this.#fairness.isEmpty) return permitAt;
    const instants = [...this.#aside].flatMap((lane) => this.#permits.laneAt(lane, nowMs) ?? []);
    return instants.length === 0 ? null : Math.max(permitAt, Math.min(...instants));
  }

  #noteDenial(nowMs: number): void {
    if (this.#fairness.isEmpty) this.#deniedAt = null;
    else if (this.#permits.ofAccount(nowMs) < 1) this.#deniedAt ??= nowMs;
  }

  #gate(): 'all' | 'one' | 'none' {
    const gate = this.health.gate();
    if (gate.kind === 'active') return 'all';
    return this.health.mayPass('') === 'one' ? 'one' : 'none';
  }

  #takeAll(limit: number, look: Look): void {
    const mayGo = (strand: LaneStrand): boolean => this.#mayGo(strand, look);
    while (look.taken.length < limit && look.left > 0) {
      const strand = this.#fairness.next(mayGo);
      if (strand === null) break;
      this.#takeFrom(strand, Math.min(limit - look.taken.length, look.left), look);
    }
  }

  #takeFrom(strand: LaneStrand, permits: number, look: Look): void {
    const { lane } = strand;
    if (this.health.mayPass(lane.sender) === 'one') {
      look.allowed.set(lane, 0);
      this.#takeProbe([lane], look);
      return;
    }
    const { reading } = look;
    const { head, place } = strand;
    const wanted = this.#fairness.shareOf(strand, permits, look.isLarge ? RUN_MAX : 1);
    const row = lane.first(strand, wanted, reading);
    /* What was known of it may be out of date: then it may be another's turn. */
    if (row !== null && strand.head === head && this.#take(row, lane, look)) {
      this.#fairness.spend(strand);
      strand.take(reading, look.isLarge && this.#isOpen(lane, look));
    }
    if (strand.place !== place) this.#fairness.put(strand);
  }

  #found(row: ReadyRow): void {
    const strand = this.lane(row.sender).offerFound(row);
    if (strand !== null) this.#fairness.put(strand);
  }

  /* Whether its lane can go; else the lane keeps it. */
  #mayGo(strand: LaneStrand, look: Look): boolean {
    const { lane } = strand;
    if (this.#isOpen(lane, look)) return true;
    lane.deniedAt ??= look.nowMs;
    lane.setAside(strand);
    this.#aside.add(lane);
    return false;
  }

  #isOpen(lane: Lane, look: Look): boolean {
    return this.#allowedOf(lane, look) > 0 && this.#permits.areRulesOpen(lane, look.nowMs);
  }

  #allowedOf(lane: Lane, look: Look): number {
    const known = look.allowed.get(lane);
    if (known !== undefined) return known;
    const allowed = this.#permits.of(lane, look.nowMs);
    look.allowed.set(lane, allowed);
    return allowed;
  }

  /* Whether all rules have room for it. */
  #take(row: ReadyRow, lane: Lane, look: Look): boolean {
    const { nowMs } = look;
    const costs = this.#permits.admit(row, lane, nowMs);
    if (costs === null) {
      if (this.#permits.ofAccount(nowMs) < 1) look.left = 0;
      return false;
    }
    const since = Math.min(this.#deniedAt ?? nowMs, lane.deniedAt ?? nowMs);
    look.take({ row, lane, limiterMs: nowMs - since }, costs);
    return true;
  }

  #pay({ taken, spent, used, nowMs }: Look): void {
    if (taken.length === 0) return;
    for (const [lane, count] of spent) {
      lane.pacer?.spend(count, nowMs);
      lane.probation.spent(nowMs);
      lane.deniedAt = null;
    }
    this.pacer.spend(used, nowMs);
    this.probation.spent(nowMs);
    this.#deniedAt = null;
  }

  #takeProbe(lanes: readonly Lane[], look: Look): void {
    if (this.#permits.ofAccount(look.nowMs) < 1) return;
    const able = lanes.filter((lane) => this.#permits.of(lane, look.nowMs) > 0);
    const found = this.#findProbe(able, look);
    if (found !== null) this.#take(found.row, found.lane, look);
  }

  #findProbe(able: readonly Lane[], look: Look): ProbeRow | null {
    const [lane] = able;
    const run = lane === undefined ? null : this.health.runOf(lane.sender);
    if (run !== null && this.#unlike !== null) return this.#unlike(able, run);
    return findProbe(able, look.reading.peek, (id) => this.health.isSuspect(id));
  }

  /* Senders are free text: a lane without rows, limits and waits is made again when it is needed. */
  #dropIdle(): void {
    for (const [name, lane] of this.#lanes) {
      if (lane.isIdle && !this.#aside.has(lane)) this.#lanes.delete(name);
    }
    this.#dropAt = Math.max(LANES_KEPT, this.#lanes.size * 2);
  }

  #reopen(nowMs: number): void {
    for (const lane of this.#aside) {
      if (lane.hasRows && this.#permits.of(lane, nowMs) <= 0) continue;
      if (!lane.bringBack((strand) => this.#fairness.put(strand))) this.#aside.delete(lane);
    }
  }
}
