/** Reads what operators asked for, in order, and answers each request once. */
import { Statements } from '../sql/statements.ts';
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

/** The verb that a control row names; null = there is no such verb. */
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

export class Control extends Statements {
  /** Requests that wait for an answer, with an id above `after`, oldest first. */
  readonly open = this.selectAll<[after: number, limit: number], OpenControlRow>(
    `SELECT id, CAST(${shown('verb', VERB_READ)} AS TEXT) AS verb, message_id AS messageId, campaign, filter,
      up_to AS upTo, as_of AS asOf, account, sender, affected FROM control
      WHERE done_at IS NULL AND id > ? ORDER BY id LIMIT +?`,
  );
  /** Notes progress; `doneAt` null = not done yet. `refused` says why nothing could be done. */
  readonly answer = this.run<
    [
      {
        readonly id: number;
        readonly doneAt: number | null;
        readonly affected: number;
        readonly refused: string | null;
      },
    ]
  >(
    'UPDATE control SET done_at = @doneAt, affected = @affected, refused = @refused WHERE id = @id',
  );
  readonly #mark = this.run<[controlId: number, messageId: number]>(
    `UPDATE messages SET cancel_asked = ?, revision = revision + 1
      WHERE id = ? AND state IN ('sending','uncertain')`,
  );
  readonly #hasten = this.run<[{ readonly id: number; readonly now: number }]>(
    `UPDATE messages SET due_at = NULL, next_attempt_at = NULL,
      send_at = CASE WHEN send_at > @now THEN @now ELSE send_at END, revision = revision + 1
      WHERE id = @id AND state IN ('queued','retry') AND due_at IS NOT NULL AND NOT EXISTS
        (SELECT 1 FROM set_aside s WHERE s.message_id = messages.id AND s.attempt = last_attempt)`,
  );
  /**
   * The latest attempt that may have been accepted; null = every attempt was surely refused: it never left, or its
   * refusal was not called doubtful by a verdict (then `follows` names it).
   */
  readonly doubtfulAttempt = this.pluckFirst<[messageId: number], number>(
    `SELECT max(number) FROM attempts JOIN messages ON messages.id = attempts.message_id
      WHERE message_id = ? AND (route IS NULL OR route IN ('await-receipt','uncertain')
      OR attempts.status IN (5, 13) OR number = messages.follows)`,
  );

  /**
   * A message that is being sent, or is uncertain, is not to be sent again: this control row wants it, or BY_DAEMON.
   * False = it is in another state.
   */
  markCancelled(messageId: number, controlId: number): boolean {
    return this.#mark(controlId, messageId) > 0;
  }

  /** Makes a message ready that waits for an instant; false = it does not, or waits for a run to be judged. */
  hasten(id: number, now: number): boolean {
    return this.#hasten({ id, now }) > 0;
  }

  /** The messages that a request with a filter, or a campaign, is about. */
  selectionOf(
    { upTo, asOf }: Pick<OpenControlRow, 'upTo' | 'asOf'>,
    filter: ControlFilter,
    defaults: Defaults,
  ): Selection {
    const all = Number.MAX_SAFE_INTEGER;
    return new Selection(this.db, { filter, defaults, upTo: upTo ?? all, asOf: asOf ?? all });
  }
}
