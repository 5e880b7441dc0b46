/**
 * What one scope (an account, a group or a sender) allows at an instant: its rate, its usage windows, the wait that
 * the gateway asked for with the half-open state after it, and its circuit. All of them must allow a message.
 *
 * Always holds: asking spends nothing; nobody else changes the rate or the wait. Why they change is decided by the
 * throttle response, and whose turn it is by the scheduler.
 */
import type { Instant, OpenClaim } from '../../core/window/usage-window.ts';
import type { WindowSchedule, Meter } from '../../limiter/meter.ts';
import { HalfOpen } from '../../limiter/half-open.ts';
import type { Pacer } from '../../limiter/pacer.ts';
import type { LimitName, UsageWindows } from './usage-windows.ts';

/** Messages that a circuit lets through: all, one to see whether the trouble is over, or none. */
export type Passage = 'all' | 'one' | 'none';

export interface LimitParts extends LimitName {
  /** Null = there is no circuit. */
  readonly circuit: (() => Passage) | null;
  /** Makes the schedule of a limit of so many messages per second. */
  readonly meterOf: (rate: number) => Meter | Pacer;
}

export class Limit implements LimitName {
  readonly scope: LimitName['scope'];
  readonly name: string | null;
  /** Counted in windows, or by part; null = neither. */
  windows: UsageWindows | null = null;
  readonly #parts: LimitParts;
  readonly #halfOpen = new HalfOpen();
  #meter: Meter | Pacer | null = null;
  #rate: number | null = null;
  #blockedUntilMs: number | null = null;
  /** When the latest accepted message left (monotonic ms), and what it took; null = none was yet. */
  #accepted: { atMs: number; cost: number } | null = null;

  constructor(parts: LimitParts) {
    this.#parts = parts;
    this.scope = parts.scope;
    this.name = parts.name;
  }

  /** Messages per second that are available, as far as is known; null = no limit is known. */
  get rate(): number | null {
    return this.#rate;
  }

  /** Messages per second that are aimed at, a little below `rate`; null = no limit is known. */
  get pace(): number | null {
    return this.#meter?.rate ?? null;
  }

  /** The gateway's windows that permits are aimed at; null = they are even. */
  get schedule(): WindowSchedule | null {
    return this.#meter?.schedule ?? null;
  }

  /** Monotonic ms until which the gateway asked to wait, in the past once that is over; null = it never did. */
  get blockedUntilMs(): number | null {
    return this.#blockedUntilMs;
  }

  get accepted(): { readonly atMs: number; readonly cost: number } | null {
    return this.#accepted;
  }

  get circuit(): Passage {
    return this.#parts.circuit?.() ?? 'all';
  }

  /** Whether a new limit of the same name would be the same. */
  get isNew(): boolean {
    const isFree = this.#meter === null && this.windows === null;
    return isFree && this.#blockedUntilMs === null && !this.#halfOpen.isOn;
  }

  /** Permits that a message of `parts` parts takes. */
  costOf(parts: number): number {
    return this.windows?.per === 'part' ? parts : 1;
  }

  /** Permits that may be used now. */
  available(at: Instant): number {
    const passage = this.circuit;
    if (passage === 'none' || this.isBlockedAt(at.nowMs)) return 0;
    const permits = this.#meter === null ? Infinity : this.#meter.available(at.nowMs);
    if (permits < 1 || this.windows?.areOpen(at) === false) return 0;
    if (this.#halfOpen.isOn) return this.#halfOpen.mayProbe(at.nowMs) ? 1 : 0;
    return passage === 'one' ? 1 : permits;
  }

  /** Whether a wait that the gateway asked for is not over at that instant (monotonic ms). */
  isBlockedAt(nowMs: number): boolean {
    return this.#blockedUntilMs !== null && nowMs < this.#blockedUntilMs;
  }

  /** When a permit may be available (monotonic ms); null = a grant, an answer or an operator decides. */
  opensAt(at: Instant): number | null {
    if (this.circuit === 'none') return null;
    const pacedAt = this.#meter === null ? at.nowMs : this.#meter.nextAt(at.nowMs);
    const freesAt = this.windows === null ? at.nowMs : this.windows.opensAt(at);
    if (pacedAt === null || freesAt === null) return null;
    return Math.max(pacedAt, freesAt, this.#waitEndsAt(at.nowMs));
  }

  /** The same without circuit and windows, about: also where the grant of a permit is on its way. */
  expectedAt(nowMs: number): number {
    const pacedAt = this.#meter === null ? nowMs : this.#meter.expectedAt(nowMs);
    return Math.max(pacedAt, this.#waitEndsAt(nowMs));
  }

  /** Whether the windows have room for a message of that cost; if not, they wait for it. */
  fits(cost: number, at: Instant): boolean {
    return this.windows?.fits(cost, at) ?? true;
  }

  /** A message of that cost, which fits, goes. */
  admit(cost: number, at: Instant): void {
    this.#meter?.spend(cost, at.nowMs);
    this.#halfOpen.left(at.nowMs);
    this.windows?.open(cost, at);
  }

  /** An admitted message was answered. `actual` is what really left, 0 = nothing. */
  settle(admitted: OpenClaim, actual: number, at: Instant): void {
    if (actual > admitted.cost) this.#meter?.spend(actual - admitted.cost, at.nowMs);
    this.windows?.close(admitted, actual, at);
  }

  /** So many messages per second are available: as the maker of its schedule paces them. */
  begin(rate: number): void {
    this.#rate = rate;
    this.#meter = this.#parts.meterOf(rate);
  }

  /** From now on so many messages per second are available, and so many are aimed at. */
  setRate(
    { rate, pace }: { readonly rate: number; readonly pace: number },
    schedule: WindowSchedule | null,
    nowMs: number,
  ): void {
    if (this.#meter === null) this.begin(rate);
    else this.#meter.set(pace, schedule, nowMs);
    this.#rate = rate;
  }

  /** No limit of messages per second is known any more. */
  clearRate(): void {
    this.#rate = null;
    this.#meter = null;
  }

  /** The gateway asked to wait so long. Returns false if a longer wait is in force. */
  block(waitMs: number, nowMs: number): boolean {
    if (this.#blockedUntilMs !== null && this.#blockedUntilMs >= nowMs + waitMs) return false;
    this.#blockedUntilMs = nowMs + waitMs;
    return true;
  }

  /** After the wait one message goes first. */
  tryFirst(): void {
    this.#halfOpen.begin();
  }

  /** A message that left then was answered, and was not throttled here. */
  passed(sentAtMs: number): void {
    this.#halfOpen.answered(sentAtMs);
  }

  /** A message that left then, and took so much, was accepted. */
  noteAccepted(sentAtMs: number, cost: number): void {
    this.#accepted ??= { atMs: sentAtMs, cost };
    this.#accepted.atMs = sentAtMs;
    this.#accepted.cost = cost;
  }

  #waitEndsAt(nowMs: number): number {
    return Math.max(nowMs, this.#blockedUntilMs ?? nowMs, this.#halfOpen.probeAtMs ?? nowMs);
  }
}
