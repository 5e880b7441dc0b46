/**
 * The rules of one account that nest: its own, its groups', its senders'. All must allow a message, and each
 * counts it, by requests or by parts, from its claim until its answer names what it came to.
 *
 * Always holds: what a step that was rolled back had claimed is not counted; what a crash left open is. Where
 * no such rule is configured there is no nest, and nobody asks.
 */
import type { Clock } from '../clock.ts';
import { setSince, type BootInstant, type Instant } from '../core/cap.ts';
import { predictParts, type Content } from '../core/parts.ts';
import type { NestedRules, RateRule, Span } from '../core/rate-rules.ts';
import { zones } from '../core/zone.ts';
import { UNSET, type CapRow } from '../spool/caps.ts';
import type { Meter } from '../throttle/meter.ts';
import { NO_HISTORY, type History } from './history.ts';
import { Rule, type RuleName } from './rule.ts';

/** The wall clock was set when it has moved so much against the other one. */
const CLOCK_STEP_MS = 100;

/** What a message takes of the account's permits and of its lane's. */
export interface Costs {
  readonly account: number;
  readonly lane: number;
}

/** What it takes where nothing counts parts. */
export const ONE_EACH: Costs = { account: 1, lane: 1 };

export interface NestParts {
  readonly rules: NestedRules;
  readonly clock: Clock;
  /** The schedule of a group that allows so many a second. */
  readonly meter: (perSecond: number) => Meter;
}

/** A row or a claim, as far as it is counted. */
export interface Counted extends Content {
  /** The message's. */
  readonly id: number;
}

/** A message that was admitted and has not come to its end. */
interface Charge {
  readonly parts: number;
  readonly shares: readonly Share[];
  readonly sender: string;
}

interface Share {
  readonly rule: Rule;
  readonly cost: number;
  readonly keys: readonly number[];
}

const NO_RULES: readonly Rule[] = [];

function keyOf({ scope, name }: RuleName, span: Span): string {
  return `${scope} ${span} ${name}`;
}

export class Nest {
  /** Whether what is on disk has been taken up. */
  isRecalled = false;
  readonly #account: Rule;
  readonly #clock: Clock;
  readonly #senders: ReadonlyMap<string, Rule>;
  readonly #groups: readonly Rule[];
  /** Sender → the rules of its lane: its group's and its own. */
  readonly #lanes = new Map<string, readonly Rule[]>();
  readonly #countsParts: boolean;
  readonly #open = new Map<number, Charge>();
  /** Admitted in the transaction that runs. */
  #admitted: number[] = [];
  /** Rules whose rows are in the transaction that runs. */
  #saved: Rule[] = [];
  #aheadMs: number;

  /** Throws RangeError for a zone that there is not. */
  constructor({ rules, clock, meter }: NestParts) {
    this.#clock = clock;
    this.#aheadMs = clock.now() * 1000 - clock.monotonicMs();
    const zoneOf = zones();
    const make = (name: RuleName, rule: RateRule): Rule => {
      const isGroup = name.scope === 'group' && rule.perSecond !== null;
      return new Rule(name, rule, { pacer: isGroup ? meter(rule.perSecond) : null, zoneOf });
    };
    this.#account = make({ scope: 'account', name: '' }, rules.account);
    const senders = [...rules.senders].map(
      ([name, rule]) => [name, make({ scope: 'sender', name }, rule)] as const,
    );
    this.#senders = new Map(senders);
    const groups = rules.groups.map((group) => {
      const rule = make({ scope: 'group', name: group.name }, group);
      for (const sender of group.senders) this.#lanes.set(sender, [rule]);
      return rule;
    });
    this.#groups = groups;
    for (const [name, rule] of senders) this.#lanes.set(name, [...this.#laneRules(name), rule]);
    this.#countsParts = this.#all.some(({ per }) => per === 'part');
  }

  /** Whether the account's own rule allows, as far as is known of what comes next. */
  isAccountOpen(nowMs: number): boolean {
    return this.#account.allows(this.#at(nowMs));
  }

  /** The same of a sender's rule and its group's. */
  isLaneOpen(sender: string, nowMs: number): boolean {
    const rules = this.#laneRules(sender);
    return rules.length === 0 || rules.every((rule) => rule.allows(this.#at(nowMs)));
  }

  /** When the account's own rule may allow (monotonic ms); null = an answer will say. */
  accountOpensAt(nowMs: number): number | null {
    return this.#account.opensAt(this.#at(nowMs));
  }

  /** When a sender's rule and its group's may (monotonic ms); null = an answer will say. */
  laneOpensAt(sender: string, nowMs: number): number | null {
    let latest = nowMs;
    for (const rule of this.#laneRules(sender)) {
      const opensAt = rule.opensAt(this.#at(nowMs));
      if (opensAt === null) return null;
      latest = Math.max(latest, opensAt);
    }
    return latest;
  }

  /** Counts a message of a sender, if all rules have room for it; null = one has not, and waits for it. */
  admit(row: Counted, sender: string, nowMs: number): Costs | null {
    const at = this.#at(nowMs);
    const parts = this.#countsParts ? predictParts(row) : 1;
    const rules = [...this.#laneRules(sender), this.#account];
    if (!rules.every((rule) => rule.admits(rule.costOf(parts), at))) return null;
    const shares = rules.map((rule) => {
      const cost = rule.costOf(parts);
      return { rule, cost, keys: rule.open(cost, at) };
    });
    this.#open.set(row.id, { parts, shares, sender });
    this.#admitted.push(row.id);
    return this.#costsOf(parts, sender);
  }

  /**
   * A message that was admitted came to its end. `left`: the parts that its answer named, 0 = it never left,
   * null = nobody knows, and what was predicted stands. Gives back what it took of the permits beyond that.
   */
  close(messageId: number, left: number | null): Costs {
    const charge = this.#open.get(messageId);
    if (charge === undefined) return { account: 0, lane: 0 };
    this.#open.delete(messageId);
    const { parts, shares, sender } = charge;
    const at = this.#at(this.#clock.monotonicMs());
    const actual = left ?? parts;
    for (const share of shares) {
      share.rule.close(share, actual === 0 ? 0 : share.rule.costOf(actual), at);
    }
    const [took, takes] = [this.#costsOf(parts, sender), this.#costsOf(actual, sender)];
    return {
      account: Math.max(0, takes.account - took.account),
      lane: Math.max(0, takes.lane - took.lane),
    };
  }

  /** The monotonic clock that everything here goes by. */
  nowMs(): number {
    return this.#clock.monotonicMs();
  }

  /** Permits that a message takes which is not counted by windows: of what an answer was about. */
  costsOf(content: Content, sender: string): Costs {
    return this.#countsParts ? this.#costsOf(predictParts(content), sender) : ONE_EACH;
  }

  /** What is on disk is taken up, once: the rows of this account; and what left that none of them has counted. */
  recall(rows: readonly CapRow[], at: Instant, history: History = NO_HISTORY): void {
    if (this.isRecalled) return;
    this.isRecalled = true;
    const ofWindow = new Map(rows.map((row) => [keyOf(row, row.span), row]));
    for (const rule of this.#all) {
      const counts = (sender: string): boolean =>
        rule.scope === 'account' || this.#laneRules(sender).includes(rule);
      for (const cap of rule.caps) {
        const row = ofWindow.get(keyOf(rule, cap.window.span));
        const known = row !== undefined && rule.isOf(row) ? row : null;
        if (known !== null) {
          cap.restore(known.state, at, setSince(known.state, this.#bootAt(at), at.now));
        }
        if (known !== null && known.allowed !== UNSET) continue;
        const { per, zone } = rule;
        const newcomer = {
          window: cap.window,
          per,
          zone,
          counts,
          after: known?.state.at ?? -Infinity,
        };
        cap.restore(history.stateOf(newcomer, at.now), at);
      }
    }
  }

  /** The rows of all rules, or of those with news since the last commit. A clock that was set is news of all. */
  save(account: string, at: Instant, isWhole: boolean): readonly CapRow[] {
    const aheadMs = at.now * 1000 - at.nowMs;
    const isSet = Math.abs(aheadMs - this.#aheadMs) > CLOCK_STEP_MS;
    this.#aheadMs = aheadMs;
    this.#saved = this.#all.filter(({ isDirty }) => isDirty || isSet || isWhole);
    for (const rule of this.#saved) rule.isDirty = true;
    const boot = this.#bootAt(at);
    return this.#saved
      .flatMap((rule) => rule.rows(account, at))
      .map((row) => ({ ...row, state: { ...row.state, boot } }));
  }

  /** What was admitted and saved is on disk. */
  committed(): void {
    for (const rule of this.#saved) rule.isDirty = false;
    this.#saved = [];
    this.#admitted = [];
  }

  /** The transaction was rolled back: what it claimed was not. */
  rolledBack(): void {
    for (const id of this.#admitted) this.close(id, 0);
    this.#admitted = [];
    this.#saved = [];
  }

  #bootAt({ nowMs }: Instant): BootInstant | null {
    const boot = this.#clock.boot ?? null;
    return boot === null ? null : { id: boot.id, ms: boot.aheadMs + nowMs };
  }

  #at(nowMs: number): Instant {
    return { now: this.#clock.now(), nowMs };
  }

  #laneRules(sender: string): readonly Rule[] {
    return this.#lanes.get(sender) ?? NO_RULES;
  }

  get #all(): readonly Rule[] {
    return [this.#account, ...this.#groups, ...this.#senders.values()];
  }

  #costsOf(parts: number, sender: string): Costs {
    const own = this.#senders.get(sender);
    return { account: this.#account.costOf(parts), lane: own?.costOf(parts) ?? 1 };
  }
}
