/**
 * Moves messages that have no open attempt: expiry, lapse, cancelling, refusal before sending, requeue. Each
 * is guarded by the state it comes from; what somebody else moved first is left alone.
 */
import type { Database } from 'better-sqlite3';
import type { State, Target } from '../core/message.ts';
import { LIMITS, shown, small } from './bounded.ts';
import { Bulk } from './bulk.ts';

/** One move that NEXT allows. */
export type Move = {
  readonly [F in State]: {
    readonly id: number;
    readonly from: F;
    readonly to: Target<F>;
    readonly reason: string;
    /** When the daemon must look at the row again; null = ready now, or final. */
    readonly dueAt: number | null;
    readonly nextAttemptAt: number | null;
  };
}[State];

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
      7,
      (values) => `UPDATE messages SET state = v.column3, reason = v.column4, due_at = v.column5,
        next_attempt_at = v.column6, updated_at = v.column7, revision = revision + 1
        FROM (VALUES ${values}) v WHERE messages.id = v.column1 AND messages.state = v.column2`,
    );
    this.#due = new Bulk(
      db,
      2,
      (values) => `UPDATE messages SET due_at = v.column2, revision = revision + 1
        FROM (VALUES ${values}) v WHERE messages.id = v.column1`,
    );
    this.#date = new Bulk(
      db,
      2,
      (values) => `UPDATE messages SET created_at = v.column2, revision = revision + 1
        FROM (VALUES ${values}) v WHERE messages.id = v.column1`,
    );
  }

  /**
   * Values that no program means are replaced first: a row is written whole. Returns how many rows were still in the
   * state they were to leave.
   */
  write(moves: readonly Move[], now: number): number {
    this.#shorten.run(moves.map(({ id }) => id));
    const { changes } = this.#moves.run(
      moves.flatMap((one) => [
        one.id,
        one.from,
        one.to,
        one.reason,
        one.dueAt,
        one.nextAttemptAt,
        now,
      ]),
    );
    return changes;
  }

  /** Changes only when the daemon looks at the rows again; null = ready now. */
  setDue(rows: readonly { readonly id: number; readonly dueAt: number | null }[]): void {
    this.#due.run(rows.flatMap((one) => [one.id, one.dueAt]));
  }

  /** Dates rows whose own date cannot be right from now on. */
  redate(ids: readonly number[], now: number): void {
    this.#date.run(ids.flatMap((id) => [id, now]));
  }
}
