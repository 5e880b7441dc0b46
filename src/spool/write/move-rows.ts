/**
 * Writes the moves of messages that have no open attempt (core/message/message-moves.ts). Each UPDATE names the state that the message
 * comes from; what was moved since it was read is left alone, and the caller learns of it.
 */
import type { Database, Statement } from 'better-sqlite3';
import type { Move, Requeue } from '../../core/message/message-moves.ts';
import type { State } from '../../core/message/message.ts';
import { LIMITS, shown, small } from '../schema/bounded.ts';
import { Bulk } from '../sql/bulk.ts';
import { KeyValues } from '../sql/kv.ts';

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

export class Moves {
  readonly #shorten: Bulk;
  readonly #moves: Bulk;
  readonly #requeue: Statement<
    [number, number | null, number | null, number, number, Requeue['from']]
  >;
  readonly #due: Bulk;
  readonly #date: Bulk;

  constructor(db: Database) {
    this.#shorten = new Bulk(
      db,
      1,
      (values) => `UPDATE messages SET ${SHORT}, revision = revision + 1 FROM (VALUES ${values}) v
        WHERE messages.id = v.column1 AND (${IS_HUGE})`,
    );
    this.#moves = new Bulk(
      db,
      8,
      (values) => `UPDATE messages SET state = v.column3, reason = v.column4, due_at = v.column5,
        next_attempt_at = v.column6, cancel_asked = coalesce(v.column7, cancel_asked),
        updated_at = v.column8, revision = revision + 1
        FROM (VALUES ${values}) v WHERE messages.id = v.column1 AND messages.state = v.column2
        RETURNING id`,
    );
    this.#requeue = db.prepare(
      `UPDATE messages SET state = 'queued', reason = 'requeued', attempts = 0, throttles = 0,
        status = NULL, next_attempt_at = NULL, cancel_asked = NULL,
        due_at = CASE WHEN send_at > ? THEN send_at END, restarted_at = last_attempt,
        expires_at = coalesce(?, expires_at), follows = ?, updated_at = ?, revision = revision + 1
        WHERE id = ? AND state = ?`,
    );
    this.#due = new Bulk(
      db,
      3,
      (values) => `UPDATE messages SET due_at = v.column3, revision = revision + 1
        FROM (VALUES ${values}) v WHERE messages.id = v.column1 AND messages.state = v.column2`,
    );
    this.#date = new Bulk(
      db,
      2,
      (values) => `UPDATE messages SET created_at = v.column2, revision = revision + 1
        FROM (VALUES ${values}) v WHERE messages.id = v.column1`,
    );
  }

  /**
   * Values that no program means are replaced first: a row is written whole. Returns the ids of the messages that were
   * still in the state that they were to leave.
   */
  write(moves: readonly Move[], now: number): readonly number[] {
    this.#shorten.run(moves.map(({ id }) => id));
    const values = moves.flatMap((one) => [
      ...[one.id, one.from, one.to, one.reason, one.dueAt, one.nextAttemptAt],
      ...[one.cancelAsked, now],
    ]);
    return this.#moves.returning(values).map(Number);
  }

  /** Starts a message over; one that is scheduled for later waits for that. False = it is in another state by now. */
  requeue({ id, from, expiresAt, follows }: Requeue, now: number): boolean {
    return this.#requeue.run(now, expiresAt, follows, now, id, from).changes > 0;
  }

  /** Changes only when the daemon looks at rows again that are still in this state; null = ready now, or never. */
  setDue(
    rows: readonly {
      readonly id: number;
      readonly state: State;
      readonly dueAt: number | null;
    }[],
  ): void {
    this.#due.run(rows.flatMap((one) => [one.id, one.state, one.dueAt]));
  }

  /** Dates rows whose own date cannot be right from now on. */
  redate(ids: readonly number[], now: number): void {
    this.#date.run(ids.flatMap((id) => [id, now]));
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

export class Waits {
  readonly #waits: Bulk;
  readonly #release: Statement<[number, number]>;
  readonly #values: KeyValues;

  constructor(db: Database) {
    this.#waits = new Bulk(
      db,
      5,
      (values) => `UPDATE messages SET reason = v.column2, next_attempt_at = v.column3,
        due_at = v.column4, updated_at = v.column5, revision = revision + 1
        FROM (VALUES ${values}) v WHERE messages.id = v.column1 AND messages.due_at IS NULL
        AND (messages.state = 'queued' OR messages.state = 'retry') RETURNING id`,
    );
    this.#release = db.prepare(
      `UPDATE messages SET due_at = NULL, next_attempt_at = NULL, revision = revision + 1 WHERE id IN (${HELD_BACK})`,
    );
    this.#values = new KeyValues(db);
  }

  /** Sets rows aside that were ready in this transaction; returns the ids of those that still were. */
  write(waits: readonly Wait[], now: number): readonly number[] {
    const values = waits.flatMap((one) => [one.id, one.reason, one.until, one.dueAt, now]);
    return this.#waits.returning(values).map(Number);
  }

  /** Makes rows ready that wait on, at most `limit`; returns how many there were. `now` in Unix seconds. */
  release(now: number, limit: number): number {
    return this.#release.run(now, limit).changes;
  }

  /** The rules that rows wait by, as they were saved; '' = none do. */
  get rules(): string {
    return this.#values.get(RULES) ?? '';
  }

  saveRules(rules: string): void {
    this.#values.set(RULES, rules);
  }
}
