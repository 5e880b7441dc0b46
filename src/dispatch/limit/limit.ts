/**
 * Limits one scope (an account, a group or a sender) by its rate, its usage windows, the wait that the gateway asked
 * for with the half-open state after it, and its circuit. All of them must allow a message.
 *
 * Always holds: asking spends nothing. The throttle response decides about rate and wait, the scheduler about the order
 * of messages.
 */
import type { AccountCircuit } from '../../core/account/account-circuit.ts';
import type { Instant, OpenClaim } from '../../core/window/usage-window.ts';
import type { WindowSchedule, Meter } from '../../limiter/meter.ts';
import { HalfOpen } from '../../limiter/half-open.ts';
import type { LimitName, UsageWindows } from './usage-windows.ts';

export interface LimitParts extends LimitName {
  /** Of the account and its senders; null = the scope has none. */
  readonly circuit: AccountCircuit | null;
  /** Makes the schedule of a limit (messages per second). */
  readonly meterOf: (rate: number) => Meter;
}

export class Limit implements LimitName {
  readonly scope: LimitName['scope'];
  readonly name: string | null;
  /** Counted in windows, or by part; null = neither. */
  windows: UsageWindows | null = null;
  readonly #parts: LimitParts;
  readonly #halfOpen = new HalfOpen();
  #meter: Meter | null = null;
  #rate: number | null = null;
  #blockedUntilMs: number | null = null;
  /** When the latest accepted message left (monotonic ms), and what it took; null = none was yet. */
  #accepted: { atMs: number; cost: number } | null = null;

  constructor(parts: LimitParts) {
    this.#parts = parts;
    this.scope = parts.scope;
    this.name = parts.name;
  }

  /** Messages per second that are available; null = no limit is known. */
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

  get circuit(): 'all' | 'one' | 'none' {
    return this.#parts.circuit?.mayPass(this.name) ?? 'all';
  }

  /** Whether a new limit of the same name would be the same. */
  get isNew(): boolean {
    const isFree = this.#meter === null && this.windows === null;
    return isFree && this.#blockedUntilMs === null && !this.#halfOpen.isOn;
  }

  costOf(parts: number): number {
    return this.windows?.per === 'part' ? parts : 1;
  }

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

  /** About the same without circuit and windows, also where the grant of a permit is on its way. */
  expectedAt(nowMs: number): number {
    const pacedAt = this.#meter === null ? nowMs : this.#meter.expectedAt(nowMs);
    return Math.max(pacedAt, this.#waitEndsAt(nowMs));
  }

  /** Whether the windows have room for a message of that cost; if not, they wait for it. */
  fits(cost: number, at: Instant): boolean {
    return this.windows?.fits(cost, at) ?? true;
  }

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

  /** Starts with this rate, at the pace of a new schedule. */
  begin(rate: number): void {
    this.#rate = rate;
    this.#meter = this.#parts.meterOf(rate);
  }

  /** Sets the rate that is available and the pace that is aimed at (messages per second). */
  setRate(
    { rate, pace }: { readonly rate: number; readonly pace: number },
    schedule: WindowSchedule | null,
    nowMs: number,
  ): void {
    if (this.#meter === null) this.begin(rate);
    else this.#meter.set(pace, schedule, nowMs);
    this.#rate = rate;
  }

  clearRate(): void {
    this.#rate = null;
    this.#meter = null;
  }

  /** The gateway asked to wait. Returns false if a longer wait is in force. */
  block(waitMs: number, nowMs: number): boolean {
    if (this.#blockedUntilMs !== null && this.#blockedUntilMs >= nowMs + waitMs) return false;
    this.#blockedUntilMs = nowMs + waitMs;
    return true;
  }

  /** After the wait one message goes first. */
  tryFirst(): void {
    this.#halfOpen.begin();
  }

  /** A message was answered, and was not throttled here. */
  passed(sentAtMs: number): void {
    this.#halfOpen.answered(sentAtMs);
  }

  noteAccepted(sentAtMs: number, cost: number): void {
    this.#accepted ??= { atMs: sentAtMs, cost };
    this.#accepted.atMs = sentAtMs;
    this.#accepted.cost = cost;
  }

  #waitEndsAt(nowMs: number): number {
    return Math.max(nowMs, this.#blockedUntilMs ?? nowMs, this.#halfOpen.probeAtMs ?? nowMs);
  }
}
