/**
 * Refusals in a row: how many distinct recipients were refused for one reason since the last acceptance.
 * An account and each of its senders have streaks of their own; a message that is accepted ends those of its
 * account and of its sender, and says nothing of another sender.
 */
import type { MessageReason } from '../codes/reasons.ts';
import { comparedForm } from '../text/recipient.ts';

/** Recipients remembered of one streak; no limit in the rules is larger. */
const RECIPIENTS_MAX = 10;

export class Streaks {
  /** Whose (null = the account's) → reason → recipients. */
  readonly #streaks = new Map<string | null, Map<string, Set<string>>>();

  get size(): number {
    return this.#streaks.size;
  }

  /** Notes a refusal; returns how many recipients met it in a row, as far as is remembered. */
  refused(sender: string | null, reason: MessageReason, recipient: string): number {
    const reasons = this.#streaks.get(sender) ?? new Map<string, Set<string>>();
    this.#streaks.set(sender, reasons);
    const recipients = reasons.get(reason) ?? new Set<string>();
    reasons.set(reason, recipients);
    if (recipients.size < RECIPIENTS_MAX) recipients.add(comparedForm(recipient));
    return recipients.size;
  }

  accepted(sender: string): void {
    this.#streaks.delete(null);
    this.#streaks.delete(sender);
  }
}
