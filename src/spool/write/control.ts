/**
 * What operators asked for, as rows: read in order, answered once.
 */
import { pluck } from '../sql/bulk.ts';
import type { Database, Statement } from 'better-sqlite3';
import type { ControlFilter } from '../../core/message/control-filter.ts';
import { shown } from '../schema/bounded.ts';
import { type Defaults, Selection } from './selection.ts';

export const VERBS = [
  'pause',
  'resume',
  'cancel',
  'requeue',
  'retry',
  'restored-hold',
  'restored-resend',
] as const;

export type ControlVerb = (typeof VERBS)[number];

/** A word of a control row as a verb; null = it is none. */
export function verbOf(word: string): ControlVerb | null {
  return VERBS.find((verb) => verb === word) ?? null;
}

export interface OpenControlRow {
  readonly id: number;
  /** One of VERBS; a client that switched the rules off may have written any other word. */
  readonly verb: string;
  readonly messageId: number | null;
  readonly campaign: string | null;
  /** A JSON object (core/message/control-filter). */
  readonly filter: string | null;
  /** The highest message id and the highest event when it was asked; null = all. */
  readonly upTo: number | null;
  readonly asOf: number | null;
  readonly account: string | null;
  readonly sender: string | null;
  readonly affected: number | null;
}

const VERB_READ = 100;

export class Control {
  readonly #open: Statement<[number, number], OpenControlRow>;
  readonly #answer: Statement<[number | null, number, string | null, number]>;
  readonly #mark: Statement<[number, number]>;
  readonly #doubtful: Statement<[number], number | null>;
  readonly #hasten: Statement<[number, number, number]>;
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
    this.#open = db.prepare(
      `SELECT id, CAST(${shown('verb', VERB_READ)} AS TEXT) AS verb, message_id AS messageId, campaign, filter, up_to AS upTo, as_of AS asOf,
        account, sender, affected FROM control
        WHERE done_at IS NULL AND id > ? ORDER BY id LIMIT +?`,
    );
    this.#answer = db.prepare(
      'UPDATE control SET done_at = ?, affected = ?, refused = ? WHERE id = ?',
    );
    this.#mark = db.prepare(
      `UPDATE messages SET cancel_asked = ?, revision = revision + 1
        WHERE id = ? AND state IN ('sending','uncertain')`,
    );
    this.#hasten = db.prepare(
      `UPDATE messages SET due_at = NULL, next_attempt_at = NULL,
        send_at = CASE WHEN send_at > ? THEN ? ELSE send_at END, revision = revision + 1
        WHERE id = ? AND state IN ('queued','retry') AND due_at IS NOT NULL AND NOT EXISTS
          (SELECT 1 FROM set_aside s WHERE s.message_id = messages.id AND s.attempt = last_attempt)`,
    );
    /* Surely refused: never left, or a refusal that no verdict called doubtful (then `follows` names it). */
    this.#doubtful = pluck(
      db,
      `SELECT max(number) FROM attempts JOIN messages ON messages.id = attempts.message_id
          WHERE message_id = ? AND (route IS NULL OR route IN ('await-receipt','uncertain')
          OR attempts.status IN (5, 13) OR number = messages.follows)`,
    );
  }

  /** Requests that wait for an answer, with an id above `after`, oldest first. */
  open(after: number, limit: number): readonly OpenControlRow[] {
    return this.#open.all(after, limit);
  }

  /** Notes progress; `doneAt` null = not done yet. `refused` says why nothing could be done. */
  answer(
    id: number,
    answer: {
      readonly doneAt: number | null;
      readonly affected: number;
      readonly refused: string | null;
    },
  ): void {
    this.#answer.run(answer.doneAt, answer.affected, answer.refused, id);
  }

  /**
   * A message that is being sent, or is uncertain, is not to be sent again: this control row wants it, or BY_DAEMON.
   * False = it is in another state.
   */
  markCancelled(messageId: number, controlId: number): boolean {
    return this.#mark.run(controlId, messageId).changes > 0;
  }

  /** Makes a message ready that waits for an instant; false = it does not, or waits for a run to be judged. */
  hasten(messageId: number, now: number): boolean {
    return this.#hasten.run(now, now, messageId).changes > 0;
  }

  /** The messages that a request with a filter, or a campaign, is about. */
  selectionOf(
    { upTo, asOf }: Pick<OpenControlRow, 'upTo' | 'asOf'>,
    filter: ControlFilter,
    defaults: Defaults,
  ): Selection {
    const all = Number.MAX_SAFE_INTEGER;
    return new Selection(this.#db, { filter, defaults, upTo: upTo ?? all, asOf: asOf ?? all });
  }

  /** The latest attempt that may have been accepted; null = every attempt was surely refused. */
  doubtfulAttempt(messageId: number): number | null {
    return this.#doubtful.get(messageId) ?? null;
  }
}
