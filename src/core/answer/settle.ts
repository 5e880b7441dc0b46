/**
 * Settles an attempt: decides from its verdict the next state of the message, what that costs, and when the daemon looks
 * at the message again. Pure; `now` and `random` are arguments.
 *
 * Always holds: throttling, suspension and shutdown give the attempt back; while an attempt is unanswered,
 * this one or an earlier one, the message never becomes expired, cancelled or permanent-failure; a message
 * accepted in part is never retried.
 */
import type { MessageReason } from '../codes/reasons.ts';
import type { Claim } from '../message/claim.ts';
import type { Target, UncertainPolicy } from '../message/message.ts';
import { mayRetry, retryDelayMs, type RetryPolicy } from '../message/retry-policy.ts';
import type { Verdict } from './verdict.ts';

export interface SettlePolicy {
  readonly retry: RetryPolicy & { readonly maxAttempts: number };
  readonly onUncertain: UncertainPolicy;
  readonly uncertainAfterMs: number;
  /** Milliseconds after which the gateway's reports are asked first; null = they are not asked. */
  readonly lookAfterMs: number | null;
  readonly receipts: { readonly expect: boolean; readonly timeoutMs: number };
}

/** One end of one attempt, as the spool writes it. Absolute values: the claim's guard makes them safe. */
export interface Settlement {
  readonly to: Target<'sending'>;
  readonly reason: MessageReason;
  readonly attempts: number;
  readonly throttles: number;
  /** When the message may go again; null = when its lane may, or never. */
  readonly nextAttemptAt: number | null;
  /** When the daemon must look at the row again; null = ready now, or final. */
  readonly dueAt: number | null;
  readonly follows: number | null;
}

export interface SettleInput {
  readonly claim: Claim;
  readonly verdict: Verdict;
  readonly policy: SettlePolicy;
  /** It waits until its run of refusals is judged. */
  readonly isSetAside: boolean;
  /** An operator asked for the message back while it was out. */
  readonly isCancelAsked: boolean;
  /** Unix seconds. */
  readonly now: number;
  /** In [0, 1). */
  readonly random: number;
}

export function settle(input: SettleInput): Settlement {
  return heldIfUnanswered(outcome(input), input);
}

/** The request was claimed and never left (drain, a step that failed): as if nothing had happened. */
export function unsent(input: Omit<SettleInput, 'verdict' | 'random' | 'isSetAside'>): Settlement {
  const { claim, isCancelAsked } = input;
  const to = isCancelAsked ? 'cancelled' : 'queued';
  const attempts = claim.attempts - 1;
  return heldIfUnanswered({ ...endOf(claim, 'not-sent'), to, attempts }, input);
}

/** The end of an attempt that is open at a crash, or unanswered at the end of a drain. */
export function interrupted(
  claim: Pick<Claim, 'attempts' | 'throttles' | 'number' | 'onUncertain'>,
  policy: SettlePolicy,
  now: number,
): Settlement {
  const dueAt = uncertainDueAt(claim.onUncertain, policy, now);
  return { ...endOf({ ...claim, follows: claim.number }, 'interrupted'), to: 'uncertain', dueAt };
}

/**
 * Decides about an uncertain message whose time is up: a second send that is marked, an end, or another
 * wait (until `dueAt`) for a receipt that may still come.
 */
export function lapse(facts: {
  readonly onUncertain: UncertainPolicy | null;
  readonly isCancelAsked: boolean;
  /** A later attempt was answered and did not help: the earlier one alone is waited for. */
  readonly isAnswered: boolean;
  readonly attempts: number;
  readonly deadline: number;
  /** When it became uncertain (Unix seconds). */
  readonly since: number;
  readonly now: number;
  readonly policy: SettlePolicy;
}): { readonly to: 'retry' | 'unconfirmed' } | { readonly to: null; readonly dueAt: number } {
  const { policy, now } = facts;
  const isOver = facts.isCancelAsked || facts.isAnswered;
  const wish = isOver ? 'hold' : (facts.onUncertain ?? policy.onUncertain);
  const mayGoAgain = mayRetry(facts.attempts, policy.retry.maxAttempts) && now < facts.deadline;
  if (wish === 'resend' && mayGoAgain) return { to: 'retry' };
  const endsAt = facts.since + (policy.receipts.expect ? policy.receipts.timeoutMs / 1000 : 0);
  return now >= endsAt ? { to: 'unconfirmed' } : { to: null, dueAt: endsAt };
}

/** When the daemon looks again at a message that is held: it is not to be sent, and its fate is unknown. */
export function heldDueAt(policy: SettlePolicy, now: number): number {
  return uncertainDueAt('hold', policy, now);
}

function outcome(input: SettleInput): Settlement {
  switch (input.verdict.route) {
    case 'await-receipt':
      return accepted(input);
    case 'uncertain':
      return doubted(input);
    case 'permanent-failure':
      return refused(input);
    case 'retry':
      return input.verdict.scope === 'message' ? deferred(input) : givenBack(input);
  }
}

/* An end of this attempt says nothing about an earlier attempt that is unanswered. */
function heldIfUnanswered(
  settlement: Settlement,
  { claim, policy, now }: Pick<SettleInput, 'claim' | 'policy' | 'now'>,
): Settlement {
  const isEnd = settlement.to === 'permanent-failure' || settlement.to === 'cancelled';
  if (!isEnd || !claim.hasUnanswered) return settlement;
  return { ...settlement, to: 'uncertain', dueAt: heldDueAt(policy, now) };
}

/* What stays as it was. */
function endOf(
  claim: Pick<Claim, 'attempts' | 'throttles' | 'follows'>,
  reason: MessageReason,
): Omit<Settlement, 'to'> {
  const { attempts, throttles, follows } = claim;
  return { reason, attempts, throttles, follows, nextAttemptAt: null, dueAt: null };
}

function accepted({ claim, verdict, policy, now }: SettleInput): Settlement {
  const { expect, timeoutMs } = policy.receipts;
  const { attempts, throttles, follows } = claim;
  const dueAt = expect ? now + timeoutMs / 1000 : now;
  const { reason } = verdict;
  /* Spelled out: this is the path of nearly every message. */
  return { to: 'await-receipt', reason, attempts, throttles, nextAttemptAt: null, dueAt, follows };
}

function refused({ claim, verdict }: SettleInput): Settlement {
  const follows = followsAfter(claim, verdict);
  return { ...endOf(claim, verdict.reason), to: 'permanent-failure', follows };
}

function followsAfter(claim: Claim, { mayDouble }: Verdict): number | null {
  return mayDouble ? claim.number : claim.follows;
}

function doubted({ claim, verdict, policy, isCancelAsked, now }: SettleInput): Settlement {
  const onUncertain = isCancelAsked ? 'hold' : claim.onUncertain;
  return { ...interrupted({ ...claim, onUncertain }, policy, now), reason: verdict.reason };
}

function deferred(input: SettleInput): Settlement {
  const { claim, verdict, policy, isCancelAsked, now, random } = input;
  const most = Math.min(policy.retry.maxAttempts, verdict.maxAttempts ?? Infinity);
  const end = { ...endOf(claim, verdict.reason), follows: followsAfter(claim, verdict) };
  if (isCancelAsked) return { ...end, to: 'cancelled' };
  if (!mayRetry(claim.attempts, most)) return { ...end, to: 'permanent-failure' };
  const nextAttemptAt = now + retryDelayMs(claim.attempts, policy.retry, random) / 1000;
  /* The row is looked at no later than its deadline: it then expires on time. */
  const dueAt = Math.min(nextAttemptAt, Math.max(claim.deadline, now));
  return { ...end, to: 'retry', nextAttemptAt, dueAt };
}

function givenBack({ claim, verdict, isCancelAsked, isSetAside, now }: SettleInput): Settlement {
  const isThrottle = verdict.acts.some((act) => act.kind === 'wait' || act.kind === 'narrow');
  return {
    ...endOf(claim, verdict.reason),
    to: isCancelAsked ? 'cancelled' : 'queued',
    attempts: claim.attempts - 1,
    throttles: claim.throttles + (isThrottle ? 1 : 0),
    /* Not ready; at its deadline it expires as any queued row. */
    dueAt: isSetAside && !isCancelAsked ? Math.max(claim.deadline, now) : null,
    follows: followsAfter(claim, verdict),
  };
}

function uncertainDueAt(wish: UncertainPolicy | null, policy: SettlePolicy, now: number): number {
  const holds = (wish ?? policy.onUncertain) === 'hold';
  const waitMs = holds && !policy.receipts.expect ? 0 : policy.uncertainAfterMs;
  return now + Math.min(waitMs, policy.lookAfterMs ?? Infinity) / 1000;
}
