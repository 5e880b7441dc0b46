/**
 * Messages that were refused in a run of refusals and wait until the run is judged (core/account/refusal-run).
 *
 * Such a message stays `queued` with `due_at` at its deadline, so it is not ready and expires as any other. The
 * row here says which run it belongs to. It counts only while the message is as the refusal left it: a message
 * that was cancelled, requeued or has expired since is not touched when the run ends.
 */
import type { MessageReason } from '../../core/codes/reasons.ts';
import type { Database } from 'better-sqlite3';
import type { RefusedRow } from '../../core/account/refusal-run.ts';
import { Statements } from '../sql/statements.ts';

export interface RunScope {
  readonly account: string;
  /** Null = the account's. */
  readonly sender: string | null;
}

export interface SetAsideRow extends RunScope {
  readonly id: number;
  readonly attempt: number;
  readonly run: number;
  readonly reason: MessageReason;
}

/** An open run, as far as the spool tells. */
export interface KnownRun extends RunScope {
  readonly id: number;
  /** Of the refusal that began it. */
  readonly reason: MessageReason;
  /** Messages that it has refused. */
  readonly refused: number;
}

/** A refused message, as its row names it. */
export interface RefusedMessage extends Pick<RefusedRow, 'campaign' | 'recipient'> {
  readonly sender: string | null;
}

export interface WaitingMessage {
  readonly id: number;
  /** Of its refusal. */
  readonly reason: MessageReason;
}

/* The message is as its refusal left it. A query must join `messages m` and `set_aside s`. */
const WAITS = `m.id = s.message_id AND m.state = 'queued' AND m.due_at IS NOT NULL
  AND m.last_attempt = s.attempt AND m.reason <> 'requeued' AND m.reason <> 'requeued-may-double'`;

/** The run that a message waits for, and how many it has refused. For people who ask. */
export function runOfMessage(db: Database, id: number): KnownRun | null {
  const row = db
    .prepare<[number], KnownRun>(
      `SELECT s.run AS id, s.account, s.sender, s.reason,
        (SELECT count(*) FROM set_aside o WHERE o.run = s.run) AS refused
        FROM set_aside s JOIN messages m ON ${WAITS} WHERE s.message_id = ?`,
    )
    .get(id);
  return row ?? null;
}

const SCOPE = 's.account = ? AND s.sender IS +?';

type ScopeValues = [account: string, sender: string | null];

export class SetAsideRows extends Statements {
  readonly #add = this.run<[SetAsideRow]>(
    `INSERT OR REPLACE INTO set_aside (message_id, attempt, run, account, sender, reason)
      VALUES (@id, @attempt, @run, @account, @sender, @reason)`,
  );
  readonly #refused = this.selectAll<[...ScopeValues, limit: number], RefusedMessage>(
    `SELECT m.campaign, m.sender, CAST(m.recipient AS TEXT) AS recipient
      FROM set_aside s JOIN messages m ON m.id = s.message_id
      WHERE ${SCOPE} ORDER BY s.message_id DESC LIMIT +?`,
  );
  readonly #waiting = this.selectAll<[...ScopeValues, run: number | null], WaitingMessage>(
    `SELECT m.id, s.reason FROM set_aside s JOIN messages m ON ${WAITS}
      WHERE ${SCOPE} AND s.run = coalesce(?, s.run)`,
  );
  readonly #makeReady = this.run<ScopeValues>(
    `UPDATE messages SET due_at = NULL, revision = revision + 1 WHERE id IN
      (SELECT m.id FROM set_aside s JOIN messages m ON ${WAITS} WHERE ${SCOPE})`,
  );
  readonly #forget = this.run<[...ScopeValues, run: number | null]>(
    `DELETE FROM set_aside AS s WHERE ${SCOPE} AND s.run = coalesce(?, s.run)`,
  );
  readonly #orphans = this.selectAll<[], RunScope>(
    `SELECT DISTINCT s.account, s.sender FROM set_aside s
      LEFT JOIN accounts a ON a.name = s.account
      LEFT JOIN senders o ON o.account = s.account AND o.sender = s.sender
      WHERE a.name IS NULL
        OR CASE WHEN s.sender IS NULL THEN a.state ELSE coalesce(o.state, 'active') END = 'active'`,
  );
  readonly runs = this.selectAll<[], KnownRun>(
    `SELECT account, sender, max(run) AS id, count(*) AS refused,
      (SELECT reason FROM set_aside f WHERE f.account = s.account AND f.sender IS s.sender
        ORDER BY f.message_id = f.run DESC LIMIT 1) AS reason
      FROM set_aside s GROUP BY account, sender`,
  );

  add(rows: readonly SetAsideRow[]): void {
    for (const row of rows) this.#add(row);
  }

  /** What the latest refused messages of a run were, at most `limit`, as their rows name them. */
  refused({ account, sender }: RunScope, limit: number): readonly RefusedMessage[] {
    return this.#refused(account, sender, limit);
  }

  /** Messages that wait for a run; `run` null = for any of this scope. */
  waiting({ account, sender }: RunScope, run: number | null): readonly WaitingMessage[] {
    return this.#waiting(account, sender, run);
  }

  /** The run is over, and its messages have been moved. */
  forget({ account, sender }: RunScope, run: number | null): void {
    this.#forget(account, sender, run);
  }

  /** All messages of this scope that wait for a run are ready again; returns how many there were. */
  release(scope: RunScope): number {
    const changes = this.#makeReady(scope.account, scope.sender);
    this.forget(scope, null);
    return changes;
  }

  /** Messages of runs that no account or sender is stopped for are ready again; returns how many there were. */
  releaseOrphans(): number {
    return this.#orphans().reduce((sum, scope) => sum + this.release(scope), 0);
  }
}
