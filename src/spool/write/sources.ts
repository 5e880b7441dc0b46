/**
 * Finds out which sources have rows that are ready: all of them by a skip scan over the ready index (at
 * start, after a bulk load, and once in a while), or just the new rows one by one.
 */
import { pluck } from '../sql/bulk.ts';
import type { Database, Statement } from 'better-sqlite3';
import type { SourceKey, SortKey } from '../../core/message/sort-key.ts';
import { bounded, smalls } from '../schema/bounded.ts';
import { BYTES_MAX, SENDER_MAX } from '../schema/row-rules.ts';
import { RANK, READY, TURN } from '../schema/schema.ts';

export interface SourceHead extends SourceKey {
  readonly head: SortKey;
}

interface NewRow extends SourceKey, SortKey {
  readonly dueAt: number | null;
  readonly state: string;
}

const TURN_COLUMNS = `id, ${RANK} AS rank, ${smalls(['expires_at', 'created_at', 'send_at'])}`;

const MOST = { account: BYTES_MAX.account, sender: SENDER_MAX, campaign: BYTES_MAX.campaign };
const NAMES = (['account', 'sender', 'campaign'] as const)
  .map((level) => `${bounded(level, MOST[level])} AS ${level}`)
  .join(', ');

type Level = 'account' | 'sender' | 'campaign';

/* Of one name, rows that no source can have, found at a time. */
const MISNAMED_MAX = 500;

interface Named {
  /** Above 2^53 too. */
  readonly id: bigint;
  /** NULL = longer than its bound. */
  readonly name: string | null;
}

/**
 * Names of one level under a fixed prefix: NULL first, then each in order, one seek a name. SQLite compares each name
 * with the one before: bytes that are not UTF-8 are other bytes when JavaScript gives them back.
 */
class Names {
  readonly #hasNull: Statement<unknown[], number>;
  readonly #first: Statement<unknown[], Named>;
  readonly #next: Statement<unknown[], Named>;
  readonly #isSame: Statement<[bigint, string], number>;
  readonly #ofSameName: Statement<unknown[], number>;

  constructor(db: Database, level: Level, under: readonly Level[]) {
    const where = [READY, ...under.map((name) => `${name} IS +?`)].join(' AND ');
    const ofRow = `(SELECT ${level} FROM messages WHERE id = ?)`;
    this.#hasNull = pluck(db, `SELECT 1 FROM messages WHERE ${where} AND ${level} IS NULL LIMIT 1`);
    const named = (condition: string): Statement<unknown[], Named> =>
      db
        .prepare<unknown[], Named>(
          `SELECT id, ${bounded(level, MOST[level])} AS name FROM messages
            WHERE ${where} AND ${level} ${condition} ORDER BY ${level} LIMIT 1`,
        )
        .safeIntegers();
    this.#first = named('IS NOT NULL');
    this.#next = named(`> ${ofRow}`);
    this.#isSame = pluck(db, `SELECT 1 FROM messages WHERE id = ? AND ${level} IS +?`);
    this.#ofSameName = pluck(
      db,
      `SELECT id FROM messages WHERE ${where} AND ${level} = ${ofRow} LIMIT ${MISNAMED_MAX}`,
    );
  }

  /** `misnamed` receives rows whose name cannot be asked for. */
  *list(under: readonly (string | null)[], misnamed: number[]): Generator<string | null> {
    if (this.#hasNull.get(...under) !== undefined) yield null;
    let found = this.#first.get(...under);
    while (found !== undefined) {
      const { id, name } = found;
      if (name !== null && this.#isReadable(id, name)) yield name;
      else misnamed.push(...this.#ofSameName.all(...under, id));
      found = this.#next.get(...under, id);
    }
  }

  #isReadable(id: bigint, name: string): boolean {
    if (typeof name !== 'string' || !name.includes(REPLACEMENT)) return true;
    return this.#isSame.get(id, name) !== undefined;
  }
}

/** Stands in a text of JavaScript for bytes that are not UTF-8. */
const REPLACEMENT = '\ufffd';

/** Whether a source may have another name in the spool than JavaScript has of it. */
export function isDoubtful({ account, sender, campaign }: SourceKey): boolean {
  return [account, sender, campaign].some((name) => name?.includes(REPLACEMENT) === true);
}

export class Sources {
  readonly #accounts: Names;
  readonly #senders: Names;
  readonly #campaigns: Names;
  readonly #head: Statement<[string | null, string | null, string | null], SortKey>;
  readonly #newRows: Statement<[number, number], NewRow>;
  readonly #lastId: Statement<[], number>;
  readonly #ready: Statement<[number], number>;
  readonly #misnamed: number[] = [];

  constructor(db: Database) {
    this.#accounts = new Names(db, 'account', []);
    this.#senders = new Names(db, 'sender', ['account']);
    this.#campaigns = new Names(db, 'campaign', ['account', 'sender']);
    this.#head = db.prepare(
      `SELECT ${TURN_COLUMNS} FROM messages WHERE ${READY} AND account IS +?
        AND sender IS +? AND campaign IS +? ORDER BY ${TURN} LIMIT 1`,
    );
    this.#newRows = db.prepare(
      `SELECT ${TURN_COLUMNS}, ${NAMES}, ${smalls(['due_at', 'state'])} FROM messages
        WHERE id > ? ORDER BY id LIMIT +?`,
    );
    this.#lastId = pluck(db, `SELECT seq FROM sqlite_sequence WHERE name = 'messages'`);
    this.#ready = pluck(
      db,
      `SELECT count(*) FROM (SELECT 1 FROM messages WHERE ${READY} LIMIT +?)`,
    );
  }

  /** Rows that may go now, counted no further than `limit`. */
  countReady(limit: number): number {
    return this.#ready.get(limit) ?? 0;
  }

  /**
   * Sources with a ready row, at most `limit`, each with its head. Accounts take turns, and so do the senders of an
   * account: where there are more sources than `limit`, nobody's many sources hide those of another. `accounts`
   * are the ones that can send; all others together have one turn.
   */
  *scan(limit: number, accounts: readonly (string | null)[]): Generator<SourceHead> {
    const own = accounts.map((account) => this.#keysOf(account, limit));
    const others = this.#keysOfOthers(new Set(accounts), limit);
    for (const key of first(interleave([...own, others]), limit)) {
      const head = this.head(key);
      if (head !== null) yield { ...key, head };
    }
  }

  /** Rows that the scans since found under names that are not UTF-8 or too long: no source has them. */
  takeMisnamed(): readonly number[] {
    return this.#misnamed.splice(0);
  }

  #keysOf(account: string | null, limit: number): Generator<SourceKey> {
    const senders = first(this.#senders.list([account], this.#misnamed), limit);
    return interleave([...senders].map((sender) => this.#keysOfSender(account, sender)));
  }

  *#keysOfSender(account: string | null, sender: string | null): Generator<SourceKey> {
    for (const campaign of this.#campaigns.list([account, sender], this.#misnamed)) {
      yield { account, sender, campaign };
    }
  }

  *#keysOfOthers(own: ReadonlySet<string | null>, limit: number): Generator<SourceKey> {
    for (const account of this.#accounts.list([], this.#misnamed)) {
      if (!own.has(account)) yield* this.#keysOf(account, limit);
    }
  }

  /** The head of one source; null = nothing is ready there. */
  head({ account, sender, campaign }: SourceKey): SortKey | null {
    return this.#head.get(account, sender, campaign) ?? null;
  }

  /** Rows with an id above `after`, oldest first, at most `limit`. */
  newRows(after: number, limit: number): readonly NewRow[] {
    return this.#newRows.all(after, limit);
  }

  /** The highest id ever given out; 0 = none. */
  lastId(): number {
    return this.#lastId.get() ?? 0;
  }
}

/** One of each in turn, until all are at their end. */
function* interleave<T>(generators: readonly Generator<T>[]): Generator<T> {
  let open = generators;
  while (open.length > 0) {
    const still: Generator<T>[] = [];
    for (const generator of open) {
      const next = generator.next();
      if (next.done === true) continue;
      still.push(generator);
      yield next.value;
    }
    open = still;
  }
}

function* first<T>(items: Iterable<T>, limit: number): Generator<T> {
  let count = 0;
  if (limit <= 0) return;
  for (const item of items) {
    yield item;
    if (++count >= limit) return;
  }
}
