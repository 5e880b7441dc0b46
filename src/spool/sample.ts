/**
 * How many parts the rows that wait are likely to become: told from a few of those that go first and last in
 * each lane, campaign and priority, so that it costs what is asked and not what waits.
 */
import type { Database, Statement } from 'better-sqlite3';
import { predictParts, type Content } from '../core/parts.ts';
import { rankOf } from '../core/turn.ts';
import type { ReadyCount } from './waiting.ts';
import type { Defaults } from './queries.ts';
import { CONTENT } from './bounded.ts';
import { RANK, READY, TURN } from './schema.ts';

/** Rows looked at of each: so many at either end. */
const ROWS = 50;
/** Looked at in all; what comes after that is taken to be as the others are. */
const PILES_MAX = 100;

/** Rows of one source from one rank to another. The index on what is ready gives them at either end. */
const rowsOf = (order: string): string =>
  `SELECT ${CONTENT} FROM messages WHERE ${READY} AND account IS +? AND sender IS +?
    AND campaign IS +? AND ${RANK} BETWEEN ? AND ? ORDER BY ${order} LIMIT ${ROWS}`;
export const FIRST_ROWS = rowsOf(TURN);
export const LAST_ROWS = rowsOf(`${RANK} DESC, expires_at DESC, id DESC`);

type Range = [string | null, string | null, string | null, number, number];

export class Sample {
  readonly #account: string;
  readonly #defaults: Defaults;
  readonly #ends: readonly Statement<Range, Content>[];
  #piles = 0;
  #rows = 0;
  #parts = 0;

  constructor(db: Database, account: string, defaults: Defaults) {
    this.#account = account;
    this.#defaults = defaults;
    this.#ends = [FIRST_ROWS, LAST_ROWS].map((sql) => db.prepare<Range, Content>(sql));
  }

  /** Parts that one of these rows is likely to become, on average. */
  partsOf(ready: Pick<ReadyCount, 'sender' | 'campaign' | 'priority' | 'isRetry'>): number {
    this.#piles += 1;
    const found = this.#piles > PILES_MAX ? [] : this.#rowsOf(ready).map(predictParts);
    const parts = found.reduce((sum, one) => sum + one, 0);
    this.#rows += found.length;
    this.#parts += parts;
    if (found.length > 0) return parts / found.length;
    return this.#rows === 0 ? 1 : this.#parts / this.#rows;
  }

  /* NULL and the default that it stands for are one lane. */
  #rowsOf({ sender, campaign, priority, isRetry }: Parameters<Sample['partsOf']>[0]): Content[] {
    const dated = rankOf({ priority, isRetry: isRetry === 1, expiresAt: 0 });
    const undated = rankOf({ priority, isRetry: isRetry === 1, expiresAt: null });
    const { account, senders } = this.#defaults;
    const accounts = account === this.#account ? [account, null] : [this.#account];
    const own = (senders.get(this.#account) ?? '') === sender ? [sender, null] : [sender];
    return accounts.flatMap((name) =>
      own.flatMap((from) =>
        this.#ends.flatMap((end) => end.all(name, from, campaign, dated, undated)),
      ),
    );
  }
}
