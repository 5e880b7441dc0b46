/**
 * Tells until when a message has to wait because its recipient is in quiet hours. Pure: instants are Unix seconds and
 * come in as arguments.
 *
 * Always holds: a quiet time is one piece from the first coming of its `from` to the last coming of its `to`,
 * so that an hour the clock repeats is quiet both times; a boundary that the clock skips is where it jumps.
 */
import { comparedForm } from '../text/recipient.ts';
import { Zone } from './zone.ts';

/** One `[[quiet]]` table. Its end is before its begin when it goes over midnight; they are never the same. */
export interface QuietRule {
  /** Minutes past local midnight. */
  readonly fromMinutes: number;
  /** Minutes past local midnight. */
  readonly toMinutes: number;
  /** IANA name of a time zone. */
  readonly zone: string;
  /** Leading digits of the recipients it is for; empty = every recipient. */
  readonly prefixes: readonly string[];
  /** Messages of this priority and above go all the same. */
  readonly belowPriority: number;
}

/** What is known of a rule from one instant until just before another; `until` null = it is not quiet. */
interface QuietSpan {
  readonly from: number;
  readonly to: number;
  readonly until: number | null;
}

class Quiet {
  readonly #rule: QuietRule;
  readonly #zone: Zone;
  #span: QuietSpan = { from: Infinity, to: -Infinity, until: null };

  constructor(rule: QuietRule) {
    this.#rule = rule;
    this.#zone = new Zone(rule.zone);
  }

  isFor(digits: string, priority: number): boolean {
    const { prefixes, belowPriority } = this.#rule;
    if (priority >= belowPriority) return false;
    return prefixes.length === 0 || prefixes.some((prefix) => digits.startsWith(prefix));
  }

  until(now: number): number | null {
    /* The clock may have been set back. */
    if (now < this.#span.from || now >= this.#span.to) this.#span = this.#spanAt(now);
    return this.#span.until;
  }

  #spanAt(now: number): QuietSpan {
    const today = this.#zone.dayAt(now);
    for (const day of [today - 1, today]) {
      const begins = this.#beginOf(day);
      const ends = this.#endOf(day);
      if (begins <= now && now < ends) return { from: begins, to: ends, until: ends };
    }
    const next = [today, today + 1, today + 2].map((day) => this.#beginOf(day));
    return { from: now, to: Math.min(...next.filter((at) => at > now)), until: null };
  }

  #beginOf(day: number): number {
    return this.#zone.instantOf(day, this.#rule.fromMinutes, 'first');
  }

  #endOf(day: number): number {
    const { fromMinutes, toMinutes } = this.#rule;
    return this.#zone.instantOf(toMinutes <= fromMinutes ? day + 1 : day, toMinutes, 'last');
  }
}

/** The rules, remembering of each how long what it said last holds: asking costs a comparison. */
export class QuietHours {
  readonly #quiets: readonly Quiet[];

  /** Throws RangeError for a zone that there is not. */
  constructor(rules: readonly QuietRule[]) {
    this.#quiets = rules.map((rule) => new Quiet(rule));
  }

  /**
   * When the quiet time ends that a message to this recipient is in now (Unix seconds); null = it is in none.
   * At that instant another rule may make it wait on.
   */
  until(recipient: string, priority: number, now: number): number | null {
    const digits = comparedForm(recipient);
    let latest: number | null = null;
    for (const quiet of this.#quiets) {
      if (!quiet.isFor(digits, priority)) continue;
      const until = quiet.until(now);
      if (until !== null && until > (latest ?? 0)) latest = until;
    }
    return latest;
  }
}
