/**
 * Finds out which sources have rows that are ready: all of them by a skip scan over the ready index (at
 * start, after a bulk load, and once in a while), or just the new rows one by one.
 */
import type { Database, Statement } from 'better-sqlite3';
import type { SourceKey, SortKey } from '../../core/message/sort-key.ts';
import { bounded, smalls } from '../schema/bounded.ts';
import { BYTES_MAX, SENDER_MAX } from '../schema/row-rules.ts';
import { RANK, READY, TURN } from '../schema/schema.ts';
import { Statements } from '../sql/statements.ts';

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

type NameLevel = 'account' | 'sender' | 'campaign';

/* Of one name, rows that no source can have, found at a time. */
const MISNAMED_MAX = 500;

interface NamedRow {
  /** Above 2^53 too. */
  readonly id: bigint;
  /** NULL = longer than its bound. */
  readonly name: string | null;
}

/**
 * Names of one level under a fixed prefix: NULL first, then each in order, one seek a name. SQLite compares each name
 * with the one before: bytes that are not UTF-8 are other bytes when JavaScript gives them back.
 */
class Names extends Statements {
  readonly #hasNull: (...under: (string | null)[]) => boolean;
  readonly #first: Statement<unknown[], NamedRow>;
  readonly #next: Statement<unknown[], NamedRow>;
  readonly #isSame: (id: bigint, name: string) => boolean;
  readonly #ofSameName: (...values: unknown[]) => number[];

  constructor(db: Database, level: NameLevel, under: readonly NameLevel[]) {
    super(db);
    const where = [READY, ...under.map((name) => `${name} IS +?`)].join(' AND ');
    const ofRow = `(SELECT ${level} FROM messages WHERE id = ?)`;
    const named = (condition: string): Statement<unknown[], NamedRow> =>
      db
        .prepare<unknown[], NamedRow>(
          `SELECT id, ${bounded(level, MOST[level])} AS name FROM messages
            WHERE ${where} AND ${level} ${condition} ORDER BY ${level} LIMIT 1`,
        )
        .safeIntegers();
    this.#first = named('IS NOT NULL');
    this.#next = named(`> ${ofRow}`);
    this.#hasNull = this.exists(
      `SELECT 1 FROM messages WHERE ${where} AND ${level} IS NULL LIMIT 1`,
    );
    this.#isSame = this.exists(`SELECT 1 FROM messages WHERE id = ? AND ${level} IS +?`);
    this.#ofSameName = this.pluckAll(
      `SELECT id FROM messages WHERE ${where} AND ${level} = ${ofRow} LIMIT ${MISNAMED_MAX}`,
    );
  }

  /** `misnamed` receives rows whose name cannot be asked for. */
  *list(under: readonly (string | null)[], misnamed: number[]): Generator<string | null> {
    if (this.#hasNull(...under)) yield null;
    let found = this.#first.get(...under);
    while (found !== undefined) {
      const { id, name } = found;
      if (name !== null && this.#isReadable(id, name)) yield name;
      else misnamed.push(...this.#ofSameName(...under, id));
      found = this.#next.get(...under, id);
    }
  }

  #isReadable(id: bigint, name: string): boolean {
    return typeof name !== 'string' || !name.includes(REPLACEMENT) || this.#isSame(id, name);
  }
}

/** Stands in a text of JavaScript for bytes that are not UTF-8. */
const REPLACEMENT = '\ufffd';

/** Whether a source may have another name in the spool than JavaScript has of it. */
export function isDoubtful({ account, sender, campaign }: SourceKey): boolean {
  return [account, sender, campaign].some((name) => name?.includes(REPLACEMENT) === true);
}

export class Sources extends Statements {
  readonly #accounts = new Names(this.db, 'account', []);
  readonly #senders = new Names(this.db, 'sender', ['account']);
  readonly #campaigns = new Names(this.db, 'campaign', ['account', 'sender']);
  readonly #head = this.selectFirst<
    [account: string | null, sender: string | null, campaign: string | null],
    SortKey
  >(
    `SELECT ${TURN_COLUMNS} FROM messages WHERE ${READY} AND account IS +?
      AND sender IS +? AND campaign IS +? ORDER BY ${TURN} LIMIT 1`,
  );
  /** Rows with an id above `after`, oldest first. */
  readonly newRows = this.selectAll<[after: number, limit: number], NewRow>(
    `SELECT ${TURN_COLUMNS}, ${NAMES}, ${smalls(['due_at', 'state'])} FROM messages
      WHERE id > ? ORDER BY id LIMIT +?`,
  );
  /** The highest id ever given out; 0 = none. */
  readonly lastId = this.count<[]>(`SELECT seq FROM sqlite_sequence WHERE name = 'messages'`);
  /** Rows that may go now, counted no further than `limit`. */
  readonly countReady = this.count<[limit: number]>(
    `SELECT count(*) FROM (SELECT 1 FROM messages WHERE ${READY} LIMIT +?)`,
  );
  readonly #misnamed: number[] = [];

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
    return this.#head(account, sender, campaign);
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
