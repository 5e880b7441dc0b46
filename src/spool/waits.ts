/**
 * Rows that a rule of the operator's keeps back until an instant: they stay `queued` or `retry`, leave the
 * ready index, and cost nothing until their `due_at` brings them back as any other.
 *
 * Always holds: rows that wait by rules that have been changed are made ready before the new ones are kept.
 */
import type { Database, Statement } from 'better-sqlite3';
import { Bulk } from './bulk.ts';
import { KeyValues } from './kv.ts';

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
