/**
 * The usage windows of all accounts in the transactions of the steps: what is on disk is taken up before the first
 * claim, with what left that no row has counted, and what was counted is written with the claims that it counts.
 *
 * Always holds: accounts without usage windows cost nothing; a claim and what it used commit together.
 */
import type { Instant } from '../../core/window/usage-window.ts';
import type { Policy } from '../../core/account/policy.ts';
import type { NestedRules } from '../../core/window/rate-limits.ts';
import type { Spool } from '../../spool/spool.ts';
import { SpoolHistory } from './window-seed.ts';
import type { Participant } from '../work.ts';
import type { LimitTree } from './limit-tree.ts';

/** An account with its limits. */
interface Limited {
  readonly name: string;
  readonly limits: LimitTree;
}

export class UsageRows implements Participant {
  readonly #spool: Spool;
  readonly #queues: ReadonlyMap<string, Limited>;
  readonly #policy: () => Policy;
  /** Whose windows the rows on disk are; null = not known yet. */
  #kept: readonly NestedRules[] | null = null;
  #saved: readonly NestedRules[] | null = null;
  #at: Instant | null = null;

  constructor(spool: Spool, queues: ReadonlyMap<string, Limited>, policy: () => Policy) {
    this.#spool = spool;
    this.#queues = queues;
    this.#policy = policy;
  }

  /** A transaction begins, in which something may be claimed. */
  begin(at: Instant): void {
    this.#at = at;
    if (this.#isKept) return;
    const rows = this.#spool.usageWindows.all();
    for (const { name, limits } of this.#queues.values()) {
      if (limits.rules === null) continue;
      const own = rows.filter(({ account }) => account === name);
      limits.recall(own, at, new SpoolHistory(this.#spool, name, this.#policy));
    }
  }

  /** All that is claimed in it has been. */
  save(at: Instant): void {
    const isWhole = !this.#isKept;
    if (isWhole) this.#spool.usageWindows.unset();
    for (const { limits } of this.#queues.values()) {
      if (limits.rules !== null) this.#spool.usageWindows.write(limits.save(at, isWhole));
    }
    if (isWhole) this.#saved = this.#inForce;
  }

  committed(): void {
    this.#kept = this.#saved ?? this.#kept;
    this.#saved = null;
    for (const { limits } of this.#queues.values()) limits.committed();
  }

  rolledBack(): void {
    this.#saved = null;
    if (this.#at === null) return;
    for (const { limits } of this.#queues.values()) limits.rolledBack(this.#at);
  }

  /* Whether the rows on disk are those of what is configured. */
  get #isKept(): boolean {
    const rules = this.#inForce;
    return (
      rules.length === this.#kept?.length && rules.every((one, at) => one === this.#kept?.[at])
    );
  }

  get #inForce(): readonly NestedRules[] {
    return [...this.#queues.values()].flatMap(({ limits }) => limits.rules ?? []);
  }
}
