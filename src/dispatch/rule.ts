/**
 * One rule of an account's rate at work: the account's own, a sender's or a group's, with its longer windows,
 * and for a group the pacer of its second (account and lanes have theirs).
 *
 * Always holds: whose turn it is and does not fit is waited for, so that what is smaller does not pass it over
 * again and again; but it is looked at again soon, since it may have been taken back.
 */
import { capOf, fits, type Cap, type Instant } from '../core/cap.ts';
import type { Per, RateRule } from '../core/rate-rules.ts';
import type { Zone } from '../core/zone.ts';
import type { CapRow } from '../spool/caps.ts';
import type { Meter } from '../throttle/meter.ts';

/** A message that does not fit is believed to be there for so long. */
const BELIEVED_MS = 1_000;

/** Which rule of an account: `name` is the sender's or the group's, '' for the account itself. */
export interface RuleName {
  readonly scope: 'account' | 'group' | 'sender';
  readonly name: string;
}

export class Rule {
  readonly scope: RuleName['scope'];
  readonly name: string;
  readonly per: Per;
  /** A group's; null = there is none, or it is another's to ask. */
  readonly pacer: Meter | null;
  readonly caps: readonly Cap[];
  /** Whether there is news that is not on disk. */
  isDirty = true;
  readonly zone: Zone;
  readonly #zoneName: string;
  /** The cost of what is waited for; 1 = of nothing in particular. */
  #wanted = 1;
  #wantedAtMs = -Infinity;

  constructor({ scope, name }: RuleName, rule: RateRule, parts: RuleParts) {
    this.scope = scope;
    this.name = name;
    this.per = rule.per;
    this.pacer = parts.pacer;
    this.#zoneName = rule.zone;
    this.zone = parts.zoneOf(rule.zone);
    this.caps = rule.windows.map((window) => capOf(window, this.zone));
  }

  /** Permits of it for a message of so many parts. */
  costOf(parts: number): number {
    return this.per === 'part' ? parts : 1;
  }

  /** Whether the next message may go, as far as is known of it. */
  allows(at: Instant): boolean {
    if (this.pacer !== null && this.pacer.available(at.nowMs) < 1) return false;
    return this.#hasRoom(this.#wantedCost(at), at);
  }

  /** Whether a message of that cost fits; if not, it is waited for. */
  admits(cost: number, at: Instant): boolean {
    if (this.#hasRoom(cost, at)) return true;
    this.#wanted = cost;
    this.#wantedAtMs = at.nowMs;
    return false;
  }

  /** When `allows` may say yes (monotonic ms); null = a grant or an answer will say. */
  opensAt(at: Instant): number | null {
    const pacedAt = this.pacer === null ? at.nowMs : this.pacer.nextAt(at.nowMs);
    const freesAt = this.#freesAt(this.#wantedCost(at), at);
    if (freesAt === null) return null;
    const lookAt = this.#hasRoom(1, at) ? this.#wantedAtMs + BELIEVED_MS : Infinity;
    return Math.max(pacedAt, Math.min(freesAt, Math.max(lookAt, at.nowMs)));
  }

  /** A message of that cost goes; what `close` of each cap needs to know. */
  open(cost: number, at: Instant): readonly number[] {
    this.pacer?.spend(cost, at.nowMs);
    this.isDirty = true;
    this.#wanted = 1;
    return this.caps.map((cap) => cap.open(cost, at));
  }

  /** What was opened came to its end. `actual` is what really left. */
  close(
    opened: { readonly cost: number; readonly keys: readonly number[] },
    actual: number,
    at: Instant,
  ): void {
    const { cost, keys } = opened;
    this.isDirty = true;
    if (actual > cost) this.pacer?.spend(actual - cost, at.nowMs);
    for (const [index, cap] of this.caps.entries()) {
      cap.close({ cost, key: keys[index] ?? 0 }, actual, at);
    }
  }

  /** Whether a row of its name is about this very window: it counts the same, from the same midnight. */
  isOf(row: Pick<CapRow, 'per' | 'span' | 'zone'>): boolean {
    return row.per === this.per && (row.span !== 'day' || row.zone === this.#zoneName);
  }

  /** Its windows as rows of an account. */
  rows(account: string, at: Instant): readonly CapRow[] {
    const { scope, name, per } = this;
    return this.caps.map((cap) => {
      const { count, span } = cap.window;
      const freesAtMs = fits(cap, 1, at) ? null : cap.freesAt(1, at);
      const freesAt = freesAtMs === null ? null : at.now + (freesAtMs - at.nowMs) / 1000;
      const figures = { allowed: count, used: cap.used(at), freesAt };
      const state = cap.save(at);
      return { account, scope, name, span, per, zone: this.#zoneName, ...figures, state };
    });
  }

  #wantedCost({ nowMs }: Instant): number {
    return nowMs < this.#wantedAtMs + BELIEVED_MS ? this.#wanted : 1;
  }

  #hasRoom(cost: number, at: Instant): boolean {
    return this.caps.every((cap) => fits(cap, cost, at));
  }

  /* The last of its windows to free. */
  #freesAt(cost: number, at: Instant): number | null {
    let latest = at.nowMs;
    for (const cap of this.caps) {
      const freesAt = cap.freesAt(cost, at);
      if (freesAt === null) return null;
      latest = Math.max(latest, freesAt);
    }
    return latest;
  }
}

export interface RuleParts {
  readonly pacer: Meter | null;
  /** Throws RangeError for a zone that there is not. */
  readonly zoneOf: (name: string) => Zone;
}
