/**
 * Holds the states of a circuit: whether an account, or a sender with trouble of its own, may send. Pure: instants are
 * Unix seconds and come in as arguments.
 *
 * Always holds: a suspended circuit names its next probe, a paused one waits for an operator; half-open lets one message
 * at a time through; nothing here waits for an event that could get lost.
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
  const { by, firstMs: delayMs } = schedule;
  const nextProbeAt = now + delayMs / 1000;
  const base = { kind: 'suspended', reason, since: now, by, delayMs, nextProbeAt } as const;
  return { ...base, isHalfOpen: false, probeId: null, run: null };
}

/** Suspended for a run of refusals until its next probe. `from`: when the latest probe began. */
export function suspendForRun(
  run: RefusalRun,
  { since, from, now }: { readonly since: number; readonly from: number; readonly now: number },
): Suspended {
  const delayMs = probeDelayMs(run.refused);
  /* A probe that began in the future began before the clock was set back. */
  const nextProbeAt = Math.max(now, Math.min(from, now) + delayMs / 1000);
  const schedule = { by: 'time', firstMs: delayMs, maxMs: delayMs } as const;
  return { ...suspend(run.reason, schedule, since), nextProbeAt, run };
}

/**
 * The probe, or the balance, met the same trouble: the next probe is later. Never sooner than the schedule's first
 * wait: a state that was restored after a restart knows no wait of its own.
 */
export function suspendAgain(state: Suspended, schedule: ProbeSchedule, now: number): Suspended {
  const delayMs = Math.min(Math.max(state.delayMs * 2, schedule.firstMs), schedule.maxMs);
  const next = { by: schedule.by, delayMs, nextProbeAt: now + delayMs / 1000 };
  return { ...state, ...next, isHalfOpen: false, probeId: null };
}

/** One message may go. An operator's `resume`, a balance that passes and a restart lead here. */
export function halfOpen(state: Suspended): Suspended {
  return { ...state, isHalfOpen: true, probeId: null };
}

export function probeWith(state: Suspended, messageId: number): Suspended {
  return { ...state, probeId: messageId };
}

/** Whether this message is the circuit's probe. */
export function isProbe(state: CircuitState, messageId: number): state is Suspended {
  return state.kind === 'suspended' && state.probeId === messageId;
}

/** The run of refusals that is open; null = none. */
export function runOf(state: CircuitState): RefusalRun | null {
  return state.kind === 'suspended' ? state.run : null;
}

/** The same state after the wall clock was set by `by` seconds (below 0: back). */
export function shifted(state: Suspended, seconds: number): Suspended {
  return { ...state, since: state.since + seconds, nextProbeAt: state.nextProbeAt + seconds };
}

/** When the circuit must be looked at; null = it waits for an answer or for an operator. */
export function nextLookAt(state: CircuitState): number | null {
  return state.kind === 'suspended' && !state.isHalfOpen ? state.nextProbeAt : null;
}
