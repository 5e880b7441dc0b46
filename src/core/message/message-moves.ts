/**
 * Builds the moves of a message that has no open attempt. The end of an attempt is a settlement (settle.ts).
 *
 * Always holds: a move that NEXT forbids does not compile; a waiting message with an unanswered attempt does not end but
 * becomes `uncertain`, because it may have been sent.
 */
import type { MessageReason } from '../codes/reasons.ts';
import { mayMove, type Origin, type State } from './message.ts';

/** A state without an open attempt that T may be entered from. */
type From<T extends State> = Exclude<Origin<T>, 'sending'>;

interface MoveFacts {
  readonly id: number;
  readonly reason: MessageReason;
  /** When the daemon must look at the row again; null = ready now, or final. */
  readonly dueAt: number | null;
  readonly nextAttemptAt: number | null;
  /** The control row that wants it never to be sent again, or BY_DAEMON; null = what was asked before stands. */
  readonly cancelAsked: number | null;
}

/** One move that NEXT allows, but for a requeue. */
export type Move = {
  readonly [T in Exclude<State, 'sending' | 'queued'>]: MoveFacts & {
    readonly from: From<T>;
    readonly to: T;
  };
}[Exclude<State, 'sending' | 'queued'>];

/** A message is started over: attempts are counted from nothing, and an earlier cancel is forgotten. */
export interface Requeue {
  readonly id: number;
  readonly from: From<'queued'>;
  readonly to: 'queued';
  /** Of the event. */
  readonly reason: 'requeued' | 'requeued-may-double';
  /** Null = the deadline stays. */
  readonly expiresAt: number | null;
  /** The attempt that the next one may double; null = surely none. */
  readonly follows: number | null;
}

/** In `cancel_asked`: the daemon itself, and no control row. */
export const BY_DAEMON = 0;

interface MovingRow<S extends State = State> {
  readonly id: number;
  readonly state: S;
}

type WaitingRow = MovingRow<'queued' | 'retry'>;

/**
 * The deadline has passed. Of this and the next two: `heldUntil` is when to look again at a message with an unanswered
 * attempt; null = every attempt was answered.
 */
export function expire(row: WaitingRow, heldUntil: number | null): Move {
  return unsent(row, 'expired', { reason: 'validity-passed', cancelAsked: null }, heldUntil);
}

/** An operator took it back, in this control row. */
export function cancel(row: WaitingRow, controlId: number, heldUntil: number | null): Move {
  return unsent(row, 'cancelled', { reason: 'operator', cancelAsked: controlId }, heldUntil);
}

/** It cannot be sent, or may not. */
export function refuse(row: WaitingRow, reason: MessageReason, heldUntil: number | null): Move {
  return unsent(row, 'permanent-failure', { reason, cancelAsked: BY_DAEMON }, heldUntil);
}

function unsent(
  { id, state: from }: WaitingRow,
  to: 'expired' | 'cancelled' | 'permanent-failure',
  { reason, cancelAsked }: Pick<MoveFacts, 'reason' | 'cancelAsked'>,
  heldUntil: number | null,
): Move {
  const base = { id, from, reason, nextAttemptAt: null } as const;
  if (heldUntil === null) return { ...base, to, dueAt: null, cancelAsked: null };
  return { ...base, to: 'uncertain', dueAt: heldUntil, cancelAsked };
}

/** It may have been sent after the backup was made, and is never sent again. */
export function holdRestored({ id, state: from }: WaitingRow, dueAt: number): Move {
  const base = { id, from, reason: 'restored', nextAttemptAt: null } as const;
  return { ...base, to: 'uncertain', dueAt, cancelAsked: BY_DAEMON };
}

/** Nothing proved it accepted in time: it is sent again. */
export function resend({ id, state: from }: MovingRow<'uncertain'>, now: number): Move {
  const base = { id, from, reason: 'resend', dueAt: null, cancelAsked: null } as const;
  return { ...base, to: 'retry', nextAttemptAt: now };
}

/** Nothing proved it accepted in time, and it is not sent again. */
export function giveUp({ id, state: from }: MovingRow<'uncertain'>): Move {
  const base = { id, from, reason: 'unanswered', dueAt: null, cancelAsked: null } as const;
  return { ...base, to: 'unconfirmed', nextAttemptAt: null };
}

/** Its receipts say that another attempt may help. */
export function resendFailed(id: number, reason: MessageReason, at: number): Move {
  const base = { id, reason, dueAt: at, nextAttemptAt: at, cancelAsked: null } as const;
  return { ...base, from: 'undelivered', to: 'retry' };
}

/** Receipts and answers decide its state; null = NEXT does not lead from its state to there. */
export function reconcileTo(
  { id, state: from }: MovingRow,
  to: 'await-receipt' | 'delivered' | 'undelivered' | 'unconfirmed',
  { reason, dueAt }: Pick<MoveFacts, 'reason' | 'dueAt'>,
): Move | null {
  if (from === 'sending') return null;
  const base = { id, reason, dueAt, nextAttemptAt: null, cancelAsked: null } as const;
  if (to === 'await-receipt') return mayMove(from, to) ? { ...base, from, to } : null;
  if (to === 'delivered') return mayMove(from, to) ? { ...base, from, to } : null;
  if (to === 'undelivered') return mayMove(from, to) ? { ...base, from, to } : null;
  return mayMove(from, to) ? { ...base, from, to } : null;
}

/** An operator starts it over. */
export function requeue(
  { id, state: from }: MovingRow<From<'queued'>>,
  { expiresAt, follows }: Pick<Requeue, 'expiresAt' | 'follows'>,
): Requeue {
  const reason = follows === null ? 'requeued' : 'requeued-may-double';
  return { id, from, to: 'queued', reason, expiresAt, follows };
}
