/**
 * The limits of one account: its own, those of its groups and of its senders; and what each admitted message takes
 * of them, from its claim until its answer says how many parts it had.
 *
 * Always holds: what a step that was rolled back had admitted is not counted; what a crash left open is. Where no
 * usage window and no group is configured, nothing is kept for a message.
 */
import type { Clock } from '../../clock.ts';
import {
  setSince,
  type BootInstant,
  type UsageWindow,
  type Instant,
} from '../../core/window/usage-window.ts';
import { predictParts, type Content } from '../../core/message/parts.ts';
import type { GroupRule, NestedRules, RateRule, Span } from '../../core/window/rate-limits.ts';
import { zones } from '../../core/time/zone.ts';
import type { KeptWindowRow, UsageWindowRow } from '../../spool/write/usage-window-rows.ts';
import type { Meter } from '../../limiter/meter.ts';
import type { Pacer } from '../../limiter/pacer.ts';
import { NO_HISTORY, type History } from './window-seed.ts';
import { LimitPath } from './limit-path.ts';
import { Limit, type Passage } from './limit.ts';
import { UsageWindows, type LimitName } from './usage-windows.ts';

/** The wall clock was set if its distance to the monotonic clock changes by more than this. */
const CLOCK_STEP_MS = 100;

export interface LimitTreeParts {
  readonly account: string;
  /** Requests per second that the account has, as far as is known, and who paces them. */
  readonly rate: number;
  readonly pacer: Pacer;
  /** Usage windows, groups, and who counts parts; null = there is nothing but rates. */
  readonly rules: NestedRules | null;
  readonly clock: Clock;
  /** Messages that the circuit of the account (null) or of a sender lets through. */
  readonly passage: (sender: string | null) => Passage;
  /** What is known of a sender's rate. */
  readonly ratesOf: (sender: string) => SenderRates;
  /** The schedule of a sender or a group that allows so many messages per second. */
  readonly meterOf: (rate: number) => Meter;
}

/** Messages per second; null = nothing. */
export interface SenderRates {
  /** What the sender is configured to allow. */
  readonly configured: number | null;
  /** What an earlier run had learned. */
  readonly learned: number | null;
}

/** A row or a claim, as far as it is counted. */
export interface Counted extends Content {
  /** The message's. */
  readonly id: number;
}

const NO_RATES: SenderRates = { configured: null, learned: null };

/** A message that was admitted and not answered yet. */
interface Charge {
  readonly path: LimitPath;
  readonly parts: number;
  /** Unix seconds. */
  readonly openedAt: number;
}

export class LimitTree {
  readonly account: Limit;
  readonly #parts: LimitTreeParts;
  readonly #paths = new Map<string | null, LimitPath>();
  #rules: NestedRules | null = null;
  /** Sender → the limit of its group. */
  readonly #groups = new Map<string, Limit>();
  #countsParts = false;
  /** Whether what is on disk has been taken up. */
  #isRecalled = false;
  readonly #open = new Map<number, Charge>();
  /** Admitted in the transaction that runs. */
  #admitted: number[] = [];
  /** Limits whose rows are in the transaction that runs. */
  #saved: readonly UsageWindows[] = [];
  #aheadMs: number;

  /** Throws RangeError for a zone that does not exist. */
  constructor(parts: LimitTreeParts) {
    const { clock, passage, pacer, rate } = parts;
    this.#parts = parts;
    this.#aheadMs = clock.now() * 1000 - clock.monotonicMs();
    this.account = new Limit({
      ...{ scope: 'account', name: null, circuit: () => passage(null), meterOf: () => pacer },
    });
    this.account.begin(rate);
    this.configure(parts.rules);
  }

  /** Usage windows and groups that are in force; null = there are none. */
  get rules(): NestedRules | null {
    return this.#rules;
  }

  /** The paths of senders that were asked for or that are configured. */
  get paths(): Iterable<LimitPath> {
    return this.#paths.values();
  }

  /** The limits that a sender's messages pass; null = those of messages without a sender. */
  pathOf(sender: string | null): LimitPath {
    const known = this.#paths.get(sender);
    if (known !== undefined) return known;
    const path = new LimitPath(this.#senderLimit(sender), this.account);
    path.group = this.#groupOf(sender);
    this.#paths.set(sender, path);
    return path;
  }

  /** Forgets senders that nobody uses, and whose limit would be made again as it is. */
  prune(isUsed: (sender: string | null) => boolean): void {
    for (const [name, { sender }] of this.#paths) {
      if (sender.isNew && !isUsed(name)) this.#paths.delete(name);
    }
  }

  /** What is known of a sender's rate. */
  ratesOf(sender: string | null): SenderRates {
    return sender === null ? NO_RATES : this.#parts.ratesOf(sender);
  }

  /** Other usage windows and groups. What the old ones had counted is on disk, and is counted on. */
  configure(rules: NestedRules | null): void {
    const zoneOf = zones();
    const windowsOf = (rule: RateRule): UsageWindows => new UsageWindows(rule, zoneOf);
    this.account.windows = rules === null ? null : windowsOf(rules.account);
    this.#rules = rules;
    this.#isRecalled = false;
    this.#open.clear();
    this.#admitted = [];
    for (const sender of rules?.senders.keys() ?? []) this.pathOf(sender);
    for (const { sender } of this.#paths.values()) {
      const rule = sender.name === null ? undefined : rules?.senders.get(sender.name);
      sender.windows = rule === undefined ? null : windowsOf(rule);
    }
    this.#setGroups(rules?.groups ?? [], windowsOf);
    this.#countsParts = this.#counted.some(({ windows }) => windows?.per === 'part');
  }

  /** Stops the timers. */
  async stop(): Promise<void> {
    await this.#parts.pacer.stop();
  }

  /** The parts that a message is likely to have, where anybody counts them; else 1. */
  partsOf(content: Content): number {
    return this.#countsParts ? predictParts(content) : 1;
  }

  /** Counts a message if all limits of its path have room for it; false = one has not, and waits for it. */
  admit(row: Counted, path: LimitPath, at: Instant): boolean {
    const parts = this.partsOf(row);
    if (!path.admit(parts, at)) return false;
    if (this.#rules === null) return true;
    this.#open.set(row.id, { path, parts, openedAt: at.now });
    this.#admitted.push(row.id);
    return true;
  }

  /**
   * An admitted message was answered, or never left. `left`: the parts that its answer named, 0 = it never left,
   * null = nobody knows, and what was predicted stands.
   */
  settle(messageId: number, left: number | null, at: Instant): void {
    const charge = this.#open.get(messageId);
    if (charge === undefined) return;
    this.#open.delete(messageId);
    const { path, parts, openedAt } = charge;
    const actual = left ?? parts;
    for (const limit of path.all) {
      const opened = { cost: limit.costOf(parts), key: openedAt };
      limit.settle(opened, actual === 0 ? 0 : limit.costOf(actual), at);
    }
  }

  /** Takes up what is on disk, once: the rows of this account; and what left that no row has counted. */
  recall(rows: readonly KeptWindowRow[], at: Instant, history: History = NO_HISTORY): void {
    if (this.#isRecalled) return;
    this.#isRecalled = true;
    const ofWindow = new Map(rows.map((row) => [keyOf(row, row.span), row]));
    for (const limit of this.#counted) {
      for (const window of limit.windows?.all ?? []) {
        const row = ofWindow.get(keyOf(limit, window.window.span)) ?? null;
        this.#recallWindow(limit, window, { row, at, history });
      }
    }
  }

  /** The rows of all windows, or of those with news since the last commit. A clock that was set is news of all. */
  save(at: Instant, isWhole: boolean): readonly UsageWindowRow[] {
    const aheadMs = at.now * 1000 - at.nowMs;
    const isAll = isWhole || Math.abs(aheadMs - this.#aheadMs) > CLOCK_STEP_MS;
    this.#aheadMs = aheadMs;
    const saved = this.#counted.filter(({ windows }) => isAll || windows?.isDirty === true);
    this.#saved = saved.flatMap(({ windows }) => windows ?? []);
    for (const windows of this.#saved) windows.isDirty = true;
    const boot = this.#bootAt(at);
    return saved
      .flatMap((limit) => limit.windows?.rows(this.#parts.account, limit, at) ?? [])
      .map((row) => ({ ...row, state: { ...row.state, boot } }));
  }

  /** What was admitted and saved is on disk. */
  committed(): void {
    for (const windows of this.#saved) windows.isDirty = false;
    this.#saved = [];
    this.#admitted = [];
  }

  /** The transaction was rolled back: what it claimed was not. */
  rolledBack(at: Instant): void {
    for (const id of this.#admitted) this.settle(id, 0, at);
    this.#admitted = [];
    this.#saved = [];
  }

  #recallWindow(
    limit: Limit,
    window: UsageWindow,
    about: { readonly row: KeptWindowRow | null; readonly at: Instant; readonly history: History },
  ): void {
    const { row, at, history } = about;
    const { windows } = limit;
    if (windows === null) return;
    const known = row !== null && windows.isOf(row) ? row : null;
    if (known !== null) {
      window.restore(known.state, at, setSince(known.state, this.#bootAt(at), at.now));
      if (known.allowed !== null) return;
    }
    const { per, zone } = windows;
    const counts = (sender: string | null): boolean => this.#isOf(limit, sender);
    const after = known?.state.at ?? null;
    const newcomer = { window: window.window, per, zone, counts, after };
    window.restore(history.stateOf(newcomer, at.now), at);
  }

  #senderLimit(sender: string | null): Limit {
    const { passage, meterOf } = this.#parts;
    const circuit = (): Passage => passage(sender);
    const limit = new Limit({ scope: 'sender', name: sender, circuit, meterOf });
    const rate = lowest(this.ratesOf(sender));
    if (rate !== null) limit.begin(rate);
    return limit;
  }

  #setGroups(rules: readonly GroupRule[], windowsOf: (rule: RateRule) => UsageWindows): void {
    this.#groups.clear();
    for (const rule of rules) {
      const { meterOf } = this.#parts;
      const limit = new Limit({ scope: 'group', name: rule.name, circuit: null, meterOf });
      limit.windows = windowsOf(rule);
      if (rule.perSecond !== null) limit.begin(rule.perSecond);
      for (const sender of rule.senders) this.#groups.set(sender, limit);
    }
    for (const path of this.#paths.values()) path.group = this.#groupOf(path.sender.name);
  }

  #groupOf(sender: string | null): Limit | null {
    return sender === null ? null : (this.#groups.get(sender) ?? null);
  }

  /* Those with usage windows, or that count parts. */
  get #counted(): readonly Limit[] {
    const senders = [...this.#paths.values()].map(({ sender }) => sender);
    const all = [this.account, ...new Set(this.#groups.values()), ...senders];
    return all.filter(({ windows }) => windows !== null);
  }

  #isOf(limit: Limit, sender: string | null): boolean {
    if (limit.scope === 'account') return true;
    return limit.scope === 'group' ? this.#groupOf(sender) === limit : limit.name === sender;
  }

  #bootAt({ nowMs }: Instant): BootInstant | null {
    const boot = this.#parts.clock.boot ?? null;
    return boot === null ? null : { id: boot.id, ms: boot.aheadMs + nowMs };
  }
}

/** The lower of two rates; null = neither is known. */
export function lowest({ configured, learned }: SenderRates): number | null {
  if (configured === null || learned === null) return configured ?? learned;
  return Math.min(configured, learned);
}

function keyOf({ scope, name }: LimitName, span: Span): string {
  return `${scope} ${span} ${name ?? ''}`;
}
