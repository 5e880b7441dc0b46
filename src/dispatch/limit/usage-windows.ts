/**
 * Holds the usage windows of one limit (per minute, hour and day), counted by request or by SMS part.
 *
 * Always holds: a message that does not fit is waited for, so that smaller ones do not pass it without end. The wait
 * ends a moment after the message was last looked at, because it may have been cancelled.
 */
import {
  usageWindowOf,
  fits,
  type BootInstant,
  type UsageWindow,
  type Instant,
  type OpenClaim,
} from '../../core/window/usage-window.ts';
import type { Per, RateRule } from '../../core/window/rate-limits.ts';
import type { Zone } from '../../core/time/zone.ts';
import type { UsageWindowRow } from '../../spool/write/usage-window-rows.ts';

/** A message that does not fit is waited for this long after it was looked at. */
const BELIEVED_MS = 1_000;

export interface LimitName {
  readonly scope: 'account' | 'group' | 'sender';
  /** Null = the account itself, or messages without a sender. */
  readonly name: string | null;
}

export class UsageWindows {
  readonly per: Per;
  readonly zone: Zone;
  readonly all: readonly UsageWindow[];
  isDirty = true;
  readonly #zoneName: string;
  /** The cost of the message that is waited for, and when it was looked at; null = none is. */
  #wanted: { readonly cost: number; readonly atMs: number } | null = null;

  /** Throws RangeError for a zone that does not exist. */
  constructor(rule: RateRule, zoneOf: (name: string) => Zone) {
    this.per = rule.per;
    this.#zoneName = rule.zone;
    this.zone = zoneOf(rule.zone);
    this.all = rule.windows.map((window) => usageWindowOf(window, this.zone));
  }

  /** Whether the next message may go, as far as its size is known. */
  areOpen(at: Instant): boolean {
    return this.#hasRoom(this.#wantedCost(at), at);
  }

  /** Whether a message of that cost fits; if not, it is waited for. */
  fits(cost: number, at: Instant): boolean {
    if (this.#hasRoom(cost, at)) return true;
    this.#wanted = { cost, atMs: at.nowMs };
    return false;
  }

  /** When `areOpen` may become true (monotonic ms), now if it is; null = with an answer. */
  opensAt(at: Instant): number | null {
    const freesAt = this.#freesAt(this.#wantedCost(at), at);
    if (freesAt === null || this.#wanted === null || !this.#hasRoom(1, at)) return freesAt;
    return Math.min(freesAt, Math.max(this.#wanted.atMs + BELIEVED_MS, at.nowMs));
  }

  open(cost: number, at: Instant): void {
    this.isDirty = true;
    this.#wanted = null;
    for (const window of this.all) window.open(cost, at);
  }

  /** An admitted message was answered. `actual` is what really left. */
  close(opened: OpenClaim, actual: number, at: Instant): void {
    this.isDirty = true;
    for (const window of this.all) window.close(opened, actual, at);
  }

  /** Whether a row of the same limit and span is about this very window: counted alike, from the same midnight. */
  isOf(row: Pick<UsageWindowRow, 'per' | 'span' | 'zone'>): boolean {
    return row.per === this.per && (row.span !== 'day' || row.zone === this.#zoneName);
  }

  rows(
    of: Pick<UsageWindowRow, 'account' | 'scope' | 'name'>,
    at: Instant,
    boot: BootInstant | null,
  ): readonly UsageWindowRow[] {
    const { per } = this;
    return this.all.map((window) => {
      const { count: allowed, span } = window.window;
      const freesAtMs = fits(window, 1, at) ? null : window.freesAt(1, at);
      const freesAt = freesAtMs === null ? null : at.now + (freesAtMs - at.nowMs) / 1000;
      const state = { ...window.save(at), boot };
      const used = window.used(at);
      return { ...of, span, per, zone: this.#zoneName, allowed, used, freesAt, state };
    });
  }

  #wantedCost({ nowMs }: Instant): number {
    const wanted = this.#wanted;
    return wanted !== null && nowMs < wanted.atMs + BELIEVED_MS ? wanted.cost : 1;
  }

  #hasRoom(cost: number, at: Instant): boolean {
    return this.all.every((window) => fits(window, cost, at));
  }

  /* The last of the windows to free. */
  #freesAt(cost: number, at: Instant): number | null {
    let latest = at.nowMs;
    for (const window of this.all) {
      const freesAt = window.freesAt(cost, at);
      if (freesAt === null) return null;
      latest = Math.max(latest, freesAt);
    }
    return latest;
  }
}
