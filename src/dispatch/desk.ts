/**
 * One account at work: its lanes in the order of their turns, its permits, its slots, its health, and the
 * messages that are claimed and wait for a slot (`hand`).
 *
 * Always holds: nothing is taken without a permit of the account and of its sender; a lane that waits is in
 * no queue that others stand in; what is in hand is `sending` on disk.
 */
import type { Claim } from '../core/claim.ts';
import type { AccountHealth } from '../core/health.ts';
import type { SourceKey, Turn } from '../core/turn.ts';
import type { Gateway } from '../gateway/gateway.ts';
import type { ReadyRow } from '../spool/claims.ts';
import type { Pacer } from '../throttle/pacer.ts';
import type { Slots } from '../throttle/slots.ts';
import { Lane, type Peek } from './lane.ts';
import { Turns } from './turns.ts';

/** Sources an account's lanes hold in memory; a scan brings in more as they empty. */
export const SOURCES_MAX = 20_000;
/** Rows looked at per source for a probe that is another message than before. */
const PROBE_LOOK = 65;

export interface DeskParts {
  readonly name: string;
  /** The sender of messages that name none; null = they cannot be sent. */
  readonly defaultSender: string | null;
  readonly gateway: Gateway;
  readonly pacer: Pacer;
  readonly slots: Slots;
  readonly health: AccountHealth;
  /** Messages per second that a sender is configured to allow; null = no limit of its own. */
  readonly senderRate: (sender: string) => number | null;
  /** A pacer for a sender that allows so many messages a second. */
  readonly senderPacer: (rate: number, onGrant: () => void) => Pacer;
  /** Something may be possible now that was not before. */
  readonly onReady: () => void;
}

/** A row taken for sending, and how long its lane waited for the permit. */
export interface Taken {
  readonly row: ReadyRow;
  readonly lane: Lane;
  readonly limiterMs: number;
}

export class Desk {
  readonly name: string;
  readonly gateway: Gateway;
  readonly pacer: Pacer;
  readonly slots: Slots;
  readonly health: AccountHealth;
  /** Claimed, on disk, and not yet sent. */
  readonly hand: Claim[] = [];
  /** Monotonic ms until which the gateway asked the whole account to wait. */
  blockedUntil = 0;
  readonly #parts: DeskParts;
  readonly #lanes = new Map<string, Lane>();
  readonly #open = new Turns<Lane>();
  /** Lanes with rows that may not go now, whatever the reason; looked through when time or news comes. */
  readonly #aside = new Set<Lane>();
  #deniedAt: number | null = null;

  constructor(parts: DeskParts) {
    this.#parts = parts;
    this.name = parts.name;
    this.gateway = parts.gateway;
    this.pacer = parts.pacer;
    this.slots = parts.slots;
    this.health = parts.health;
  }

  get lanes(): Iterable<Lane> {
    return this.#lanes.values();
  }

  /** The lane of a sender as a row names it. */
  lane(sender: string | null): Lane {
    const name = sender ?? this.#parts.defaultSender ?? '';
    const known = this.#lanes.get(name);
    if (known !== undefined) return known;
    const lane = new Lane(name, null);
    const rate = this.#parts.senderRate(name);
    if (rate !== null) this.limitLane(lane, rate);
    this.#lanes.set(name, lane);
    return lane;
  }

  /** The lane's sender allows so many messages a second. */
  limitLane(lane: Lane, rate: number): void {
    lane.pacer = this.#parts.senderPacer(rate, this.#parts.onReady);
  }

  /** A row that is ready. */
  offer(key: SourceKey, turn: Turn): void {
    const lane = this.lane(key.sender);
    if (lane.offer(key, turn) && !this.#aside.has(lane)) this.#open.put(lane);
  }

  /** Forgets every head: a scan follows. */
  forget(): void {
    for (const lane of this.#lanes.values()) lane.forget();
    this.#open.clear();
    this.#aside.clear();
  }

  /** Breaks off connections and timers; nothing may be out any more. */
  async stop(): Promise<void> {
    await this.gateway.close();
    await this.pacer.stop();
    for (const lane of this.#lanes.values()) await lane.pacer?.stop();
  }

  /** Whether anything is ready, as far as is known. */
  get hasWork(): boolean {
    return this.#aside.size > 0 || this.#open.peek() !== null;
  }

  /** Takes at most `limit` rows whose turn it is and that may go at this instant. */
  take(limit: number, nowMs: number, peek: Peek): Taken[] {
    this.#reopen(nowMs);
    const taken: Taken[] = [];
    const mayGo = limit > 0 && nowMs >= this.blockedUntil;
    if (mayGo && this.#gate() === 'all') this.#takeAll(taken, limit, nowMs, peek);
    else if (mayGo && this.#gate() === 'one') {
      this.#takeProbe([...this.#lanes.values()], taken, nowMs, peek);
    }
    for (const { lane } of taken) lane.endTransaction();
    return taken;
  }

  /** When the desk should be asked again (monotonic ms); null = an answer, a grant or news will say. */
  wakeAt(nowMs: number): number | null {
    if (this.#gate() === 'none' || this.slots.free <= this.hand.length) return null;
    const instants: number[] = [];
    if (this.#open.peek() !== null) {
      const at = this.pacer.nextAt(nowMs);
      if (at !== null) instants.push(Math.max(at, this.blockedUntil));
    }
    for (const lane of this.#aside) {
      const at = lane.head === null ? null : this.#laneAt(lane, nowMs);
      if (at !== null) instants.push(Math.max(at, this.blockedUntil));
    }
    return instants.length === 0 ? null : Math.min(...instants);
  }

  #gate(): 'all' | 'one' | 'none' {
    const gate = this.health.gate();
    if (gate.kind === 'active') return 'all';
    return this.health.mayPass('') === 'one' ? 'one' : 'none';
  }

  #takeAll(taken: Taken[], limit: number, nowMs: number, peek: Peek): void {
    let left = limit;
    while (left > 0) {
      const allowed = Math.min(left, this.pacer.available(nowMs));
      if (allowed <= 0) {
        if (this.#open.peek() !== null) this.#deniedAt ??= nowMs;
        return;
      }
      const lane = this.#open.take();
      if (lane === null) {
        this.#deniedAt = null;
        return;
      }
      left -= this.#takeLane(lane, taken, { allowed, nowMs, peek });
    }
  }

  #takeLane(
    lane: Lane,
    taken: Taken[],
    now: { readonly allowed: number; readonly nowMs: number; readonly peek: Peek },
  ): number {
    const allowed = Math.min(now.allowed, this.#laneAllows(lane, now.nowMs));
    if (allowed <= 0) {
      lane.deniedAt ??= now.nowMs;
      this.#aside.add(lane);
      return 0;
    }
    if (this.health.mayPass(lane.sender) === 'one') {
      this.#aside.add(lane);
      return this.#takeProbe([lane], taken, now.nowMs, now.peek);
    }
    const rows = lane.take(allowed, this.#open.peek()?.head ?? null, now.peek);
    this.#spend(lane, rows, now.nowMs, taken);
    this.#open.put(lane);
    return rows.length;
  }

  #spend(lane: Lane, rows: readonly ReadyRow[], nowMs: number, taken: Taken[]): void {
    if (rows.length === 0) return;
    const since = Math.min(this.#deniedAt ?? nowMs, lane.deniedAt ?? nowMs);
    this.pacer.spend(rows.length, nowMs);
    lane.pacer?.spend(rows.length, nowMs);
    this.#deniedAt = null;
    lane.deniedAt = null;
    for (const row of rows) taken.push({ row, lane, limiterMs: nowMs - since });
  }

  /* Half-open: one message goes, another one than those that shut the gate, if there is one. */
  #takeProbe(lanes: readonly Lane[], taken: Taken[], nowMs: number, peek: Peek): number {
    if (this.pacer.available(nowMs) < 1) return 0;
    let suspect: Taken | null = null;
    for (const lane of lanes) {
      if (this.#laneAllows(lane, nowMs) <= 0) continue;
      const rows = lane.look(PROBE_LOOK, peek);
      if (rows.length === 0) lane.forget();
      for (const row of rows) {
        if (!this.health.isSuspect(row.id)) {
          this.#spend(lane, [row], nowMs, taken);
          return 1;
        }
        suspect ??= { row, lane, limiterMs: 0 };
      }
    }
    if (suspect !== null) this.#spend(suspect.lane, [suspect.row], nowMs, taken);
    return suspect === null ? 0 : 1;
  }

  #laneAllows(lane: Lane, nowMs: number): number {
    if (nowMs < lane.blockedUntil) return 0;
    const gate = this.health.mayPass(lane.sender);
    if (gate === 'none') return 0;
    const permits = lane.pacer === null ? Infinity : lane.pacer.available(nowMs);
    return gate === 'one' ? Math.min(1, permits) : permits;
  }

  #laneAt(lane: Lane, nowMs: number): number | null {
    if (this.health.mayPass(lane.sender) === 'none') return null;
    if (lane.pacer === null) return Math.max(lane.blockedUntil, nowMs);
    const at = lane.pacer.nextAt(nowMs);
    return at === null ? null : Math.max(at, lane.blockedUntil);
  }

  #reopen(nowMs: number): void {
    for (const lane of this.#aside) {
      if (lane.head !== null && this.#laneAllows(lane, nowMs) <= 0) continue;
      this.#aside.delete(lane);
      this.#open.put(lane);
    }
  }
}
