/**
 * Makes and holds the limits of one account: its own, those of its groups and of its senders. Holds what each admitted
 * message takes of them, from its claim until its answer says how many parts it had.
 *
 * Always holds: a claim that was rolled back is not counted; one that a crash left open is. Without usage windows and
 * groups nothing is held for a message.
 */
import type { Clock } from '../../clock.ts';
import type { AccountCircuit } from '../../core/account/account-circuit.ts';
import { setSince, type BootInstant, type Instant } from '../../core/window/usage-window.ts';
import { predictParts, type Content } from '../../core/message/parts.ts';
import type { GroupRule, NestedRules, RateRule, Span } from '../../core/window/rate-limits.ts';
import { zones } from '../../core/time/zone.ts';
import type { KeptWindowRow, UsageWindowRow } from '../../spool/write/usage-window-rows.ts';
import type { Meter } from '../../limiter/meter.ts';
import type { Pacer } from '../../limiter/pacer.ts';
import type { History } from './window-seed.ts';
import { LimitPath } from './limit-path.ts';
import { Limit } from './limit.ts';
import { UsageWindows, type LimitName } from './usage-windows.ts';

/** The wall clock was set if its distance to the monotonic clock changes by more than this. */
const CLOCK_STEP_MS = 100;

export interface LimitTreeParts {
  readonly account: string;
  /** Requests per second that the account has, as far as is known, and their pacer. */
  readonly rate: number;
  readonly pacer: Pacer;
  /** Usage windows, groups, and what counts parts; null = there are only rates. */
  readonly rules: NestedRules | null;
  readonly clock: Clock;
  readonly circuit: AccountCircuit;
  readonly ratesOf: (sender: string) => SenderRates;
  /** Makes the schedule of a sender or a group at a rate (messages per second). */
  readonly meterOf: (rate: number) => Meter;
}

/** Messages per second, as configured and as an earlier run learned; null = not known. */
export interface SenderRates {
  readonly configured: number | null;
  readonly learned: number | null;
}

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
  #isRecalled = false;
  readonly #open = new Map<number, Charge>();
  #admitted: number[] = [];
  #saved: readonly UsageWindows[] = [];
  /** The wall clock less the monotonic one. */
  #aheadMs: number;

  /** Throws RangeError for a zone that does not exist. */
  constructor(parts: LimitTreeParts) {
    const { clock, circuit, pacer, rate } = parts;
    this.#parts = parts;
    this.#aheadMs = clock.now() * 1000 - clock.monotonicMs();
    this.account = new Limit({ scope: 'account', name: null, circuit, meterOf: () => pacer });
    this.account.begin(rate);
    this.configure(parts.rules);
  }

  /** The rules in force; null = there are only rates. */
  get rules(): NestedRules | null {
    return this.#rules;
  }

  /** Of senders that were asked for or that are configured. */
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

  /** Forgets unused senders whose limit would be made again as it is. */
  prune(isUsed: (sender: string | null) => boolean): void {
    for (const [name, { sender }] of this.#paths) {
      if (sender.isNew && !isUsed(name)) this.#paths.delete(name);
    }
  }

  ratesOf(sender: string | null): SenderRates {
    return sender === null ? { configured: null, learned: null } : this.#parts.ratesOf(sender);
  }

  /** Sets other usage windows and groups. What the old ones had counted is on disk, and is taken up again. */
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

  stop(): Promise<void> {
    return this.#parts.pacer.stop();
  }

  /** The parts that a message is predicted to have if a limit counts them; else 1. */
  partsOf(content: Content): number {
    return this.#countsParts ? predictParts(content) : 1;
  }

  /** Counts a message if all limits of its path have room for it; false = one has not, and waits for it. */
  admit(row: Content & { readonly id: number }, path: LimitPath, at: Instant): boolean {
    const parts = this.partsOf(row);
    if (!path.admit(parts, at)) return false;
    if (this.#rules === null) return true;
    this.#open.set(row.id, { path, parts, openedAt: at.now });
    this.#admitted.push(row.id);
    return true;
  }

  /** An admitted message ended. `left`: the parts that left; null = not known, the prediction stands. */
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

  /** Takes up, once, the rows of this account that are on disk, and what left that no row has counted. */
  recall(rows: readonly KeptWindowRow[], at: Instant, history: History): void {
    if (this.#isRecalled) return;
    this.#isRecalled = true;
    const rowOf = new Map(rows.map((row) => [keyOf(row, row.span), row]));
    for (const limit of this.#counted) {
      const { windows } = limit;
      for (const window of windows?.all ?? []) {
        const row = rowOf.get(keyOf(limit, window.window.span));
        const state = row !== undefined && windows?.isOf(row) === true ? row.state : null;
        if (state !== null) window.restore(state, at, setSince(state, this.#bootAt(at), at.now));
        const isCounted = state !== null && row?.allowed !== null;
        if (windows === null || isCounted) continue;
        const { per, zone } = windows;
        const counts = (sender: string | null): boolean => this.#isOf(limit, sender);
        const after = state?.at ?? null;
        window.restore(history({ window: window.window, per, zone, counts, after }, at.now), at);
      }
    }
  }

  /** Returns the rows of all windows, or of those that changed since the last commit. If the clock was set, all did. */
  save(at: Instant, isWhole: boolean): readonly UsageWindowRow[] {
    const aheadMs = at.now * 1000 - at.nowMs;
    const isAll = isWhole || Math.abs(aheadMs - this.#aheadMs) > CLOCK_STEP_MS;
    this.#aheadMs = aheadMs;
    const saved = this.#counted.filter(({ windows }) => isAll || windows?.isDirty === true);
    this.#saved = saved.flatMap(({ windows }) => windows ?? []);
    for (const windows of this.#saved) windows.isDirty = true;
    const { account } = this.#parts;
    const boot = this.#bootAt(at);
    return saved.flatMap(
      ({ windows, scope, name }) => windows?.rows({ account, scope, name }, at, boot) ?? [],
    );
  }

  committed(): void {
    for (const windows of this.#saved) windows.isDirty = false;
    this.#saved = [];
    this.#admitted = [];
  }

  rolledBack(at: Instant): void {
    for (const id of this.#admitted) this.settle(id, 0, at);
    this.#admitted = [];
    this.#saved = [];
  }

  #senderLimit(name: string | null): Limit {
    const { circuit, meterOf } = this.#parts;
    const limit = new Limit({ scope: 'sender', name, circuit, meterOf });
    const rate = lowest(this.ratesOf(name));
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

  /* Limits with usage windows, or that count parts. */
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
