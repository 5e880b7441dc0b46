/**
 * One message's attempts, parts and receipts, read and written for the fold in core/receipt/reconcile.
 *
 * Always holds: everything is read and written inside one write transaction of the caller.
 */
import { pluck } from '../sql/bulk.ts';
import type { MessageReason } from '../../core/codes/reasons.ts';
import { CONTENT } from '../schema/bounded.ts';
import type { Database, Statement } from 'better-sqlite3';
import type { Content } from '../../core/message/parts.ts';
import type { Attempt, AttemptFact, HeardReceipt, PartFact } from '../../core/receipt/reconcile.ts';

/** Receipts of one message that count; a gateway that says more says nothing new. */
const HEARD_MAX = 2_000;

export interface MessageLedger {
  readonly attempts: readonly AttemptFact[];
  readonly heard: readonly HeardReceipt[];
}

interface AttemptRow {
  readonly number: number;
  readonly route: string | null;
  readonly closed: number | null;
}

interface PartRow extends PartFact {
  readonly attempt: number;
  readonly receiptAt: number | null;
}

export class Ledgers {
  readonly #attempts: Statement<[number], AttemptRow>;
  readonly #parts: Statement<[number], PartRow>;
  readonly #heard: Statement<[number, number], HeardReceipt>;
  readonly #content: Statement<[number], Content>;
  readonly #hear: Statement;
  readonly #find: Statement;
  readonly #price: Statement<[number | null, number, number | null]>;
  readonly #count: Statement<[number, number, number]>;
  readonly #close: Statement<[number]>;
  readonly #restart: Statement<[number]>;
  readonly #duplicates: Statement<[number], number>;
  readonly #resends: Statement<[number, string], number>;
  readonly #beganAt: Statement<[number], number>;
  readonly #gatewayIds: Statement<[number], string>;

  constructor(db: Database) {
    this.#attempts = db.prepare(
      'SELECT number, route, closed FROM attempts WHERE message_id = ? ORDER BY number',
    );
    this.#parts = db.prepare(
      `SELECT attempt, number, gateway_id AS gatewayId, status, price, network,
        receipt_at AS receiptAt FROM parts WHERE message_id = ? ORDER BY attempt, number`,
    );
    this.#heard = db.prepare(
      `SELECT attempt, gateway_id AS gatewayId, status, code, price, network,
        received_at AS receivedAt FROM receipts WHERE message_id = ? ORDER BY id LIMIT +?`,
    );
    this.#content = db.prepare(`SELECT ${CONTENT} FROM messages WHERE id = ?`);
    this.#hear = db.prepare(
      `UPDATE parts SET receipt_status = ?, receipt_code = ?, receipt_at = ?, price = ?, network = ?
        WHERE message_id = ? AND attempt = ? AND number = ?`,
    );
    this.#find = db.prepare(
      `INSERT INTO parts (receipt_status, receipt_code, receipt_at, price, network, message_id,
        attempt, number, gateway_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    );
    this.#price = db.prepare(
      'UPDATE messages SET price = ?, revision = revision + 1 WHERE id = ? AND price IS NOT +?',
    );
    this.#count = db.prepare(
      'UPDATE messages SET parts = ?, revision = revision + 1 WHERE id = ? AND parts IS NOT +?',
    );
    this.#close = db.prepare(
      `UPDATE attempts SET closed = 1 WHERE message_id = ? AND EXISTS (SELECT 1 FROM parts
        WHERE parts.message_id = attempts.message_id AND parts.attempt = attempts.number
        AND (parts.status = 0 OR parts.receipt_at IS NOT NULL))`,
    );
    this.#restart = db.prepare(
      `UPDATE messages SET restarted_at = last_attempt, attempts = 0, follows = last_attempt, revision = revision + 1
        WHERE id = ?`,
    );
    this.#duplicates = pluck(
      db,
      `SELECT count(*) FROM events WHERE message_id = ? AND event = 'message.duplicate'`,
    );
    this.#resends = pluck(db, 'SELECT count(*) FROM events WHERE message_id = ? AND reason = ?');
    this.#beganAt = pluck(
      db,
      `SELECT began_at FROM attempts WHERE message_id = ? AND route = 'uncertain'
          ORDER BY number DESC LIMIT 1`,
    );
    this.#gatewayIds = pluck(
      db,
      `SELECT gateway_id FROM parts WHERE message_id = ? AND gateway_id IS NOT NULL
          AND (status = 0 OR status IS NULL)`,
    );
  }

  /** Everything that is known of a message's attempts. */
  read(messageId: number): MessageLedger {
    const parts = this.#parts.all(messageId);
    const attempts = this.#attempts.all(messageId).map(({ number, route, closed }) => ({
      number,
      route,
      isClosed: closed !== null,
      parts: parts.filter(({ attempt }) => attempt === number),
    }));
    return { attempts, heard: this.#heard.all(messageId, HEARD_MAX) };
  }

  /** What the text of a message would be split by. */
  content(messageId: number): Content | null {
    return this.#content.get(messageId) ?? null;
  }

  /** Writes what was heard to the parts it is about; parts that no answer told of are new rows. */
  write(messageId: number, before: MessageLedger, attempts: readonly Attempt[]): void {
    for (const attempt of attempts) {
      const known = before.attempts.find(({ number }) => number === attempt.number);
      for (const part of attempt.parts) {
        if (part.heardAt === null) continue;
        const { word, heardAt, price, network } = part;
        const heard = [word?.status ?? null, word?.code ?? null, heardAt, price, network] as const;
        const key = [messageId, attempt.number, part.number] as const;
        if (known?.parts.some(({ number }) => number === part.number) === true) {
          this.#hear.run(...heard, ...key);
        } else this.#find.run(...heard, ...key, part.gatewayId);
      }
    }
  }

  /** EUR over all attempts; null = no price is known. */
  setPrice(messageId: number, price: number | null): void {
    this.#price.run(price, messageId, price);
  }

  /** How many parts an attempt turned out to have whose answer did not say so. */
  setParts(messageId: number, parts: number): void {
    this.#count.run(parts, messageId, parts);
  }

  /** The message is started over: of attempts known to be accepted only `delivered` counts from here on. */
  close(messageId: number): void {
    this.#close.run(messageId);
  }

  /** Counts attempts anew; the next one may double the last. */
  restart(messageId: number): void {
    this.#restart.run(messageId);
  }

  duplicates(messageId: number): number {
    return this.#duplicates.get(messageId) ?? 0;
  }

  /** How often the message was moved for this reason. */
  moves(messageId: number, reason: MessageReason): number {
    return this.#resends.get(messageId, reason) ?? 0;
  }

  /** When the latest attempt that nobody answered began (Unix seconds); null = there is none. */
  unansweredSince(messageId: number): number | null {
    return this.#beganAt.get(messageId) ?? null;
  }

  gatewayIds(messageId: number): readonly string[] {
    return this.#gatewayIds.all(messageId);
  }
}
