/**
 * The application of the demo: a program that has nothing but a connection of its own to the spool. It drops
 * rows with plain INSERTs, asks for things through `control`, and reads how its messages are.
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
  UNTOLD_SENDER,
} from './samples.ts';

/** How long it waits for the daemon's lock, as any client should. */
const BUSY_MS = 5_000;

/** A message that is not where it will stay. */
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
  /** Ids of everything it dropped. */
  readonly dropped: number[] = [];

  /** Makes the spool, as `init` would. Throws SpoolError. */
  constructor(spoolPath: string) {
    this.db = openSpool(spoolPath, { create: true, busyTimeoutMs: BUSY_MS });
  }

  [Symbol.dispose](): void {
    this.db.close();
  }

  /** Drops all rows in one transaction, or none. */
  drop(rows: readonly DropRow[]): void {
    const drop = dropInto(this.db);
    const all = this.db.transaction(() => rows.map((row) => drop(row)));
    this.dropped.push(...all.immediate());
  }

  /** Tries to drop a row that the spool refuses; the name of the constraint that did, null = none did. */
  dropBad(row: DropRow): string | null {
    try {
      this.dropped.push(dropInto(this.db)(row));
      return null;
    } catch (error) {
      const refusal = refusalOf(error, row);
      if (refusal === null) throw error;
      return refusal.constraint;
    }
  }

  /** Asks for a campaign back. */
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

  /** What is in no final state; empty = every message has come to its end. */
  unsettled(): readonly Unsettled[] {
    const sql = this.db.prepare<[{ now: number }], Unsettled>(UNSETTLED);
    return sql.all({ now: Date.now() / 1000 });
  }
}

/** What a message waits for, in a few words. */
export function waitOf({ state, account, sender, isScheduled, isHeld }: Unsettled): string {
  if (state === 'uncertain') return isHeld === 1 ? 'held' : 'uncertain';
  if (state === 'await-receipt') return 'without their last receipt';
  if (state === 'retry') return 'to be tried again';
  if (state === 'sending') return 'out at the gateway';
  if (isScheduled === 1) return 'scheduled';
  if (account === UNKNOWN_ACCOUNT) return 'for an unknown account';
  if (sender === LIMITED_SENDER || sender === UNTOLD_SENDER) return 'of a sender with 1/s';
  return 'queued';
}

/** '7 left: 4 of a sender with 1/s, 2 without their last receipt, 1 held'. */
export function describeWaiting(unsettled: readonly Unsettled[]): string {
  if (unsettled.length === 0) return 'all have come to their end; receipts are still on their way';
  const counts = new Map<string, number>();
  for (const one of unsettled) counts.set(waitOf(one), (counts.get(waitOf(one)) ?? 0) + 1);
  const parts = [...counts].map(([what, count]) => `${count} ${what}`);
  return `${unsettled.length} left: ${parts.join(', ')}`;
}
