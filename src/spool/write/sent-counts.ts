/**
 * Counts the requests that left lately, by account, sender and instant: those that were answered or may have been, in
 * the order in which they ended, and those that are open. It reads the events since an instant and nothing older.
 *
 * Always holds: a request that surely never left is not counted.
 */
import { CONTENT } from '../schema/bounded.ts';
import { Statements } from '../sql/statements.ts';
import { predictParts, type Content } from '../../core/message/parts.ts';
import type { Per } from '../../core/window/rate-limits.ts';
import { eventSeqs } from './event-log.ts';

/** Requests of one sender that were over in one piece of time. */
export interface SentCount {
  /** As the lane is called; null = none, and the account has none. */
  readonly sender: string | null;
  /** The pieces are counted from 0, from the instant that was asked about. */
  readonly piece: number;
  /** Requests, or the parts that their answers named, 1 for each that nobody answered. */
  readonly count: number;
}

/** A request that is out, or that the spool takes to be: as its row names account and sender. */
export interface OpenRequest {
  readonly account: string | null;
  readonly sender: string | null;
  /** Parts that it is likely to be. */
  readonly parts: number;
}

export interface SentCountQuery {
  readonly account: string;
  /** Over at this instant or later (Unix seconds). */
  readonly from: number;
  /** Claimed later than this; -Infinity = whenever. */
  readonly after: number;
  /** How long a piece is (seconds). */
  readonly pieceS: number;
  readonly per: Per;
}

/* A retry without an answer is one that never left: what may have left unanswered is uncertain. */
const LEFT = `a.route IS NOT 'not-sent' AND NOT (a.route IS 'retry' AND a.http_status IS NULL)`;
const COUNTS: Readonly<Record<Per, string>> = {
  request: 'count(*)',
  part: `sum(max(1, (SELECT count(*) FROM parts p
    WHERE p.message_id = e.message_id AND p.attempt = e.attempt)))`,
};
/** From a `seq` on. */
const over = (per: Per): string =>
  `SELECT e.sender, CAST((e.at - @from) / @pieceS AS INTEGER) AS piece,
    ${COUNTS[per]} AS count
    FROM events e CROSS JOIN attempts a ON a.message_id = e.message_id AND a.number = e.attempt
    WHERE e.seq >= @seq AND e.at >= @from AND e.account = @account AND e.from_state = 'sending'
      AND a.began_at > @after AND ${LEFT} GROUP BY 1, 2 ORDER BY 2`;

type Bound = Omit<SentCountQuery, 'per'> & { readonly seq: number };

export class SentCounts extends Statements {
  readonly #seqAt = eventSeqs(this.db);
  readonly #over: Readonly<Record<Per, (bound: Bound) => readonly SentCount[]>> = {
    request: this.selectAll(over('request')),
    part: this.selectAll(over('part')),
  };
  readonly #open = this.selectAll<[], Omit<OpenRequest, 'parts'> & Content>(
    `SELECT account, sender, ${CONTENT} FROM messages WHERE state = 'sending'`,
  );

  /** Those that were over since an instant, the earliest first. */
  since({ per, ...asked }: SentCountQuery): readonly SentCount[] {
    return this.#over[per]({ ...asked, seq: this.#seqAt(asked.from) });
  }

  /** Those that are out. */
  open(): readonly OpenRequest[] {
    return this.#open().map(({ account, sender, ...content }) => ({
      account,
      sender,
      parts: predictParts(content),
    }));
  }
}
