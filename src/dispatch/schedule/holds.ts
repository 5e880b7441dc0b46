/**
 * Holds back ready rows by an operator's rules: until their quiet hours end, until the recipient may get another
 * message, or for good, because the recipient was sent the same text.
 *
 * Always holds: a row that passes counts for the rows judged after it in the step, before it is claimed on disk.
 */
import { QuietHours } from '../../core/time/quiet-hours.ts';
import { freeAt, type HoldRules } from '../../core/account/safety.ts';
import { comparedForm } from '../../core/text/recipient.ts';
import type { ReadyRow } from '../../spool/write/claims.ts';
import type { Recent, Sent } from '../../spool/write/recent-sends.ts';
import type { Wait } from '../../spool/write/move-rows.ts';

type SentRow = Pick<ReadyRow, 'id' | 'recipient' | 'text' | 'body' | 'udh'>;
type HeldRow = SentRow & Pick<ReadyRow, 'priority' | 'lastAttempt'>;

export class Holds {
  readonly #recent: Recent;
  readonly #rules: HoldRules;
  readonly #quiet: QuietHours | null;
  /** Rows that passed in this step, by recipient: the spool has none of them yet. */
  readonly #passed = new Map<string, Map<number, string>>();
  /** Until when recipients have to wait, as asked in this step: once, however many rows wait for one. */
  readonly #heldUntil = new Map<string, number>();

  constructor(recent: Recent, rules: HoldRules) {
    this.#recent = recent;
    this.#rules = rules;
    this.#quiet = rules.quiet.length === 0 ? null : new QuietHours(rules.quiet);
  }

  /** A step begins. */
  begin(): void {
    this.#passed.clear();
    this.#heldUntil.clear();
    if (this.#isAboutRecipients) this.#recent.open();
  }

  /** Whether the recipient was sent the row's text lately, or is by a row before it. */
  isRepeated(row: SentRow, now: number): boolean {
    const { collapseMs } = this.#rules;
    if (collapseMs === null) return false;
    const sent = this.#sentOf(row);
    const passed = this.#passed.get(comparedForm(row.recipient)) ?? NOBODY;
    for (const [id, digest] of passed) if (id !== row.id && digest === sent.digest) return true;
    return this.#recent.hasText(sent, now - collapseMs / 1000);
  }

  /** What the row waits for; null = nothing, and it counts for those behind it. */
  holdOf(row: HeldRow, now: number): Pick<Wait, 'reason' | 'until'> | null {
    const quiet = this.#quiet?.until(row.recipient, row.priority, now) ?? null;
    if (quiet !== null) return { reason: 'quiet-hours', until: quiet };
    if (!this.#isAboutRecipients) return null;
    const free = this.#freeAt(row, now);
    if (free !== null) return { reason: 'recipient-limit', until: free };
    this.#pass(row);
    return null;
  }

  /** Rows that are claimed in this step. */
  claimed(rows: readonly SentRow[], now: number): void {
    if (!this.#isAboutRecipients) return;
    const { collapseMs, perRecipient } = this.#rules;
    const longestMs = Math.max(collapseMs ?? 0, perRecipient?.windowMs ?? 0);
    const sent = rows.map((row) => this.#sentOf(row));
    this.#recent.write(sent, now, now - longestMs / 1000);
  }

  get #isAboutRecipients(): boolean {
    return this.#rules.collapseMs !== null || this.#rules.perRecipient !== null;
  }

  #freeAt(row: HeldRow, now: number): number | null {
    const digits = comparedForm(row.recipient);
    /* A row is judged again when rows before it were skipped. */
    if (this.#passed.get(digits)?.has(row.id) === true) return null;
    /* One that was claimed before may hold others, and never itself. */
    const known = row.lastAttempt === 0 ? this.#heldUntil.get(digits) : undefined;
    const until = known ?? this.#askFreeAt(row, digits, now);
    if (until !== null) this.#heldUntil.set(digits, until);
    return until;
  }

  #askFreeAt(row: HeldRow, digits: string, now: number): number | null {
    const { perRecipient } = this.#rules;
    if (perRecipient === null) return null;
    const sent = this.#recent.sentAt(row, now - perRecipient.windowMs / 1000);
    const sentAt = new Map(sent.map(({ id, at }) => [id, at]));
    for (const id of this.#passed.get(digits)?.keys() ?? []) {
      if (id !== row.id) sentAt.set(id, now);
    }
    return freeAt([...sentAt.values()], perRecipient, now);
  }

  #pass(row: SentRow): void {
    const digits = comparedForm(row.recipient);
    const passed = this.#passed.get(digits) ?? new Map<number, string>();
    passed.set(row.id, this.#sentOf(row).digest);
    this.#passed.set(digits, passed);
  }

  #sentOf(row: SentRow): Sent {
    const digest = this.#rules.collapseMs === null ? '' : this.#recent.digestOf(row);
    return { id: row.id, recipient: row.recipient, digest };
  }
}

/** The rules where there are any; null = nothing is held back. */
export function holdRulesOf({ quiet, perRecipient, collapseMs }: HoldRules): HoldRules | null {
  const isAny = quiet.length > 0 || perRecipient !== null || collapseMs !== null;
  return isAny ? { quiet, perRecipient, collapseMs } : null;
}

const NOBODY: ReadonlyMap<number, string> = new Map();
