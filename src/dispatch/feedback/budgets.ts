/**
 * Accounts whose money is watched: their answers tell the budget what they cost before anybody judges them,
 * and a start recalls from the spool what the day has cost already and which gates were shut.
 *
 * Always holds: an account without a limit of its own is served as if none of this were here.
 */
import type { LaneReason } from '../../core/account/stop-reasons.ts';
import type { Clock } from '../../clock.ts';
import type { Instant } from '../../core/window/usage-window.ts';
import { ACTIVE, type CircuitState } from '../../core/account/circuit.ts';
import { probeDelayMs, type RefusalRun } from '../../core/account/refusal-run.ts';
import { isRunReason } from '../../core/answer/classification-rules.ts';
import { AccountCircuit, type CircuitChange } from '../../core/account/account-circuit.ts';
import { Budget, LOW_BALANCE, type SpendRules } from '../../core/account/safety.ts';
import { fetchBalance } from '../../gateway/account-api.ts';
import type { Capabilities, Gateway } from '../../gateway/gateway.ts';
import type { CircuitRow } from '../../spool/write/circuit-rows.ts';
import type { KnownRun } from '../../spool/write/set-aside.ts';
import type { Spool } from '../../spool/spool.ts';
import type { AccountQueue, AccountQueueParts } from '../schedule/account-queue.ts';
import type { BalanceAnswer } from './circuit-probes.ts';

/** A gateway and the health of its account; with a limit on money, both know of it. */
export function guarded(
  gateway: Gateway,
  rules: SpendRules,
  now: () => number,
): Pick<AccountQueueParts, 'gateway' | 'circuit'> {
  const budget = budgetOf(rules);
  return { gateway: watched(gateway, budget, now), circuit: new AccountCircuit(budget) };
}

/** Null = nobody asks what an account costs. */
export function budgetOf(rules: SpendRules): Budget | null {
  return rules.spendPerDay === null && rules.minBalance === null ? null : new Budget(rules);
}

/** The gateway, whose answers tell the budget what they cost. */
export function watched(gateway: Gateway, budget: Budget | null, now: () => number): Gateway {
  return budget === null ? gateway : new WatchedGateway(gateway, budget, now);
}

class WatchedGateway implements Gateway {
  readonly capabilities: Capabilities;
  readonly #gateway: Gateway;
  readonly #budget: Budget;
  readonly #now: () => number;

  constructor(gateway: Gateway, budget: Budget, now: () => number) {
    this.capabilities = gateway.capabilities;
    this.#gateway = gateway;
    this.#budget = budget;
    this.#now = now;
  }

  send(...[claim, ttlMs, done]: Parameters<Gateway['send']>): void {
    this.#gateway.send(claim, ttlMs, (observation) => {
      if (observation.kind === 'answered') this.#budget.told(observation.parts, this.#now());
      done(observation);
    });
  }

  close(): Promise<void> {
    return this.#gateway.close();
  }
}

/** What an account that was asked has left (EUR), as an answer to whoever may try it again. */
function balanceAnswer(euros: number, circuit: AccountCircuit | undefined): BalanceAnswer {
  const gate = circuit?.stateOf() ?? ACTIVE;
  const isEnough =
    gate.kind !== 'suspended' || circuit?.budget?.isEnough(gate.reason, euros) !== false;
  return isEnough ? { kind: 'balance', euros } : { kind: 'refused' };
}

/** Asks an account, as whoever may try it again wants to know. */
export async function askBalance(
  account: Parameters<typeof fetchBalance>[0],
  circuit: AccountCircuit | undefined,
  onBalance: (euros: number) => void,
): Promise<BalanceAnswer> {
  const balance = await fetchBalance(account);
  if (balance.ok) {
    onBalance(balance.balance);
    return balanceAnswer(balance.balance, circuit);
  }
  const isNo = balance.reason === 'wrong-credentials' || balance.reason === 'unreachable';
  return { kind: isNo ? 'refused' : 'unknown' };
}

/** What an earlier run kept of what accounts spent: EUR since an instant. */
export type SpentSince = (account: string, since: number) => number;

/** A gate that is another than the spool has it. */
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
  {
    clock,
    waitMaxMs,
    spentSince,
  }: { readonly clock: Clock; readonly waitMaxMs: number; readonly spentSince: SpentSince },
): readonly Recalled[] {
  const now = clock.now();
  recallWaits(spool, queues, { now, nowMs: clock.monotonicMs(), waitMaxMs });
  for (const queue of queues.values()) recallSpent(spool, queue, { now, spentSince });
  const runs = spool.setAside.runs();
  for (const row of spool.circuits.all()) {
    const run = runs.find(
      ({ account, sender }) => account === row.account && sender === row.sender,
    );
    queues.get(row.account)?.circuit.restore(row.sender, gateOf(row, run ?? null));
  }
  /* Whoever can write to the spool could have set the account active. */
  return [...queues.values()].flatMap((queue) => {
    if (queue.circuit.stateOf().kind === 'paused') return [];
    const change = queue.circuit.enforceBudget(now);
    return change === null ? [] : [{ queue, change }];
  });
}

/* Nobody waits longer than `waitMaxMs`, whatever the wall clock has done since. One message goes first after it. */
function recallWaits(
  spool: Spool,
  queues: ReadonlyMap<string, AccountQueue>,
  { now, nowMs, waitMaxMs }: Instant & { readonly waitMaxMs: number },
): void {
  for (const { account, sender, until } of spool.circuits.blocks(now)) {
    const queue = queues.get(account);
    if (queue === undefined) continue;
    const limit = sender === null ? queue.limits.account : queue.lane(sender).limits.sender;
    limit.block(Math.min((until - now) * 1000, waitMaxMs), nowMs);
    limit.tryFirst();
  }
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

function gateOf(row: CircuitRow, known: KnownRun | null): CircuitState {
  if (row.state === 'paused') return { kind: 'paused', since: row.since };
  if (row.state === 'active') return ACTIVE;
  const reason = row.reason ?? 'unknown';
  const run = runOf(reason, known);
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

/* Refusals are the only cause of a suspension for such a reason, also in a spool of an older version. */
function runOf(reason: LaneReason, known: KnownRun | null): RefusalRun | null {
  if (known !== null) return { id: known.id, reason: known.reason, refused: known.refused };
  return isRunReason(reason) ? { id: null, reason, refused: 0 } : null;
}
