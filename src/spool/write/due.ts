/**
 * Reads what the passing of time brings: rows whose instant has come, rows past their deadline, and attempts
 * that a crash left open. Every read is bounded; what to do with a row is decided elsewhere.
 */
import { pluck } from '../sql/bulk.ts';
import { isUndatedRank, type SourceKey } from '../../core/message/sort-key.ts';
import type { Database, Statement } from 'better-sqlite3';
import type { State, UncertainPolicy } from '../../core/message/message.ts';
import { bounded, shown, small, smalls } from '../schema/bounded.ts';
import { BYTES_MAX, RECIPIENT_MAX, SENDER_MAX } from '../schema/row-rules.ts';
import { RANK, READY } from '../schema/schema.ts';

/** Bytes of a reference of before the bounds that are read. */
const REFERENCE_READ = 10_000;

/** Unix seconds; null = none. */
export interface Instants {
  /** The earliest that any row waits for. */
  readonly nextDueAt: number | null;
  /** The earliest deadline of its own that any waiting row has. */
  readonly nextExpiryAt: number | null;
}

export const NEVER: Instants = { nextDueAt: null, nextExpiryAt: null };

export interface DueRow extends SourceKey {
  readonly id: number;
  readonly state: State;
  readonly priority: number;
  readonly rank: number;
  readonly recipient: string;
  readonly reference: string | null;
  readonly sendAt: number | null;
  readonly expiresAt: number | null;
  readonly createdAt: number;
  readonly updatedAt: number;
  readonly attempts: number;
  readonly throttles: number;
  readonly lastAttempt: number;
  readonly price: number | null;
  readonly onUncertain: UncertainPolicy | null;
  readonly cancelAsked: number | null;
  readonly follows: number | null;
  readonly dueAt: number | null;
  readonly nextAttemptAt: number | null;
}

/* The columns of a DueRow. A client that switched the constraints off may have put a blob where a text belongs. */
export const DUE_COLUMNS = `id, ${small('state')} AS state, ${shown('account', BYTES_MAX.account)} AS account,
  ${shown('sender', SENDER_MAX)} AS sender, ${shown('campaign', BYTES_MAX.campaign)} AS campaign, ${RANK} AS rank,
  CAST(${bounded('recipient', RECIPIENT_MAX)} AS TEXT) AS recipient,
  CAST(${bounded('reference', REFERENCE_READ)} AS TEXT) AS reference,
  ${smalls([
    ...['priority', 'send_at', 'expires_at', 'created_at', 'updated_at', 'attempts', 'throttles'],
    ...['last_attempt', 'price', 'on_uncertain', 'cancel_asked', 'follows', 'due_at'],
    'next_attempt_at',
  ])}`;

type SourceAt = [string | null, string | null, string | null, number];

export class Due {
  readonly #due: Statement<[number, number], DueRow>;
  readonly #instants: Statement<[], Instants>;
  readonly #expiring: Statement<[number, number], DueRow>;
  readonly #nextRank: Statement<SourceAt, number>;
  readonly #oldest: Statement<[...SourceAt, number], DueRow>;
  readonly #sending: Statement<[number], DueRow>;
  readonly #message: Statement<[number], DueRow>;
  readonly #unanswered: Statement<[number], number>;
  readonly #lastRoute: Statement<[number], string | null>;
  readonly #beyond: Statement<[number], DueRow>;

  constructor(db: Database) {
    const from = `SELECT ${DUE_COLUMNS} FROM messages`;
    const source = `${READY} AND account IS +? AND sender IS +? AND campaign IS +?`;
    this.#due = db.prepare(
      `${from} WHERE due_at IS NOT NULL AND due_at <= ? ORDER BY due_at LIMIT +?`,
    );
    this.#instants = db.prepare(
      `SELECT (SELECT min(due_at) FROM messages WHERE due_at < 1e10) AS nextDueAt,
        (SELECT min(expires_at) FROM messages WHERE state IN ('queued','retry')
          AND expires_at IS NOT NULL AND expires_at < 1e10) AS nextExpiryAt`,
    );
    this.#expiring = db.prepare(
      `${from} WHERE state IN ('queued','retry') AND expires_at IS NOT NULL AND expires_at <= ?
        ORDER BY expires_at LIMIT +?`,
    );
    this.#nextRank = pluck(
      db,
      `SELECT ${RANK} FROM messages WHERE ${source} AND ${RANK} > ? ORDER BY ${RANK} LIMIT 1`,
    );
    this.#oldest = db.prepare(
      `${from} WHERE ${source} AND ${RANK} = ? ORDER BY expires_at, id LIMIT +?`,
    );
    this.#sending = db.prepare(`${from} WHERE state = 'sending' ORDER BY id LIMIT +?`);
    this.#message = db.prepare(`${from} WHERE id = ?`);
    this.#unanswered = pluck(
      db,
      `SELECT 1 FROM messages JOIN attempts ON attempts.message_id = messages.id
          WHERE messages.id = ? AND number > restarted_at AND route = 'uncertain' LIMIT 1`,
    );
    this.#lastRoute = pluck(
      db,
      `SELECT route FROM messages JOIN attempts ON attempts.message_id = messages.id
          AND attempts.number = messages.last_attempt WHERE messages.id = ?`,
    );
    this.#beyond = db.prepare(`${from} WHERE due_at >= 1e10 AND state = 'queued' LIMIT +?`);
  }

  /** Rows whose `due_at` has come, earliest first. */
  due(now: number, limit: number): readonly DueRow[] {
    return this.#due.all(now, limit);
  }

  /** What time will bring next. What is no instant is found by `beyond`. */
  instants(): Instants {
    return this.#instants.get() ?? NEVER;
  }

  /** Waiting rows whose own `expires_at` has passed, earliest first. */
  expiring(now: number, limit: number): readonly DueRow[] {
    return this.#expiring.all(now, limit);
  }

  /** The oldest rows of each rank of a source that have no deadline of their own. */
  *oldest(source: SourceKey, limit: number): Generator<DueRow> {
    let rank: number | undefined = -Infinity;
    const { account, sender, campaign } = source;
    for (;;) {
      rank = this.#nextRank.get(account, sender, campaign, rank);
      if (rank === undefined) return;
      if (isUndatedRank(rank)) yield* this.#oldest.all(account, sender, campaign, rank, limit);
    }
  }

  /** Rows that a crash left `sending`. */
  sending(limit: number): readonly DueRow[] {
    return this.#sending.all(limit);
  }

  message(id: number): DueRow | null {
    return this.#message.get(id) ?? null;
  }

  /**
   * Whether an attempt since the last requeue was never answered. Asked only where there may be one: a row
   * that `follows` nothing has none.
   */
  isUnanswered({ id, follows }: Pick<DueRow, 'id' | 'follows'>): boolean {
    return follows !== null && this.#unanswered.get(id) !== undefined;
  }

  /** Whether the last attempt of an uncertain message was answered: an earlier one made it uncertain. */
  isLastAnswered(id: number): boolean {
    return this.#lastRoute.get(id) !== 'uncertain';
  }

  /** Queued rows that wait for an instant that is none: smuggled in past the constraints. */
  beyond(limit: number): readonly DueRow[] {
    return this.#beyond.all(limit);
  }
}
