/**
 * Writes the moves of messages that have no open attempt (core/message/message-moves.ts). Each UPDATE names the state
 * that the message leaves; a message that was moved since it was read stays as it is, and the caller is told.
 */
import type { Move, Requeue } from '../../core/message/message-moves.ts';
import type { State } from '../../core/message/message.ts';
import { LIMITS, shown, small } from '../schema/bounded.ts';
import { KeyValues } from '../sql/kv.ts';
import { Statements } from '../sql/statements.ts';
import type { DueRow } from './due.ts';

/* A key never changes, and a reason is written by the move. */
const TEXTS = Object.entries(LIMITS).filter(
  ([column]) => column !== 'idempotency_key' && column !== 'reason',
);
const OTHERS = [
  ...['message_class', 'priority', 'send_at', 'expires_at', 'on_uncertain', 'created_at'],
  ...['updated_at', 'attempts', 'throttles', 'price', 'last_attempt', 'follows', 'status', 'parts'],
];
const SHORT = [
  ...TEXTS.map(([column, most]) => `${column} = ${shown(column, most)}`),
  ...OTHERS.map((column) => `${column} = ${small(column)}`),
].join(', ');
const IS_HUGE = [
  ...TEXTS.map(([column, most]) => `octet_length(${column}) > ${most}`),
  ...OTHERS.map((column) => `(${small(column)}) IS '?'`),
].join(' OR ');

/* One row a statement: a receipt moves one message, and one row is half as dear without a list of VALUES. */
export class Moves extends Statements {
  readonly #shorten = this.run<[id: number]>(
    `UPDATE messages SET ${SHORT}, revision = revision + 1 WHERE id = ? AND (${IS_HUGE})`,
  );
  readonly #move = this.run<
    [
      ...[to: State, reason: string | null, dueAt: number | null, nextAttemptAt: number | null],
      ...[cancelAsked: number | null, now: number, id: number, from: State],
    ]
  >(
    `UPDATE messages SET state = ?, reason = ?, due_at = ?, next_attempt_at = ?,
      cancel_asked = coalesce(?, cancel_asked), updated_at = ?, revision = revision + 1
      WHERE id = ? AND state = ?`,
  );
  readonly #requeue = this.run<[Requeue & { readonly now: number }]>(
    `UPDATE messages SET state = 'queued', reason = 'requeued', attempts = 0, throttles = 0,
      status = NULL, next_attempt_at = NULL, cancel_asked = NULL,
      due_at = CASE WHEN send_at > @now THEN send_at END, restarted_at = last_attempt,
      expires_at = coalesce(@expiresAt, expires_at), follows = @follows, updated_at = @now,
      revision = revision + 1 WHERE id = @id AND state = @from`,
  );
  readonly #due = this.run<[dueAt: number | null, id: number, state: State]>(
    'UPDATE messages SET due_at = ?, revision = revision + 1 WHERE id = ? AND state = ?',
  );
  readonly #date = this.run<[now: number, id: number]>(
    'UPDATE messages SET created_at = ?, revision = revision + 1 WHERE id = ?',
  );

  /**
   * Moves a message; false = it is not in the state that it was to leave. Values that no program means are replaced
   * first: a row is written whole.
   */
  write(move: Move, now: number): boolean {
    const { id, from, to, reason, dueAt, nextAttemptAt, cancelAsked } = move;
    this.#shorten(id);
    return this.#move(to, reason, dueAt, nextAttemptAt, cancelAsked, now, id, from) > 0;
  }

  /** Starts a message over; one that is scheduled for later waits for that. False = it is in another state by now. */
  requeue(move: Requeue, now: number): boolean {
    return this.#requeue({ ...move, now }) > 0;
  }

  /** Changes only when the daemon looks at rows again that are still in this state; null = ready now, or never. */
  setDue(rows: readonly Pick<DueRow, 'id' | 'state' | 'dueAt'>[]): void {
    for (const { id, state, dueAt } of rows) this.#due(dueAt, id, state);
  }

  /** Dates rows whose own date cannot be right from now on. */
  redate(ids: readonly number[], now: number): void {
    for (const id of ids) this.#date(now, id);
  }
}

/** Why a row waits, as in `messages.reason`. */
export type WaitReason = 'quiet-hours' | 'recipient-limit';

export interface Wait {
  readonly id: number;
  readonly reason: WaitReason;
  /** When it may go (Unix seconds). */
  readonly until: number;
  /** When the daemon looks at it again: then, or at its deadline if that is earlier. */
  readonly dueAt: number;
}

const RULES = 'hold-rules';

/** Every wait of ours that is not over, the nearest first. */
export const HELD_BACK = `SELECT id FROM messages WHERE due_at > ? AND state IN ('queued','retry')
  AND reason IN ('quiet-hours','recipient-limit') ORDER BY due_at LIMIT +?`;

export class Waits extends Statements {
  readonly #wait = this.run<[Wait & { readonly now: number }]>(
    `UPDATE messages SET reason = @reason, next_attempt_at = @until, due_at = @dueAt,
      updated_at = @now, revision = revision + 1
      WHERE id = @id AND due_at IS NULL AND (state = 'queued' OR state = 'retry')`,
  );
  readonly #values = new KeyValues(this.db);
  /** Makes rows ready that wait on; returns how many there were. `now` in Unix seconds. */
  readonly release = this.run<[now: number, limit: number]>(
    `UPDATE messages SET due_at = NULL, next_attempt_at = NULL, revision = revision + 1 WHERE id IN (${HELD_BACK})`,
  );

  /** Sets rows aside that were ready in this transaction; returns the ids of those that still were. */
  write(waits: readonly Wait[], now: number): readonly number[] {
    return waits.filter((wait) => this.#wait({ ...wait, now }) > 0).map(({ id }) => id);
  }

  /** The rules that rows wait by, as they were saved; '' = none do. */
  get rules(): string {
    return this.#values.get(RULES) ?? '';
  }

  saveRules(rules: string): void {
    this.#values.set(RULES, rules);
  }
}
