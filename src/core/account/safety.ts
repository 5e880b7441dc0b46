/**
 * Keeps the limits of `[safety]`: messages to one recipient, money a day, balance left. Pure: instants are Unix seconds
 * and come in as arguments, money is EUR.
 *
 * Always holds: nothing here loses a message. A message beyond a limit waits, and an account that has spent enough keeps
 * its messages.
 */
import type { LaneReason } from './stop-reasons.ts';
import type { ProbeSchedule } from './circuit.ts';
import { REFUSED } from './circuit.ts';
import type { AnswerPart } from '../answer/observation.ts';
import { sumOf } from '../message/price.ts';
import type { QuietRule } from '../time/quiet-hours.ts';
import { Zone } from '../time/zone.ts';

/** The most messages to one recipient within any window of this length. */
export interface RecipientLimit {
  readonly messages: number;
  readonly windowMs: number;
}

/** What keeps single messages from being claimed. */
export interface HoldRules {
  /** Empty = there are no quiet hours. */
  readonly quiet: readonly QuietRule[];
  /** Null = no limit. */
  readonly perRecipient: RecipientLimit | null;
  /** A text is refused that the recipient was sent within this time; null = none is. */
  readonly collapseMs: number | null;
}

export interface SpendRules {
  /** EUR an account may spend from midnight to midnight; null = no limit. */
  readonly spendPerDay: number | null;
  /** Whose midnight: IANA name of a time zone. */
  readonly zone: string;
  /** EUR below which the account is not spent; null = no limit. */
  readonly minBalance: number | null;
}

/** Reasons of a suspension, as in `accounts.reason`. */
export const SPEND_LIMIT = 'spend-limit';
export const LOW_BALANCE = 'low-balance';

/** Why an account has to stop, and when it is looked at again. */
export interface BudgetStop {
  readonly reason: LaneReason;
  readonly schedule: ProbeSchedule;
}

/**
 * When a recipient may get one more message who was sent others at these instants; null = now. Instants ahead
 * of `now` come from a clock that was set back since.
 */
export function freeAt(
  sentAt: readonly number[],
  { messages, windowMs }: RecipientLimit,
  now: number,
): number | null {
  const windowS = windowMs / 1000;
  const recent = sentAt.map((at) => Math.min(at, now)).filter((at) => at > now - windowS);
  const oldest = recent.toSorted((a, b) => b - a)[messages - 1];
  return oldest === undefined ? null : oldest + windowS;
}

/** What an account has spent since midnight and has left, as its answers tell. */
export class Budget {
  readonly #rules: SpendRules;
  readonly #zone: Zone;
  #spent = 0;
  #endsAt = -Infinity;
  #beganAt = Infinity;
  #spentAt = -Infinity;
  #balance: number | null = null;

  /** Throws RangeError for a zone that there is not. */
  constructor(rules: SpendRules) {
    this.#rules = rules;
    this.#zone = new Zone(rules.zone);
  }

  /** EUR since midnight. */
  get spent(): number {
    return this.#spent;
  }

  /** The midnight before `now`. */
  dayOf(now: number): number {
    return this.#zone.instantOf(this.#zone.dayAt(now), 0, 'first');
  }

  /** When the latest part was paid for (Unix seconds); -Infinity = none was since midnight. */
  get spentAt(): number {
    return this.#spentAt;
  }

  /** What is known of the day from before: EUR that were spent. More may be known already. */
  recall(spent: number, now: number): void {
    this.#turn(now);
    this.#spent = Math.max(this.#spent, sumOf([spent]) ?? 0);
    if (this.#spent > 0) this.#spentAt = Math.max(this.#spentAt, this.#beganAt);
  }

  /** An answer came: what its parts cost, and what is left. */
  told(parts: readonly AnswerPart[], now: number): void {
    this.#turn(now);
    for (const { status, price, balance } of parts) {
      if (status === 0) this.#spent = sumOf([this.#spent, price]) ?? 0;
      if (status === 0 && price !== null) this.#spentAt = now;
      if (balance !== null) this.#balance = balance;
    }
  }

  /** Why nothing more may go after what was told last; null = it may. */
  stop(now: number): BudgetStop | null {
    this.#turn(now);
    if (this.#isSpent) {
      const waitMs = (this.#endsAt - now) * 1000;
      return { reason: SPEND_LIMIT, schedule: { by: 'time', firstMs: waitMs, maxMs: waitMs } };
    }
    return this.#isLow ? { reason: LOW_BALANCE, schedule: REFUSED } : null;
  }

  /**
   * Whether only the configuration, midnight or the balance ends a suspension for this reason: no restart does, and
   * no operator's `resume`.
   */
  holds(reason: LaneReason): boolean {
    if (reason === SPEND_LIMIT) return this.#isSpent;
    return reason === LOW_BALANCE && this.#rules.minBalance !== null;
  }

  /** Whether an account that was stopped may be tried with this balance (EUR). */
  isEnough(reason: LaneReason, balance: number): boolean {
    const { minBalance } = this.#rules;
    const isAboutMoney = reason === LOW_BALANCE || reason === 'quota-exceeded';
    return !isAboutMoney || minBalance === null || balance >= minBalance;
  }

  get #isSpent(): boolean {
    const { spendPerDay } = this.#rules;
    return spendPerDay !== null && this.#spent >= spendPerDay;
  }

  get #isLow(): boolean {
    const { minBalance } = this.#rules;
    return minBalance !== null && this.#balance !== null && this.#balance < minBalance;
  }

  /* A new day, or a clock that was set back to another one: what was spent counts for that day too. */
  #turn(now: number): void {
    if (now >= this.#beganAt && now < this.#endsAt) return;
    const isNewDay = now >= this.#endsAt;
    this.#beganAt = this.dayOf(now);
    this.#endsAt = this.#zone.instantOf(this.#zone.dayAt(now) + 1, 0, 'first');
    if (!isNewDay) return;
    this.#spent = 0;
    this.#spentAt = -Infinity;
  }
}
