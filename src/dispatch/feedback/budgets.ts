/**
 * Recalls at a start what accounts have spent today, which circuits were open, and which waits go on.
 *
 * Always holds: without a limit on money an account has no budget.
 */
import type { Clock } from '../../clock.ts';
import { ACTIVE, type CircuitState } from '../../core/account/circuit.ts';
import { probeDelayMs, type RefusalRun } from '../../core/account/refusal-run.ts';
import { isRunReason } from '../../core/answer/classification-rules.ts';
import type { CircuitChange } from '../../core/account/account-circuit.ts';
import { Budget, LOW_BALANCE, type SpendRules } from '../../core/account/safety.ts';
import type { CircuitRow } from '../../spool/write/circuit-rows.ts';
import type { KnownRun } from '../../spool/write/set-aside.ts';
import type { Spool } from '../../spool/spool.ts';
import type { AccountQueue } from '../schedule/account-queue.ts';

/** Null = the cost of an account is not limited. */
export function budgetOf(rules: SpendRules): Budget | null {
  return rules.spendPerDay === null && rules.minBalance === null ? null : new Budget(rules);
}

/** What an earlier run kept of what accounts spent: EUR since an instant. */
type SpentSince = (account: string, since: number) => number;

export interface Recalled {
  readonly queue: AccountQueue;
  readonly change: CircuitChange;
}

/**
 * What was suspended, paused or asked to wait before a restart still is, and what was spent is spent. Returns the
 * accounts that have spent enough and were not suspended for it.
 */
export function recall(
  spool: Spool,
  queues: ReadonlyMap<string, AccountQueue>,
  known: { readonly clock: Clock; readonly waitMaxMs: number; readonly spentSince: SpentSince },
): readonly Recalled[] {
  const { clock, waitMaxMs, spentSince } = known;
  const now = clock.now();
  for (const { account, sender, until } of spool.circuits.blocks(now)) {
    const queue = queues.get(account);
    const limit = sender === null ? queue?.limits.account : queue?.lane(sender).limits.sender;
    /* Nobody waits longer than `waitMaxMs`, whatever the wall clock has done since. Then one message goes first. */
    limit?.block(Math.min((until - now) * 1000, waitMaxMs), clock.monotonicMs());
    limit?.tryFirst();
  }
  for (const queue of queues.values()) recallSpent(spool, queue, { now, spentSince });
  const runs = spool.setAside.runs();
  for (const row of spool.circuits.all()) {
    const run = runs.find(
      ({ account, sender }) => account === row.account && sender === row.sender,
    );
    queues.get(row.account)?.circuit.restore(row.sender, stateOfRow(row, run ?? null));
  }
  /* Whoever can write to the spool could have set the account active. */
  return [...queues.values()].flatMap((queue) => {
    if (queue.circuit.stateOf().kind === 'paused') return [];
    const change = queue.circuit.enforceBudget(now);
    return change === null ? [] : [{ queue, change }];
  });
}

/** What each account with a limit on money has spent since midnight, and when last (Unix seconds). */
export function spentToday(
  queues: ReadonlyMap<string, AccountQueue>,
): ReadonlyMap<string, { readonly euros: number; readonly at: number }> {
  return new Map(
    [...queues.values()].flatMap(({ name, circuit: { budget } }) =>
      budget === null || budget.spentAt === -Infinity
        ? []
        : [[name, { euros: budget.spent, at: budget.spentAt }] as const],
    ),
  );
}

/** What the account has cost today is counted on: the larger of what the spool shows and what was kept. */
export function recallSpent(
  spool: Spool,
  { name, circuit }: AccountQueue,
  { now, spentSince }: { readonly now: number; readonly spentSince: SpentSince },
): void {
  const { budget } = circuit;
  if (budget === null) return;
  const since = budget.dayOf(now);
  budget.recall(Math.max(spool.recent.spentSince(name, since), spentSince(name, since)), now);
}

function stateOfRow(row: CircuitRow, known: KnownRun | null): CircuitState {
  if (row.state === 'paused') return { kind: 'paused', since: row.since };
  if (row.state === 'active') return ACTIVE;
  const reason = row.reason ?? 'unknown';
  /* Refusals are the only cause of a suspension for such a reason, also in a spool of an older version. */
  const unknown: RefusalRun | null = isRunReason(reason) ? { id: null, reason, refused: 0 } : null;
  const run =
    known === null ? unknown : { id: known.id, reason: known.reason, refused: known.refused };
  return {
    kind: 'suspended',
    reason,
    since: row.since,
    by: reason === LOW_BALANCE ? 'balance' : 'time',
    delayMs: run === null ? 1_000 : probeDelayMs(run.refused),
    nextProbeAt: row.nextProbeAt ?? row.since,
    isHalfOpen: false,
    probeId: null,
    run,
  };
}
