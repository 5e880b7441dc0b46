/**
 * The messages that a request in `control` is about, slice by slice in order of id: those that match its filter,
 * were there when it was asked, and have not changed since (an event of theirs is later than the request).
 *
 * Always holds: one slice reads a bounded number of rows, however few of them match.
 */
import type { Database, Statement } from 'better-sqlite3';
import type { ControlFilter } from '../core/control-filter.ts';
import { DUE_COLUMNS, type DueRow } from './due.ts';
import { conditions, type Defaults } from './queries.ts';

/** Rows that one slice looks at. */
const SLICE = 500;

export interface SelectionOptions {
  readonly filter: ControlFilter;
  readonly defaults: Defaults;
  /** The highest message id, and the highest `events.seq`, when it was asked. */
  readonly upTo: number;
  readonly asOf: number;
}

type Values = readonly (string | number)[];

/** Rows that match in a slice; `end` is where the next one begins, null = this was the last. */
export interface Slice {
  readonly rows: readonly DueRow[];
  readonly end: number | null;
}

export class Selection {
  readonly #upTo: number;
  readonly #values: Values;
  readonly #scope: Values;
  readonly #end: Statement<unknown[], number | null>;
  readonly #rows: Statement<unknown[], DueRow>;
  readonly #covers: Statement<unknown[], number>;

  constructor(db: Database, { filter, defaults, upTo, asOf }: SelectionOptions) {
    const other = { recipient: null, reference: null, gatewayId: null };
    const { where, values } = conditions({ filter: { ...filter, ...other }, defaults });
    const { campaign } = filter;
    const scope = campaign === null ? '' : 'campaign = ? AND';
    const isSame = `NOT EXISTS (SELECT 1 FROM events WHERE message_id = messages.id AND seq > ?)`;
    this.#upTo = upTo;
    this.#values = [...values, asOf];
    this.#scope = campaign === null ? [] : [campaign];
    this.#end = db
      .prepare<unknown[], number | null>(
        `SELECT max(id) FROM (SELECT id FROM messages WHERE ${scope} id > ? AND id <= ?
          ORDER BY id LIMIT ${SLICE})`,
      )
      .pluck();
    this.#rows = db.prepare(
      `SELECT ${DUE_COLUMNS} FROM messages WHERE ${scope} id > ? AND id <= ? ${where} AND ${isSame}
        ORDER BY id`,
    );
    this.#covers = db
      .prepare<unknown[], number>(`SELECT 1 FROM messages WHERE id = ? ${where} AND ${isSame}`)
      .pluck();
  }

  /** The slice of rows with an id above `after`. */
  slice(after: number): Slice {
    const end = this.#end.get(...this.#scope, after, this.#upTo) ?? null;
    if (end === null) return { rows: [], end: null };
    const rows = this.#rows.all(...this.#scope, after, end, ...this.#values);
    return { rows, end };
  }

  /** Whether the message is one of them that a slice from `after` on would find. */
  covers(id: number, after: number): boolean {
    if (id <= after || id > this.#upTo) return false;
    return this.#covers.get(id, ...this.#values) !== undefined;
  }
}
