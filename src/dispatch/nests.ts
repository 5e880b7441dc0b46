/**
 * The accounts' nests in the transactions of the steps: what is on disk is taken up before the first claim,
 * with what left that no row has counted, and what was counted is written with the claims that it counts.
 *
 * Always holds: accounts without a nest cost nothing; a claim and what it used commit together.
 */
import type { Policy } from '../core/policy.ts';
import type { Claim } from '../core/claim.ts';
import type { Instant } from '../core/cap.ts';
import type { Observation } from '../core/observation.ts';
import type { Capabilities } from '../gateway/gateway.ts';
import type { Spool } from '../spool/spool.ts';
import type { Desk } from './desk.ts';
import { SpoolHistory } from './history.ts';
import type { Nest } from './nest.ts';
import type { Participant } from './work.ts';

export class Nests implements Participant {
  readonly #spool: Spool;
  readonly #desks: ReadonlyMap<string, Desk>;
  readonly #policy: () => Policy;
  /** Those whose rules the rows on disk are; null = not known yet. */
  #kept: readonly Nest[] | null = null;
  #saved: readonly Nest[] | null = null;

  constructor(spool: Spool, desks: ReadonlyMap<string, Desk>, policy: () => Policy) {
    this.#spool = spool;
    this.#desks = desks;
    this.#policy = policy;
  }

  /** A transaction begins, in which something may be claimed. */
  begin(at: Instant): void {
    if (this.#isTidy) return;
    const rows = this.#spool.caps.all();
    for (const { name, nest } of this.#desks.values()) {
      nest?.recall(
        rows.filter(({ account }) => account === name),
        at,
        new SpoolHistory(this.#spool, name, this.#policy),
      );
    }
  }

  /** All that was claimed in it has been. */
  save(at: Instant): void {
    const isTidy = this.#isTidy;
    if (!isTidy) this.#spool.caps.unset();
    for (const { name, nest } of this.#desks.values()) {
      if (nest !== null) this.#spool.caps.write(nest.save(name, at, !isTidy));
    }
    if (!isTidy) this.#saved = this.#nests;
  }

  committed(): void {
    this.#kept = this.#saved ?? this.#kept;
    this.#saved = null;
    for (const { nest } of this.#desks.values()) nest?.committed();
  }

  rolledBack(): void {
    this.#saved = null;
    for (const { nest } of this.#desks.values()) nest?.rolledBack();
  }

  /* Whether the rows on disk are those of the rules that are configured. */
  get #isTidy(): boolean {
    const nests = this.#nests;
    return (
      nests.length === this.#kept?.length && nests.every((one, at) => one === this.#kept?.[at])
    );
  }

  get #nests(): readonly Nest[] {
    return [...this.#desks.values()].flatMap(({ nest }) => nest ?? []);
  }
}

/** A claim came to its end, by this observation; null = it never left. What it came to is counted. */
export function discharge(desk: Desk, claim: Claim, observation: Observation | null): void {
  if (desk.nest === null) return;
  const nowMs = desk.nest.nowMs();
  const more = desk.nest.close(claim.id, partsIn(observation, desk.gateway.capabilities));
  if (more.account > 0) desk.pacer.spend(more.account, nowMs);
  if (more.lane > 0) desk.lane(claim.sender).pacer?.spend(more.lane, nowMs);
}

/* null = it may have left, and nobody knows as how many: the estimate holds. */
function partsIn(observation: Observation | null, { partsInAnswer }: Capabilities): number | null {
  if (observation === null || observation.kind === 'never-left') return 0;
  const isTold = partsInAnswer && observation.kind === 'answered' && observation.parts.length > 0;
  return isTold ? observation.parts.length : null;
}
