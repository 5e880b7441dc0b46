/**
 * Finds the messages that a request in `control` is about, slice by slice in order of id: those that match its filter,
 * were there when it was asked, and have not changed since (no event of theirs is later than the request).
 *
 * Always holds: one slice reads a bounded number of rows, however few of them match.
 */
import type { SqlValue } from '../sql/bulk.ts';
import { Statements } from '../sql/statements.ts';
import type { Database } from 'better-sqlite3';
import type { ControlFilter } from '../../core/message/control-filter.ts';
import { DUE_COLUMNS, type DueRow } from './due.ts';
import type { State } from '../../core/message/message.ts';
import { spellingsOf } from '../../core/text/recipient.ts';

/** Which messages; null = any. Times are Unix seconds, of when a message was dropped. */
export interface MessageFilter {
  /** One of these. */
  readonly states: readonly State[] | null;
  readonly reason: string | null;
  readonly campaign: string | null;
  /** With or without the leading +. */
  readonly recipient: string | null;
  readonly reference: string | null;
  readonly account: string | null;
  readonly sender: string | null;
  /** The gateway's id of any of its parts, from an answer or a receipt. */
  readonly gatewayId: string | null;
  /** At this time or later. */
  readonly since: number | null;
  /** Before this time. */
  readonly until: number | null;
}

/** What a NULL account or sender stands for: they are one with the default (CONTRACT.md §3). */
export interface Defaults {
  readonly account: string | null;
  /** Account name → its default sender; accounts without one are left out. */
  readonly senders: ReadonlyMap<string, string>;
}

export interface MessageQuery {
  readonly filter: MessageFilter;
  readonly defaults: Defaults;
}

interface Conditions {
  readonly where: string;
  readonly values: readonly (string | number)[];
}

/** The filter as SQL that follows a WHERE with another condition, and its values. */
export function conditions({ filter, defaults }: MessageQuery): Conditions {
  const terms: string[] = [];
  const values: (string | number)[] = [];
  const add = (term: string, ...bound: readonly (string | number)[]): void => {
    terms.push(`AND ${term}`);
    values.push(...bound);
  };
  if (filter.states !== null) {
    add('state IN (SELECT value FROM json_each(?))', JSON.stringify(filter.states));
  }
  for (const column of ['reason', 'campaign', 'reference'] as const) {
    const value = filter[column];
    if (value !== null) add(`${column} = ?`, value);
  }
  if (filter.since !== null) add('created_at >= ?', filter.since);
  if (filter.until !== null) add('created_at < ?', filter.until);
  if (filter.gatewayId !== null)
    add(`id IN (${OF_GATEWAY_ID})`, filter.gatewayId, filter.gatewayId);
  if (filter.recipient !== null) {
    /* As it was written as well: a row from before the rule may have no international form. */
    add('recipient IN (?, ?, ?, ?)', ...spellingsOf(filter.recipient), filter.recipient);
  }
  addLane({ filter, defaults }, add);
  return { where: terms.join(' '), values };
}

const OF_GATEWAY_ID = `SELECT message_id FROM parts WHERE gateway_id = ?
  UNION SELECT message_id FROM receipts WHERE gateway_id = ? AND message_id IS NOT NULL`;

/* What is NULL stands for a default. */
function addLane(
  { filter: { account, sender }, defaults }: MessageQuery,
  add: (term: string, ...bound: readonly string[]) => void,
): void {
  if (account !== null) {
    const orDefault = account === defaults.account ? ' OR account IS NULL' : '';
    add(`(account = ?${orDefault})`, account);
  }
  if (sender === null) return;
  const accounts = [...defaults.senders].filter(([, own]) => own === sender);
  add(
    `(sender = ? OR (sender IS NULL AND coalesce(account, ?) IN (SELECT value FROM json_each(?))))`,
    sender,
    defaults.account ?? '',
    JSON.stringify(accounts.map(([name]) => name)),
  );
}

const SLICE = 500;

interface SelectionScope {
  readonly filter: ControlFilter;
  readonly defaults: Defaults;
  /** The highest message id, and the highest `events.seq`, when it was asked. */
  readonly upTo: number;
  readonly asOf: number;
}

export class Selection extends Statements {
  readonly #upTo: number;
  readonly #values: readonly SqlValue[];
  readonly #scope: readonly string[];
  readonly #end: (...values: SqlValue[]) => number | null;
  readonly #rows: (...values: SqlValue[]) => readonly DueRow[];
  readonly #covers: (...values: SqlValue[]) => boolean;

  constructor(db: Database, { filter, defaults, upTo, asOf }: SelectionScope) {
    super(db);
    const other = { recipient: null, reference: null, gatewayId: null };
    const { where, values } = conditions({ filter: { ...filter, ...other }, defaults });
    const { campaign } = filter;
    const scope = campaign === null ? '' : 'campaign = ? AND';
    const isSame = `NOT EXISTS (SELECT 1 FROM events WHERE message_id = messages.id AND seq > ?)`;
    this.#upTo = upTo;
    this.#values = [...values, asOf];
    this.#scope = campaign === null ? [] : [campaign];
    this.#end = this.pluckFirst(
      `SELECT max(id) FROM (SELECT id FROM messages WHERE ${scope} id > ? AND id <= ?
        ORDER BY id LIMIT ${SLICE})`,
    );
    this.#rows = this.selectAll(
      `SELECT ${DUE_COLUMNS} FROM messages WHERE ${scope} id > ? AND id <= ? ${where} AND ${isSame}
        ORDER BY id`,
    );
    this.#covers = this.exists(`SELECT 1 FROM messages WHERE id = ? ${where} AND ${isSame}`);
  }

  /** The rows of the next slice with an id above `after`; `end` is where it ends, null = there are no more. */
  slice(after: number): { readonly rows: readonly DueRow[]; readonly end: number | null } {
    const end = this.#end(...this.#scope, after, this.#upTo);
    const rows = end === null ? [] : this.#rows(...this.#scope, after, end, ...this.#values);
    return { rows, end };
  }

  /** Whether the message is one of them that a slice from `after` on would find. */
  covers(id: number, after: number): boolean {
    return id > after && id <= this.#upTo && this.#covers(id, ...this.#values);
  }
}
