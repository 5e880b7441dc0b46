/**
 * Remembers the recipients and texts that were sent lately, in a table that is made and written only where a limit per
 * recipient or the collapse of texts is on. Adds up what an account has spent, from events and parts.
 *
 * Always holds: a claim and its row here commit together, so that a crash forgets neither. A message counts once however
 * often it is tried, and no longer when it has ended without being sent. Texts are kept as digests under a key that the
 * spool does not hold (`digestKeyOf`).
 */
import { Bulk } from '../sql/bulk.ts';
import { Statements } from '../sql/statements.ts';
import { RECENT_TABLE } from '../schema/schema.ts';
import { createHmac, randomBytes } from 'node:crypto';
import type { Content } from '../../core/message/parts.ts';
import { comparedForm } from '../../core/text/recipient.ts';
import { eventSeqs } from './event-log.ts';
import type { OwnFolder } from '../file/own-folder.ts';

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

/** The statements of the table, where there is one. */
class RecentTable extends Statements {
  readonly insert = new Bulk(
    this.db,
    'INSERT OR REPLACE INTO recent (recipient, digest, message_id, at) VALUES (?, ?, ?, ?)',
  );
  readonly hasText =
    this.exists<[recipient: string, digest: string, id: number, after: number]>(SAME_TEXT);
  readonly sentAt = this.selectAll<[recipient: string, id: number, after: number], SentAt>(SENT_AT);
  readonly nextRecipient = this.pluckFirst<[after: string, skip: number], string>(
    'SELECT recipient FROM recent WHERE recipient > ? ORDER BY recipient LIMIT 1 OFFSET +?',
  );
  readonly prune = this.run<[after: string, upTo: string, before: number]>(
    'DELETE FROM recent WHERE recipient > ? AND recipient <= ? AND at < ?',
  );
}

export class Recent extends Statements {
  /** Makes the table where there is none; to be called in each transaction that asks or writes here. */
  readonly open = this.run<[]>(RECENT_TABLE);
  readonly #seqAt = eventSeqs(this.db);
  readonly #spent = this.count<[fromSeq: number, account: string, at: number]>(
    `SELECT total(p.price) FROM events e JOIN parts p ON p.message_id = e.message_id
      AND p.attempt = e.attempt WHERE e.seq >= ? AND e.account = ? AND e.at >= ?
      AND e.event = 'message.await-receipt' AND e.from_state = 'sending' AND p.status = 0`,
  );
  #table: RecentTable | null = null;
  /** Of digests. Until one is set, of this process alone. */
  #key: Buffer = randomBytes(32);
  /** How far the table has been looked through. */
  #sweptTo = '';

  /** Digests are made under this key from now on: those under another are not found. */
  useKey(key: Buffer): void {
    this.#key = key;
  }

  /** The same for messages that say the same. */
  digestOf({ text, body, udh }: Pick<Content, 'text' | 'body' | 'udh'>): string {
    const said = JSON.stringify([text, body, udh]);
    return createHmac('sha256', this.#key).update(said).digest('base64url').slice(0, 22);
  }

  /** Whether the recipient was sent this text by another message after an instant (Unix seconds). */
  hasText({ id, recipient, digest }: Sent, after: number): boolean {
    return this.#prepared.hasText(comparedForm(recipient), digest, id, after);
  }

  /** The recipient's other messages that were sent after an instant. */
  sentAt({ id, recipient }: Pick<Sent, 'id' | 'recipient'>, after: number): readonly SentAt[] {
    return this.#prepared.sentAt(comparedForm(recipient), id, after);
  }

  /** Notes messages that are claimed now, and forgets some of those from before an instant. */
  write(sent: readonly Sent[], now: number, before: number): void {
    if (sent.length === 0) return;
    const values = sent.flatMap((one) => [comparedForm(one.recipient), one.digest, one.id, now]);
    this.#prepared.insert.run(values);
    this.#sweep(sent.length * SWEEP, before);
  }

  /** EUR that an account was charged since an instant, by the answers. */
  spentSince(account: string, at: number): number {
    return this.#spent(this.#seqAt(at), account, at);
  }

  get #prepared(): RecentTable {
    return (this.#table ??= new RecentTable(this.db));
  }

  #sweep(recipients: number, before: number): void {
    const { nextRecipient, prune } = this.#prepared;
    const to = nextRecipient(this.#sweptTo, recipients);
    /* '~' comes after every digit. */
    prune(this.#sweptTo, to ?? '~', before);
    this.#sweptTo = to ?? '';
  }
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
