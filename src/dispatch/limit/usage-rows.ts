/**
 * Reads and writes the usage windows of all accounts: what is on disk is taken up before the first claim, and what was
 * counted is written with the claims that it counts.
 *
 * Always holds: accounts without usage windows cost nothing; a claim and its usage commit together.
 */
import type { Instant } from '../../core/window/usage-window.ts';
import type { Policy } from '../../core/account/policy.ts';
import type { NestedRules } from '../../core/window/rate-limits.ts';
import type { Spool } from '../../spool/spool.ts';
import { spoolHistory } from './window-seed.ts';
import type { Participant } from '../work.ts';
import type { LimitTree } from './limit-tree.ts';

export class UsageRows implements Participant {
  readonly #spool: Spool;
  readonly #queues: ReadonlyMap<string, { readonly limits: LimitTree }>;
  readonly #policy: () => Policy;
  /** The rules whose windows are on disk; null = not known. */
  #kept: readonly NestedRules[] | null = null;
  /** The rules in force in the transaction that runs; null = none runs. */
  #inForce: readonly NestedRules[] | null = null;
  #isWhole = false;
  #at: Instant | null = null;

  constructor(
    spool: Spool,
    queues: ReadonlyMap<string, { readonly limits: LimitTree }>,
    policy: () => Policy,
  ) {
    this.#spool = spool;
    this.#queues = queues;
    this.#policy = policy;
  }

  /** A transaction begins, in which something may be claimed. */
  begin(at: Instant): void {
    const kept = this.#kept;
    const inForce = [...this.#queues.values()].flatMap(({ limits }) => limits.rules ?? []);
    this.#at = at;
    this.#inForce = inForce;
    this.#isWhole =
      kept?.length !== inForce.length || inForce.some((one, index) => one !== kept[index]);
    if (!this.#isWhole) return;
    const rows = this.#spool.usageWindows.all();
    for (const [name, { limits }] of this.#queues) {
      const own = rows.filter(({ account }) => account === name);
      limits.recall(own, at, spoolHistory(this.#spool, name, this.#policy));
    }
  }

  /** All that is claimed in it has been. */
  save(at: Instant): void {
    if (this.#isWhole) this.#spool.usageWindows.unset();
    for (const { limits } of this.#queues.values()) {
      if (limits.rules !== null) this.#spool.usageWindows.write(limits.save(at, this.#isWhole));
    }
  }

  committed(): void {
    this.#kept = this.#inForce ?? this.#kept;
    this.#inForce = null;
    for (const { limits } of this.#queues.values()) limits.committed();
  }

  rolledBack(): void {
    this.#inForce = null;
    if (this.#at === null) return;
    for (const { limits } of this.#queues.values()) limits.rolledBack(this.#at);
  }
}
