/**
 * Plays the application: a program with its own connection to the spool. It inserts rows, asks for things
 * through `control`, and reads the states of its messages.
 */
import type { State } from '../core/message/message.ts';
import { refusalOf } from '../spool/schema/constraints.ts';
import { askFor, dropInto, type DropRow } from '../spool/write/insert.ts';
import { openSpool, type Database } from '../spool/file/open.ts';
import {
  BULK_REFERENCE,
  CANCELLED_CAMPAIGN,
  LIMITED_SENDER,
  UNKNOWN_ACCOUNT,
  UNANNOUNCED_SENDER,
} from './samples.ts';

/** How long it waits for the daemon's lock, as every client should. */
const BUSY_MS = 5_000;

/** A message in no final state. */
export interface Unsettled {
  readonly id: number;
  readonly reference: string | null;
  readonly state: string;
  readonly reason: string | null;
  readonly account: string | null;
  readonly sender: string | null;
  readonly isScheduled: 0 | 1;
  readonly isHeld: 0 | 1;
}

const UNSETTLED = `
  SELECT id, reference, state, reason, account, sender,
    state = 'queued' AND coalesce(send_at, 0) > :now AS isScheduled,
    coalesce(on_uncertain, 'resend') = 'hold' AS isHeld
  FROM messages
  WHERE state IN ('queued', 'retry', 'sending', 'uncertain', 'await-receipt')
  ORDER BY id`;

export class Application implements Disposable {
  readonly db: Database;
  /** Ids of all rows that it inserted. */
  readonly inserted: number[] = [];

  /** Makes the spool, as `init` would. Throws SpoolError. */
  constructor(spoolPath: string) {
    this.db = openSpool(spoolPath, { create: true, busyTimeoutMs: BUSY_MS });
  }

  [Symbol.dispose](): void {
    this.db.close();
  }

  /** Inserts all rows in one transaction, or none. */
  insert(rows: readonly DropRow[]): void {
    const insert = dropInto(this.db);
    const all = this.db.transaction(() => rows.map((row) => insert(row)));
    this.inserted.push(...all.immediate());
  }

  /** Inserts a row that the spool should refuse. Returns the constraint that refused it; null = none did. */
  insertBad(row: DropRow): string | null {
    try {
      this.inserted.push(dropInto(this.db)(row));
      return null;
    } catch (error) {
      const refusal = refusalOf(error, row);
      if (refusal === null) throw error;
      return refusal.constraint;
    }
  }

  /** Asks to cancel a campaign. */
  cancelCampaign(): void {
    askFor(this.db, [{ verb: 'cancel', campaign: CANCELLED_CAMPAIGN }]);
  }

  /** Messages of the backlog that have not been sent yet. */
  backlog(): number {
    const sql = `SELECT count(*) FROM messages WHERE state = 'queued' AND reference LIKE ? || '%'`;
    return this.db.prepare<[string], number>(sql).pluck().get(BULK_REFERENCE) ?? 0;
  }

  /** The state of the message with this reference; null = there is none. */
  stateOf(reference: string): State | null {
    const sql = 'SELECT state FROM messages WHERE reference = ?';
    return this.db.prepare<[string], State>(sql).pluck().get(reference) ?? null;
  }

  /** The messages in no final state. */
  unsettled(): readonly Unsettled[] {
    const sql = this.db.prepare<[{ now: number }], Unsettled>(UNSETTLED);
    return sql.all({ now: Date.now() / 1000 });
  }
}

/** The reason for the waiting of a message, in a few words. */
export function waitOf({ state, account, sender, isScheduled, isHeld }: Unsettled): string {
  if (state === 'uncertain') return isHeld === 1 ? 'held' : 'uncertain';
  if (state === 'await-receipt') return 'without their last receipt';
  if (state === 'retry') return 'to be tried again';
  if (state === 'sending') return 'being sent';
  if (isScheduled === 1) return 'scheduled';
  if (account === UNKNOWN_ACCOUNT) return 'for an unknown account';
  if (sender === LIMITED_SENDER || sender === UNANNOUNCED_SENDER) return 'of a sender with 1/s';
  return 'queued';
}

/** '7 left: 4 of a sender with 1/s, 2 without their last receipt, 1 held'. */
export function describeWaiting(unsettled: readonly Unsettled[]): string {
  if (unsettled.length === 0) return 'every message is final; some receipts have not come yet';
  const counts = new Map<string, number>();
  for (const one of unsettled) counts.set(waitOf(one), (counts.get(waitOf(one)) ?? 0) + 1);
  const parts = [...counts].map(([what, count]) => `${count} ${what}`);
  return `${unsettled.length} left: ${parts.join(', ')}`;
}
