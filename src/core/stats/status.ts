/**
 * Builds the status of a daemon: the document that `GET /status` gives and `top` shows. The daemon makes it from its
 * memory, `top` from the spool where no daemon answers. Names are as in other JSON of the command line; instants are
 * Unix seconds, rates are per second.
 *
 * Always holds: it is made from numbers that are kept anyway, and no longer than lanes have names.
 */
import type { MessageFailure } from './counters.ts';
import { STATES, type State } from '../message/message.ts';
import type { Stop } from '../account/stops.ts';
import { noStates, type LaneCount, type MessageCounts } from './message-counts.ts';
import { maskRecipient } from '../text/recipient.ts';

/** Ages that are told apart (seconds), as columns of `top`. */
export const AGE_BOUNDS_S: readonly number[] = [60, 300, 1_200, 3_600, 14_400, 43_200, 86_400];

export interface AccountStatus {
  readonly account: string;
  readonly state: 'active' | 'suspended' | 'paused';
  readonly reason: string | null;
  readonly next_probe_at: number | null;
  /** Requests per second: what is configured or named, what is available of it, what was used just now. */
  readonly limit: number | null;
  readonly available: number | null;
  readonly used: number;
  readonly in_flight: number;
  readonly concurrency: number;
  /** How long the gateway asked to wait from now on (seconds). */
  readonly blocked_seconds: number;
  /** How long the oldest message waits that could go, to about ten seconds; null = none does. */
  readonly oldest_due_seconds: number | null;
}

export interface LaneStatus {
  readonly account: string;
  /** `other` = all senders of the account that have no name of their own here. */
  readonly sender: string;
  readonly state: 'active' | 'suspended' | 'paused';
  /** Messages per second of a sender with a limit of its own; null = the account's alone. */
  readonly available: number | null;
  readonly blocked_seconds: number;
  readonly states: Readonly<Record<State, number>>;
  /** Of those that wait to be sent: not yet due; then by age up to each bound; then older. */
  readonly ages: readonly number[];
  readonly oldest_due_seconds: number | null;
}

/** A failure, its recipient masked as in the status log. */
export type FailureStatus = MessageFailure;

export interface Status {
  readonly at: number;
  readonly version: string;
  readonly pid: number;
  readonly spool: string;
  readonly started_at: number;
  /** Null = it works; else why it does not. */
  readonly unready: string | null;
  /** What is stopped and why, the worst first. */
  readonly stops: readonly Stop[];
  /** Whether every message is counted; until then numbers are too small. */
  readonly is_counted: boolean;
  readonly states: Readonly<Record<State, number>>;
  readonly age_bounds_seconds: readonly number[];
  readonly accounts: readonly AccountStatus[];
  readonly lanes: readonly LaneStatus[];
  /** Requests that ended in each of the last 300 seconds, the oldest first, and those accepted. */
  readonly answered: readonly number[];
  readonly accepted: readonly number[];
  /** The newest first. */
  readonly failures: readonly FailureStatus[];
}

/** What is known of an account, without the ages of its messages. */
export type KnownAccount = Omit<AccountStatus, 'oldest_due_seconds'>;

/** What is known of a lane, without its counts. */
export type KnownLane = Pick<LaneStatus, 'state' | 'available' | 'blocked_seconds'>;

/** Of failures, the recipients are in full here. */
export interface StatusParts extends Omit<
  Status,
  'states' | 'age_bounds_seconds' | 'accounts' | 'lanes'
> {
  readonly counts: MessageCounts;
  readonly accounts: readonly KnownAccount[];
  readonly lane: (account: string, sender: string) => KnownLane;
  readonly isMasked: boolean;
}

export function statusOf(parts: StatusParts): Status {
  const { counts, accounts, lane, answered, accepted, failures, isMasked, ...passed } = parts;
  const lanes = [...counts.lanes].map((count) =>
    laneStatus(count, lane(count.name.account, count.name.sender), passed.at),
  );
  const states = noStates();
  for (const one of lanes) for (const state of STATES) states[state] += one.states[state];
  const oldest = oldestByAccount(lanes);
  return {
    ...passed,
    states,
    age_bounds_seconds: AGE_BOUNDS_S,
    accounts: accounts.map((one) => ({
      ...one,
      available: one.available === null ? null : rounded(one.available),
      used: rounded(one.used),
      blocked_seconds: rounded(one.blocked_seconds),
      oldest_due_seconds: oldest.get(one.account) ?? null,
    })),
    lanes,
    answered,
    accepted,
    failures: failures.map((one) => shown(one, isMasked)),
  };
}

function laneStatus({ name, states, ages }: LaneCount, facts: KnownLane, now: number): LaneStatus {
  const oldest = ages.oldest(now);
  return {
    ...name,
    state: facts.state,
    available: facts.available === null ? null : rounded(facts.available),
    blocked_seconds: rounded(facts.blocked_seconds),
    states,
    ages: ages.histogram(now, AGE_BOUNDS_S),
    oldest_due_seconds: oldest === null ? null : rounded(now - oldest),
  };
}

/* In seconds; an account of which nothing waits is not there. */
function oldestByAccount(lanes: readonly LaneStatus[]): ReadonlyMap<string, number> {
  const oldest = new Map<string, number>();
  for (const { account, oldest_due_seconds: seconds } of lanes) {
    if (seconds !== null) oldest.set(account, Math.max(seconds, oldest.get(account) ?? 0));
  }
  return oldest;
}

function shown({ recipient, ...rest }: FailureStatus, isMasked: boolean): FailureStatus {
  return { ...rest, recipient: isMasked ? maskRecipient(recipient) : recipient };
}

function rounded(value: number): number {
  return Math.round(value * 100) / 100;
}
