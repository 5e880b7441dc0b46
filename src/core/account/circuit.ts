/**
 * Whether an account, or a sender with trouble of its own, may send: open, half-open (one message to see),
 * or shut. Pure: instants are Unix seconds and come in as arguments.
 *
 * Always holds: a shut state names when it is looked at next, unless an operator shut it; half-open lets one
 * message at a time through; nothing here waits for an event that could get lost.
 */
import type { LaneReason } from './stop-reasons.ts';
import { probeDelayMs, type RefusalRun } from './refusal-run.ts';

export type CircuitState =
  | { readonly kind: 'active' }
  | { readonly kind: 'paused'; readonly since: number }
  | {
      readonly kind: 'suspended';
      readonly reason: LaneReason;
      readonly since: number;
      /** `balance`: asked about before a message goes; `time`: a message goes when the time has come. */
      readonly by: 'balance' | 'time';
      readonly delayMs: number;
      readonly nextProbeAt: number;
      /** Half-open: one message may go. */
      readonly isHalfOpen: boolean;
      /** The message that is out to see; null = none. */
      readonly probeId: number | null;
      /** A run of refusals that is open; null = none. It outlasts a suspension for another reason. */
      readonly run: RefusalRun | null;
    };

export type Suspended = Extract<CircuitState, { kind: 'suspended' }>;

/** First wait and longest wait between two looks. */
export interface ProbeSchedule {
  readonly by: 'balance' | 'time';
  readonly firstMs: number;
  readonly maxMs: number;
}

/** Credentials, money, configuration: the balance is asked sparingly. */
export const REFUSED: ProbeSchedule = { by: 'balance', firstMs: 120_000, maxMs: 3_600_000 };
/** A gateway that is down or broken: back at once when it is. */
export const UNREACHABLE: ProbeSchedule = { by: 'time', firstMs: 1_000, maxMs: 300_000 };

/** Answers that cannot be read: each message that goes to see may be accepted unseen. */
export const UNREADABLE: ProbeSchedule = { by: 'time', firstMs: 120_000, maxMs: 3_600_000 };

export const ACTIVE: CircuitState = { kind: 'active' };

/** Messages that may go through now: all, one, or none. */
export function mayPass(state: CircuitState): 'all' | 'one' | 'none' {
  if (state.kind === 'active') return 'all';
  return state.kind === 'suspended' && state.isHalfOpen && state.probeId === null ? 'one' : 'none';
}

export function suspend(reason: LaneReason, schedule: ProbeSchedule, now: number): Suspended {
  return {
    kind: 'suspended',
    reason,
    since: now,
    by: schedule.by,
    delayMs: schedule.firstMs,
    nextProbeAt: now + schedule.firstMs / 1000,
    isHalfOpen: false,
    probeId: null,
    run: null,
  };
}

/** The state of a run of refusals: shut until its next probe. `from`: when the latest probe began. */
export function judge(
  run: RefusalRun,
  { since, from, now }: { readonly since: number; readonly from: number; readonly now: number },
): Suspended {
  const delayMs = probeDelayMs(run.refused);
  return {
    kind: 'suspended',
    reason: run.reason,
    since,
    by: 'time',
    delayMs,
    /* A probe that began in the future began before the clock was set back. */
    nextProbeAt: Math.max(now, Math.min(from, now) + delayMs / 1000),
    isHalfOpen: false,
    probeId: null,
    run,
  };
}

/**
 * The probe met the same trouble, or the balance did: shut again, and looked at later. Never sooner than the
 * schedule's first wait: a state that was restored after a restart knows no wait of its own.
 */
export function suspendAgain(state: Suspended, schedule: ProbeSchedule, now: number): Suspended {
  const delayMs = Math.min(Math.max(state.delayMs * 2, schedule.firstMs), schedule.maxMs);
  return {
    ...state,
    by: schedule.by,
    delayMs,
    nextProbeAt: now + delayMs / 1000,
    isHalfOpen: false,
    probeId: null,
  };
}

/** One message may go. An operator's `resume`, a balance that passes and a restart lead here. */
export function halfOpen(state: Suspended): Suspended {
  return { ...state, isHalfOpen: true, probeId: null };
}

export function probeWith(state: Suspended, messageId: number): Suspended {
  return { ...state, probeId: messageId };
}

/** The same state after the wall clock was set by `by` seconds (below 0: back). */
export function shifted(state: Suspended, seconds: number): Suspended {
  return { ...state, since: state.since + seconds, nextProbeAt: state.nextProbeAt + seconds };
}

/** When the state must be looked at; null = it waits for an answer or for an operator. */
export function nextLookAt(state: CircuitState): number | null {
  return state.kind === 'suspended' && !state.isHalfOpen ? state.nextProbeAt : null;
}
