/**
 * What was lately sent: to whom, by a table that is made and written only where a limit per recipient or the
 * collapse of texts is on, and for how much, read from the ledgers that are there anyway.
 *
 * Always holds: a claim and its row here commit together, so that a crash forgets neither; a message counts
 * once however often it is tried, and no more once it has ended without being sent. Texts are kept as digests under
 * a key that the spool does not hold (`digestKeyOf`).
 */
import { Bulk, pluck } from '../sql/bulk.ts';
import { RECENT_TABLE } from '../schema/schema.ts';
import { createHmac, randomBytes } from 'node:crypto';
import type { Database, Statement } from 'better-sqlite3';
import { comparedForm } from '../../core/text/recipient.ts';
import { eventSeqs } from './event-log.ts';
import type { OwnFolder } from '../file/own-folder.ts';

/** What makes two messages to one recipient the same. */
export interface Content {
  readonly text: string | null;
  readonly body: string | null;
  readonly udh: string | null;
}

export interface Sent {
  readonly id: number;
  /** As the row has it, with or without a plus sign. */
  readonly recipient: string;
  /** By `Recent.digestOf`, or '' where texts are not compared. */
  readonly digest: string;
}

export interface SentAt {
  readonly id: number;
  /** When it was claimed last (Unix seconds). */
  readonly at: number;
}

const COUNTS = `(m.state IS NULL OR m.state NOT IN ('permanent-failure','expired','cancelled'))`;
const RECENT = 'recent r LEFT JOIN messages m ON m.id = r.message_id';

/** Whether a recipient was sent a text; one seek. */
export const SAME_TEXT = `SELECT 1 FROM ${RECENT} WHERE r.recipient = ? AND r.digest = ?
  AND r.message_id <> ? AND r.at > ? AND ${COUNTS} LIMIT 1`;
/** A recipient's messages and when they were sent; one seek. */
export const SENT_AT = `SELECT r.message_id AS id, max(r.at) AS at FROM ${RECENT} WHERE r.recipient = ? AND r.message_id <> ?
  AND r.at > ? AND ${COUNTS} GROUP BY r.message_id`;

/** Recipients looked through for rows that are too old, for each row that is written. */
const SWEEP = 4;

interface Table {
  readonly insert: Bulk;
  readonly hasText: Statement<[string, string, number, number], number>;
  readonly sentAt: Statement<[string, number, number], SentAt>;
  readonly nextRecipient: Statement<[string, number], string>;
  readonly prune: Statement<[string, string, number]>;
}

export class Recent {
  readonly #db: Database;
  readonly #create: Statement<[]>;
  readonly #seqAt: (at: number) => number;
  readonly #spent: Statement<[number, string, number], number>;
  #table: Table | null = null;
  /** Of digests. Until one is set, of this process alone. */
  #key: Buffer = randomBytes(32);
  /** How far the table has been looked through. */
  #sweptTo = '';

  constructor(db: Database) {
    this.#db = db;
    this.#create = db.prepare(RECENT_TABLE);
    this.#seqAt = eventSeqs(db);
    this.#spent = pluck(
      db,
      `SELECT total(p.price) FROM events e JOIN parts p ON p.message_id = e.message_id
          AND p.attempt = e.attempt WHERE e.seq >= ? AND e.account = ? AND e.at >= ?
          AND e.event = 'message.await-receipt' AND e.from_state = 'sending' AND p.status = 0`,
    );
  }

  /** Digests are made under this key from now on: those under another are not found. */
  useKey(key: Buffer): void {
    this.#key = key;
  }

  /** The same for messages that say the same. */
  digestOf({ text, body, udh }: Content): string {
    const said = JSON.stringify([text, body, udh]);
    return createHmac('sha256', this.#key).update(said).digest('base64url').slice(0, 22);
  }

  /** Makes the table where there is none; to be called in each transaction that asks or writes here. */
  open(): void {
    this.#create.run();
  }

  /** Whether the recipient was sent this text by another message after an instant (Unix seconds). */
  hasText({ id, recipient, digest }: Sent, after: number): boolean {
    return this.#open.hasText.get(comparedForm(recipient), digest, id, after) !== undefined;
  }

  /** The recipient's other messages that were sent after an instant. */
  sentAt({ id, recipient }: Pick<Sent, 'id' | 'recipient'>, after: number): readonly SentAt[] {
    return this.#open.sentAt.all(comparedForm(recipient), id, after);
  }

  /** Notes messages that are claimed now, and forgets some of those from before an instant. */
  write(sent: readonly Sent[], now: number, before: number): void {
    if (sent.length === 0) return;
    const values = sent.flatMap((one) => [comparedForm(one.recipient), one.digest, one.id, now]);
    this.#open.insert.run(values);
    this.#sweep(sent.length * SWEEP, before);
  }

  /** EUR that an account was charged since an instant, by the answers. */
  spentSince(account: string, at: number): number {
    return this.#spent.get(this.#seqAt(at), account, at) ?? 0;
  }

  get #open(): Table {
    this.#table ??= prepare(this.#db);
    return this.#table;
  }

  #sweep(recipients: number, before: number): void {
    const { nextRecipient, prune } = this.#open;
    const to = nextRecipient.get(this.#sweptTo, recipients);
    /* '~' comes after every digit. */
    prune.run(this.#sweptTo, to ?? '~', before);
    this.#sweptTo = to ?? '';
  }
}

function prepare(db: Database): Table {
  return {
    insert: new Bulk(
      db,
      4,
      (values) =>
        `INSERT OR REPLACE INTO recent (recipient, digest, message_id, at) VALUES ${values}`,
    ),
    hasText: db.prepare<[string, string, number, number], number>(SAME_TEXT).pluck(),
    sentAt: db.prepare<[string, number, number], SentAt>(SENT_AT),
    nextRecipient: db
      .prepare<[string, number], string>(
        'SELECT recipient FROM recent WHERE recipient > ? ORDER BY recipient LIMIT 1 OFFSET +?',
      )
      .pluck(),
    prune: db.prepare('DELETE FROM recent WHERE recipient > ? AND recipient <= ? AND at < ?'),
  };
}

const NAME = 'digest-key';
const BYTES = 32;

/** The key of this spool, drawn when it is first asked for. */
export function digestKeyOf(own: Pick<OwnFolder, 'read' | 'write'>): Buffer {
  const known = Buffer.from(own.read(NAME) ?? '', 'hex');
  if (known.length === BYTES) return known;
  const drawn = randomBytes(BYTES);
  own.write(NAME, drawn.toString('hex'));
  return drawn;
}
