/**
 * Holds the limits that a sender's messages pass: its group's, its own and the account's. A message goes if all of them
 * admit it. A new scope is one more limit of this path; `LimitTree` makes it.
 */
import type { Instant } from '../../core/window/usage-window.ts';
import type { Limit } from './limit.ts';

export class LimitPath {
  readonly sender: Limit;
  readonly account: Limit;
  #group: Limit | null = null;
  /** The first without room is the one that waits for the message. */
  #all: readonly Limit[];

  constructor(sender: Limit, account: Limit) {
    this.sender = sender;
    this.account = account;
    this.#all = [sender, account];
  }

  get all(): readonly Limit[] {
    return this.#all;
  }

  set group(group: Limit | null) {
    this.#group = group;
    this.#all = group === null ? [this.sender, this.account] : [group, this.sender, this.account];
  }

  /** Permits of sender and group; the account is asked once for all senders. */
  available(at: Instant): number {
    const own = this.sender.available(at);
    return own < 1 || this.#group === null ? own : Math.min(own, this.#group.available(at));
  }

  /** When sender and group may have a permit (monotonic ms); null = a grant, an answer or an operator decides. */
  opensAt(at: Instant): number | null {
    const own = this.sender.opensAt(at);
    const group = this.#group === null ? at.nowMs : this.#group.opensAt(at);
    return own === null || group === null ? null : Math.max(own, group);
  }

  admit(parts: number, at: Instant): boolean {
    for (const limit of this.#all) if (!limit.fits(limit.costOf(parts), at)) return false;
    for (const limit of this.#all) limit.admit(limit.costOf(parts), at);
    return true;
  }
}
