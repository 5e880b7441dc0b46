/** The status document of a daemon with one account, one lane and one failure. */
import { noStates } from '../../src/core/stats/message-counts.ts';
import { AGE_BOUNDS_S, type Status } from '../../src/core/stats/status.ts';

/** `text` stands wherever a daemon may write text. */
export function statusWith(spool: string, text: string): Status {
  return {
    at: 1.79e9,
    version: text,
    pid: 1,
    spool,
    started_at: 1.79e9,
    unready: text,
    stops: [
      {
        scope: 'sender',
        account: text,
        sender: text,
        state: 'paused',
        reason: text,
        since: 1.79e9,
        until: null,
        meaning: text,
        remedy: text,
      },
    ],
    is_counted: true,
    states: { ...noStates(), queued: 1 },
    age_bounds_seconds: AGE_BOUNDS_S,
    accounts: [
      {
        account: text,
        state: 'suspended',
        reason: text,
        next_probe_at: 1.79e9,
        limit: 1,
        available: 1,
        used: 1,
        in_flight: 0,
        concurrency: 0,
        blocked_seconds: 0,
        oldest_due_seconds: 1,
      },
    ],
    lanes: [
      {
        account: text,
        sender: text,
        state: 'active',
        available: null,
        blocked_seconds: 0,
        states: { ...noStates(), queued: 1 },
        ages: [0, 1, 0, 0, 0, 0, 0, 0],
        oldest_due_seconds: 1,
      },
    ],
    answered: [1],
    accepted: [1],
    failures: [
      {
        at: 1.79e9,
        id: 1,
        account: text,
        sender: text,
        recipient: text,
        to: 'expired',
        reason: text,
        code: 1,
      },
    ],
  };
}
