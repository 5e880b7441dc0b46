/**
 * Builds the status document from counts and from what its maker knows of accounts and lanes: the daemon from
 * its memory, `top` from the spool where no daemon answers. Nothing else builds one.
 */
import { noStates, type MessageCounts, type LaneCount } from './message-counts.ts';
import { maskRecipient } from './mask.ts';
import { STATES } from './message.ts';
import {
  AGE_BOUNDS_S,
  type AccountStatus,
  type FailureStatus,
  type LaneStatus,
  type Status,
} from './status.ts';

/** What is known of an account, without the ages of its messages. */
export type AccountFacts = Omit<AccountStatus, 'oldest_due_seconds'>;

/** What is known of a lane, without its counts. */
export type LaneFacts = Pick<LaneStatus, 'state' | 'available' | 'blocked_seconds'>;

type Passed = Pick<
  Status,
  'at' | 'version' | 'pid' | 'spool' | 'started_at' | 'unready' | 'is_counted' | 'stops'
>;

export interface StatusParts extends Passed {
  readonly counts: MessageCounts;
  readonly accounts: readonly AccountFacts[];
  readonly lane: (account: string, sender: string) => LaneFacts;
  /** Requests that ended in each of the last seconds, and those accepted. */
  readonly answered: readonly number[];
  readonly accepted: readonly number[];
  /** Recipients in full here. */
  readonly failures: readonly FailureStatus[];
  readonly isMasked: boolean;
}

export function statusOf(parts: StatusParts): Status {
  const { counts, accounts, lane, failures, isMasked, answered, accepted, ...passed } = parts;
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

function laneStatus({ name, states, ages }: LaneCount, facts: LaneFacts, now: number): LaneStatus {
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
