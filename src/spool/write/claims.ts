/**
 * Reads rows that are ready, in their turn, and claims them: `sending` and an attempt on disk, many in one
 * transaction. What is read and what is claimed happens inside one write transaction of the caller, so no
 * other program can come between.
 */
import { Bulk, type SqlValue } from '../sql/bulk.ts';
import { hash } from 'node:crypto';
import type { UncertainPolicy } from '../../core/message/message.ts';
import type { SourceKey } from '../../core/message/sort-key.ts';
import { bounded, smalls } from '../schema/bounded.ts';
import { BYTES_MAX, RECIPIENT_MAX, TYPE_MAX } from '../schema/row-rules.ts';
import { RANK, READY, TURN } from '../schema/schema.ts';
import { KeyValues, TAG_KEY } from '../sql/kv.ts';
import { Statements } from '../sql/statements.ts';

/** A row that is ready, as far as sending it needs. Names as in the table, in camel case. */
export interface ReadyRow extends SourceKey {
  readonly id: number;
  readonly recipient: string;
  readonly text: string | null;
  readonly type: 'auto' | 'text' | 'unicode' | 'binary';
  readonly body: string | null;
  readonly udh: string | null;
  readonly messageClass: number | null;
  readonly priority: number;
  readonly rank: number;
  readonly sendAt: number | null;
  readonly expiresAt: number | null;
  readonly onUncertain: UncertainPolicy | null;
  readonly reference: string | null;
  readonly entityId: string | null;
  readonly contentId: string | null;
  readonly accountRef: string | null;
  readonly createdAt: number;
  readonly state: 'queued' | 'retry';
  readonly attempts: number;
  readonly throttles: number;
  readonly price: number | null;
  readonly lastAttempt: number;
  readonly follows: number | null;
  readonly nextAttemptAt: number | null;
  /** Not 0: a column holds more than its bound; it is NULL here. */
  readonly isTooLong: number;
}

/* More than a body and a udh may have: such a row gets the reason that it always got. */
const HEX_READ = 1_000;

/* What a claim reads, and how much of it at most. Sources are read, and bounded, before (sources.ts). */
const BOUNDS = {
  recipient: RECIPIENT_MAX,
  text: BYTES_MAX.text,
  type: TYPE_MAX,
  body: HEX_READ,
  udh: HEX_READ,
  reference: BYTES_MAX.reference,
  entity_id: BYTES_MAX.entity_id,
  content_id: BYTES_MAX.content_id,
  account_ref: BYTES_MAX.account_ref,
} as const;
const IS_TOO_LONG = Object.entries(BOUNDS)
  .map(([column, most]) => `octet_length(${column}) > ${most}`)
  .join(' OR ');
const read = (column: keyof typeof BOUNDS): string => bounded(column, BOUNDS[column]);

const SMALL = [
  ...['message_class', 'priority', 'send_at', 'expires_at', 'on_uncertain', 'created_at'],
  ...['attempts', 'throttles', 'price', 'last_attempt', 'follows', 'next_attempt_at'],
];

const COLUMNS = `id, ${read('recipient')} AS recipient, ${read('text')} AS text, sender, account, campaign,
  ${read('type')} AS type, ${read('body')} AS body, ${read('udh')} AS udh, ${RANK} AS rank,
  ${read('reference')} AS reference, ${read('entity_id')} AS entityId, ${read('content_id')} AS contentId,
  ${read('account_ref')} AS accountRef, coalesce(${IS_TOO_LONG}, 0) AS isTooLong, state, ${smalls(SMALL)}`;

/** An attempt about to be written: a claim as far as the spool is concerned. */
export interface NewAttempt {
  readonly id: number;
  readonly number: number;
  readonly clientRef: string;
  readonly follows: number | null;
}

/** Where to read: a source, from a rank on. */
export interface PeekKey extends SourceKey {
  readonly rank?: number;
}

type SourceNames = [account: string | null, sender: string | null, campaign: string | null];

/* Here and everywhere in the spool `+?` stands after IS, LIMIT and OFFSET, never `?`: SQLite plans by the value of a
 * bare one, and so compiles the statement again whenever it is bound, which takes longer than to run it. */
export class Claims extends Statements {
  readonly #select = this.selectAll<
    [...SourceNames, rank: number, limit: number, skip: number],
    ReadyRow
  >(
    `SELECT ${COLUMNS} FROM messages WHERE ${READY} AND account IS +? AND sender IS +?
      AND campaign IS +? AND ${RANK} >= ? ORDER BY ${TURN} LIMIT +? OFFSET +?`,
  );
  readonly #turns = this.pluckAll<[...SourceNames, limit: number], number>(
    `SELECT id FROM messages WHERE ${READY} AND account IS +? AND sender IS +?
      AND campaign IS +? ORDER BY ${TURN} LIMIT +?`,
  );
  readonly #row = this.selectFirst<[id: number], ReadyRow>(
    `SELECT ${COLUMNS} FROM messages WHERE id = ? AND ${READY}`,
  );
  readonly #mark = new Bulk(
    this.db,
    `UPDATE messages SET state = 'sending', attempts = attempts + 1,
      last_attempt = v.column2, next_attempt_at = NULL, updated_at = v.column3, revision = revision + 1
      FROM (VALUES (?, ?, ?)) v WHERE messages.id = v.column1 AND messages.due_at IS NULL
      AND (messages.state = 'queued' OR messages.state = 'retry')`,
  );
  /* OR REPLACE: a row that somebody else wrote under this number must not end the daemon. */
  readonly #attempts = new Bulk(
    this.db,
    `INSERT OR REPLACE INTO attempts (message_id, number, began_at, client_ref, follows)
      VALUES (?, ?, ?, ?, ?)`,
  );
  readonly #tagKey = new KeyValues(this.db).get(TAG_KEY) ?? '';

  /**
   * The next `limit` ready rows of a source in their turn, after the first `skip`; with a rank, only rows of
   * that rank and of later ones.
   */
  peek(source: PeekKey, limit: number, skip: number): ReadyRow[] {
    const { account, sender, campaign, rank = -Infinity } = source;
    return this.#select(account, sender, campaign, rank, limit, skip);
  }

  /** Ids of the next `limit` ready rows of a source in their turn. */
  turns({ account, sender, campaign }: SourceKey, limit: number): readonly number[] {
    return this.#turns(account, sender, campaign, limit);
  }

  rows(ids: readonly number[]): readonly ReadyRow[] {
    return ids.flatMap((id) => this.#row(id) ?? []);
  }

  /** Marks rows as `sending`, each with its attempt. All rows were peeked in this transaction. */
  write(attempts: readonly NewAttempt[], now: number): void {
    const marks: SqlValue[] = [];
    const rows: SqlValue[] = [];
    for (const one of attempts) {
      marks.push(one.id, one.number, now);
      rows.push(one.id, one.number, now, one.clientRef, one.follows);
    }
    const { changes } = this.#mark.run(marks);
    if (changes !== attempts.length) {
      throw new Error(`claimed ${changes} of ${attempts.length} rows inside one transaction`);
    }
    this.#attempts.run(rows);
  }

  /**
   * What travels with the request and comes back with every receipt: message id, attempt, and an 80-bit tag
   * under a key that the spool keeps to itself. At most 40 characters (`client-ref`, older documents' limit).
   */
  clientRef(messageId: number, number: number): string {
    return refUnder(this.#tagKey, messageId, number);
  }
}

export function refUnder(tagKey: string, messageId: number, number: number): string {
  const subject = `${messageId.toString(36)}.${number.toString(36)}`;
  return `${subject}.${hash('sha256', `${tagKey}:${subject}`, 'hex').slice(0, 20)}`;
}
