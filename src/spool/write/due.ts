/**
 * Reads rows whose instant has come, rows past their deadline, and rows that a crash left `sending`. Every read is
 * bounded; what to do with a row is decided elsewhere.
 */
import { isUndatedRank, type SourceKey } from '../../core/message/sort-key.ts';
import type { State, UncertainPolicy } from '../../core/message/message.ts';
import { bounded, shown, small, smalls } from '../schema/bounded.ts';
import { BYTES_MAX, RECIPIENT_MAX, SENDER_MAX } from '../schema/row-rules.ts';
import { RANK, READY } from '../schema/schema.ts';
import { Statements } from '../sql/statements.ts';

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

const FROM = `SELECT ${DUE_COLUMNS} FROM messages`;
const OF_SOURCE = `${READY} AND account IS +? AND sender IS +? AND campaign IS +?`;

type Rank = [account: string | null, sender: string | null, campaign: string | null, rank: number];

export class Due extends Statements {
  /** Rows whose `due_at` has come, earliest first. */
  readonly due = this.selectAll<[now: number, limit: number], DueRow>(
    `${FROM} WHERE due_at IS NOT NULL AND due_at <= ? ORDER BY due_at LIMIT +?`,
  );
  /** Waiting rows whose own `expires_at` has passed, earliest first. */
  readonly expiring = this.selectAll<[now: number, limit: number], DueRow>(
    `${FROM} WHERE state IN ('queued','retry') AND expires_at IS NOT NULL AND expires_at <= ?
      ORDER BY expires_at LIMIT +?`,
  );
  /** Rows that a crash left `sending`. */
  readonly sending = this.selectAll<[limit: number], DueRow>(
    `${FROM} WHERE state = 'sending' ORDER BY id LIMIT +?`,
  );
  /** Queued rows that wait for an instant that is none: inserted past the constraints. */
  readonly beyond = this.selectAll<[limit: number], DueRow>(
    `${FROM} WHERE due_at >= 1e10 AND state = 'queued' LIMIT +?`,
  );
  readonly message = this.selectFirst<[id: number], DueRow>(`${FROM} WHERE id = ?`);
  readonly #instants = this.selectFirst<[], Instants>(
    `SELECT (SELECT min(due_at) FROM messages WHERE due_at < 1e10) AS nextDueAt,
      (SELECT min(expires_at) FROM messages WHERE state IN ('queued','retry')
        AND expires_at IS NOT NULL AND expires_at < 1e10) AS nextExpiryAt`,
  );
  readonly #nextRank = this.pluckFirst<Rank, number>(
    `SELECT ${RANK} FROM messages WHERE ${OF_SOURCE} AND ${RANK} > ? ORDER BY ${RANK} LIMIT 1`,
  );
  readonly #oldest = this.selectAll<[...Rank, limit: number], DueRow>(
    `${FROM} WHERE ${OF_SOURCE} AND ${RANK} = ? ORDER BY expires_at, id LIMIT +?`,
  );
  readonly #hasUnanswered = this.exists<[id: number]>(
    `SELECT 1 FROM messages JOIN attempts ON attempts.message_id = messages.id
      WHERE messages.id = ? AND number > restarted_at AND route = 'uncertain' LIMIT 1`,
  );
  readonly #lastRoute = this.pluckFirst<[id: number], string>(
    `SELECT route FROM messages JOIN attempts ON attempts.message_id = messages.id
      AND attempts.number = messages.last_attempt WHERE messages.id = ?`,
  );

  /** What is due next. Instants that are none are found by `beyond`. */
  instants(): Instants {
    return this.#instants() ?? NEVER;
  }

  /** The oldest rows of each rank of a source that have no deadline of their own. */
  *oldest({ account, sender, campaign }: SourceKey, limit: number): Generator<DueRow> {
    let rank: number | null = -Infinity;
    for (;;) {
      rank = this.#nextRank(account, sender, campaign, rank);
      if (rank === null) return;
      if (isUndatedRank(rank)) yield* this.#oldest(account, sender, campaign, rank, limit);
    }
  }

  /**
   * Whether an attempt since the last requeue was never answered. Asked only where there may be one: a row
   * that `follows` nothing has none.
   */
  isUnanswered({ id, follows }: Pick<DueRow, 'id' | 'follows'>): boolean {
    return follows !== null && this.#hasUnanswered(id);
  }

  /** Whether the last attempt of an uncertain message was answered: an earlier one made it uncertain. */
  isLastAnswered(id: number): boolean {
    return this.#lastRoute(id) !== 'uncertain';
  }
}
