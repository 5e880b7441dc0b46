/**
 * One message's attempts, parts and receipts, read and written for the fold in core/receipt/reconcile.
 *
 * Always holds: everything is read and written inside one write transaction of the caller.
 */
import { Statements } from '../sql/statements.ts';
import type { MessageReason } from '../../core/codes/reasons.ts';
import { CONTENT } from '../schema/bounded.ts';
import type { Content } from '../../core/message/parts.ts';
import type { Attempt, AttemptFact, HeardReceipt, PartFact } from '../../core/receipt/reconcile.ts';

/** Receipts of one message that count; a gateway that says more says nothing new. */
const HEARD_MAX = 2_000;

export interface MessageLedger {
  readonly attempts: readonly AttemptFact[];
  readonly heard: readonly HeardReceipt[];
}

interface Attempted {
  readonly number: number;
  readonly route: string | null;
  readonly closed: number | null;
}

interface AttemptedPart extends PartFact {
  readonly attempt: number;
}

/** What a receipt says of a part, and which part. */
type HeardPart = [
  ...[status: string | null, code: number | null, heardAt: number],
  ...[price: number | null, network: string | null],
  ...[messageId: number, attempt: number, number: number],
];

export class Ledgers extends Statements {
  readonly #attempts = this.selectAll<[messageId: number], Attempted>(
    'SELECT number, route, closed FROM attempts WHERE message_id = ? ORDER BY number',
  );
  readonly #parts = this.selectAll<[messageId: number], AttemptedPart>(
    `SELECT attempt, number, gateway_id AS gatewayId, status, price, network
      FROM parts WHERE message_id = ? ORDER BY attempt, number`,
  );
  readonly #heard = this.selectAll<[messageId: number], HeardReceipt>(
    `SELECT attempt, gateway_id AS gatewayId, status, code, price, network,
      received_at AS receivedAt FROM receipts WHERE message_id = ? ORDER BY id LIMIT ${HEARD_MAX}`,
  );
  readonly #hear = this.run<HeardPart>(
    `UPDATE parts SET receipt_status = ?, receipt_code = ?, receipt_at = ?, price = ?, network = ?
      WHERE message_id = ? AND attempt = ? AND number = ?`,
  );
  readonly #find = this.run<[...HeardPart, gatewayId: string | null]>(
    `INSERT INTO parts (receipt_status, receipt_code, receipt_at, price, network, message_id,
      attempt, number, gateway_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  readonly #price = this.run<[price: number | null, messageId: number, price: number | null]>(
    'UPDATE messages SET price = ?, revision = revision + 1 WHERE id = ? AND price IS NOT +?',
  );
  readonly #count = this.run<[parts: number, messageId: number, parts: number]>(
    'UPDATE messages SET parts = ?, revision = revision + 1 WHERE id = ? AND parts IS NOT +?',
  );
  /** What the text of a message would be split by. */
  readonly content = this.selectFirst<[messageId: number], Content>(
    `SELECT ${CONTENT} FROM messages WHERE id = ?`,
  );
  /** The message is started over: of attempts known to be accepted only `delivered` counts from here on. */
  readonly close = this.run<[messageId: number]>(
    `UPDATE attempts SET closed = 1 WHERE message_id = ? AND EXISTS (SELECT 1 FROM parts
      WHERE parts.message_id = attempts.message_id AND parts.attempt = attempts.number
      AND (parts.status = 0 OR parts.receipt_at IS NOT NULL))`,
  );
  /** Starts counting attempts at 0 again; the next one may double the last. */
  readonly restart = this.run<[messageId: number]>(
    `UPDATE messages SET restarted_at = last_attempt, attempts = 0, follows = last_attempt, revision = revision + 1
      WHERE id = ?`,
  );
  readonly duplicates = this.count<[messageId: number]>(
    `SELECT count(*) FROM events WHERE message_id = ? AND event = 'message.duplicate'`,
  );
  /** How often the message was moved for this reason. */
  readonly moves = this.count<[messageId: number, reason: MessageReason]>(
    'SELECT count(*) FROM events WHERE message_id = ? AND reason = ?',
  );
  /** When the latest attempt that nobody answered began (Unix seconds); null = there is none. */
  readonly unansweredSince = this.pluckFirst<[messageId: number], number>(
    `SELECT began_at FROM attempts WHERE message_id = ? AND route = 'uncertain'
      ORDER BY number DESC LIMIT 1`,
  );
  readonly gatewayIds = this.pluckAll<[messageId: number], string>(
    `SELECT gateway_id FROM parts WHERE message_id = ? AND gateway_id IS NOT NULL
      AND (status = 0 OR status IS NULL)`,
  );

  /** Everything that is known of a message's attempts. */
  read(messageId: number): MessageLedger {
    const parts = this.#parts(messageId);
    const attempts = this.#attempts(messageId).map(({ number, route, closed }) => ({
      number,
      route,
      isClosed: closed !== null,
      parts: parts.filter(({ attempt }) => attempt === number),
    }));
    return { attempts, heard: this.#heard(messageId) };
  }

  /** Writes what was heard to the parts it is about; parts that no answer named are new rows. */
  write(messageId: number, before: MessageLedger, attempts: readonly Attempt[]): void {
    for (const attempt of attempts) {
      const known = before.attempts.find(({ number }) => number === attempt.number);
      for (const part of attempt.parts) {
        if (part.heardAt === null) continue;
        const { word, heardAt, price, network } = part;
        const heard = [word?.status ?? null, word?.code ?? null, heardAt, price, network] as const;
        const key = [messageId, attempt.number, part.number] as const;
        if (known?.parts.some(({ number }) => number === part.number) === true) {
          this.#hear(...heard, ...key);
        } else this.#find(...heard, ...key, part.gatewayId);
      }
    }
  }

  /** EUR over all attempts; null = no price is known. */
  setPrice(messageId: number, price: number | null): void {
    this.#price(price, messageId, price);
  }

  /** How many parts an attempt turned out to have whose answer did not say so. */
  setParts(messageId: number, parts: number): void {
    this.#count(parts, messageId, parts);
  }
}
