/**
 * Offers ready rows to the account queues: new rows one by one, or the head of every source by a scan when there are
 * too many. Rows of an account that is not configured stay where they are; one warning names it.
 */
import type { Policy } from '../../core/account/policy.ts';
import { dateOf } from '../../core/message/row-check.ts';
import { withRetry, type SourceKey, type SortKey } from '../../core/message/sort-key.ts';
import type { Claim } from '../../core/message/claim.ts';
import { refuse } from '../../core/message/message-moves.ts';
import { unknownAccount } from '../../log/event-lines.ts';
import type { Ended } from '../../spool/write/settlements.ts';
import { isDoubtful } from '../../spool/write/sources.ts';
import type { Spool } from '../../spool/spool.ts';
import type { AccountQueue } from './account-queue.ts';
import { heldUntil, moveAll } from '../message-move.ts';
import type { Participant, Work } from '../work.ts';

/** More new rows than this at once are found by a scan of their sources. */
const NEW_ROWS_MAX = 1_000;
/** The shortest time between two scans. */
const SCAN_EVERY_MS = 50;
/** The longest time between two scans: an operator may change rows in a way that makes no new id. */
const SCAN_ANYWAY_MS = 60_000;
/** The same where more sources have rows than may be in memory: others take their places as they empty. */
const SCAN_CUT_MS = 2_000;
/** Sources of accounts that are not configured that are looked through for what expires. */
const STRANGERS_MAX = 1_000;

export class Intake implements Participant {
  readonly #spool: Spool;
  readonly #queues: ReadonlyMap<string, AccountQueue>;
  readonly #policy: () => Policy;
  /** Sources of accounts that are not configured; they are looked through for what expires. */
  readonly #strangers = new Map<string, SourceKey>();
  readonly #warned = new Set<string>();
  /** Named in the transaction that runs. */
  #warning: string[] = [];
  #lastId = 0;
  #scannedAt = -Infinity;
  #mustScan = true;
  /** There are sources with rows that no account queue knows. */
  #isCut = false;

  constructor(spool: Spool, queues: ReadonlyMap<string, AccountQueue>, policy: () => Policy) {
    this.#spool = spool;
    this.#queues = queues;
    this.#policy = policy;
  }

  /** Every source with rows that wait, as far as is known. */
  get sources(): SourceKey[] {
    const own = [...this.#queues.values()].flatMap((queue) =>
      [...queue.lanes].flatMap((lane) => lane.sources),
    );
    return [...own, ...this.#strangers.values()];
  }

  /** Whether any account queue has a row that is ready, as far as is known. */
  get hasWork(): boolean {
    return [...this.#queues.values()].some((queue) => queue.hasWork);
  }

  /** A scan is due at this instant (monotonic ms). */
  get scanAt(): number {
    if (this.#mustScan) return this.#scannedAt + SCAN_EVERY_MS;
    return this.#scannedAt + (this.#isCut ? SCAN_CUT_MS : SCAN_ANYWAY_MS);
  }

  /** What is known of heads may be wrong: a scan follows. */
  mustScan(): void {
    this.#mustScan = true;
  }

  committed(): void {
    if (this.#warning.length > 0) this.#warning = [];
  }

  /** Heads are read again, and accounts whose warning is not on disk are named again. */
  rolledBack(): void {
    this.#mustScan = true;
    for (const name of this.#warning.splice(0)) this.#warned.delete(name);
  }

  /** Accounts came or went: an account that is unknown from now on is reported again. */
  reconfigured(): void {
    this.#mustScan = true;
    this.#scannedAt = -Infinity;
    for (const name of this.#warned) if (this.#queues.has(name)) this.#warned.delete(name);
  }

  /** Another program committed: offers the new rows. */
  readNews(work: Work): void {
    if (this.#mustScan) return;
    const rows = this.#spool.sources.newRows(this.#lastId, NEW_ROWS_MAX + 1);
    if (rows.length > NEW_ROWS_MAX) {
      this.#mustScan = true;
      return;
    }
    const misdated: number[] = [];
    for (const row of rows) {
      this.#lastId = row.id;
      const createdAt = dateOf(row.createdAt, work.now);
      const isDated = createdAt === row.createdAt;
      if (!isDated) misdated.push(row.id);
      const isReady = (row.state === 'queued' || row.state === 'retry') && row.dueAt === null;
      if (isDoubtful(row)) this.#mustScan = true;
      if (isReady) this.offer(row, isDated ? row : { ...row, createdAt }, work);
    }
    if (misdated.length > 0) this.#spool.moves.redate(misdated, work.now);
  }

  /** Looks through all sources, when it is time. */
  scan(work: Work): void {
    if (work.nowMs < this.scanAt) return;
    this.#scannedAt = work.nowMs;
    this.#mustScan = false;
    this.#lastId = this.#spool.sources.lastId();
    this.#strangers.clear();
    this.#isCut = false;
    for (const queue of this.#queues.values()) queue.forget();
    const { lanesMax, defaultAccount } = this.#policy();
    const accounts = [...(defaultAccount === null ? [] : [null]), ...this.#queues.keys()];
    let found = 0;
    /* One more than may be in memory tells whether there are more. */
    for (const { head, ...key } of this.#spool.sources.scan(lanesMax + 1, accounts)) {
      this.offer(key, head, work);
      found += 1;
    }
    this.#isCut ||= found > lanesMax;
    this.#endMisnamed(work);
  }

  /* Rows under a name that nobody can ask for: found by their ids, they end here. */
  #endMisnamed(work: Work): void {
    const ids = this.#spool.sources.takeMisnamed();
    if (ids.length === 0 || this.#spool.restored.mark !== null) return;
    const parts = { spool: this.#spool, policy: this.#policy };
    const moves = ids.flatMap((id) => {
      const row = this.#spool.due.message(id);
      if (row === null || (row.state !== 'queued' && row.state !== 'retry')) return [];
      const { state } = row;
      return { row, move: refuse({ id, state }, 'unreadable-name', heldUntil(parts, row, work)) };
    });
    if (moveAll(parts, moves, work).length === 0) return;
    /* There may be more of the same name. */
    this.#mustScan = true;
  }

  /** Messages that wait for their lane again are ready. */
  takeBack(ended: readonly Ended<Claim>[], work: Work): void {
    for (const { claim, settlement } of ended) {
      /* One with an instant of its own waits for it, or for its run to be judged. */
      if (settlement.to !== 'queued' || settlement.dueAt !== null) continue;
      const { row, createdAt } = claim;
      const { id, expiresAt, sendAt } = row;
      const rank = withRetry(row.rank, settlement.attempts > 0);
      this.offer(row, { id, rank, expiresAt, createdAt, sendAt }, work);
    }
  }

  /** A row that is ready. */
  offer(key: SourceKey, row: SortKey, work: Work): void {
    const { account, sender, campaign } = key;
    const name = account ?? this.#policy().defaultAccount;
    const queue = name === null ? undefined : this.#queues.get(name);
    if (queue !== undefined) {
      if (this.#hasPlace(queue, key)) queue.offer(key, row);
      else this.#isCut = true;
      return;
    }
    const source = { account, sender, campaign };
    if (this.#strangers.size < STRANGERS_MAX) this.#strangers.set(JSON.stringify(source), source);
    const shown = name ?? '(default)';
    if (this.#warned.has(shown)) return;
    this.#warned.add(shown);
    this.#warning.push(shown);
    work.entries.push(unknownAccount(shown, work.now));
  }

  /* Memory holds this number, however many senders and campaigns applications name. */
  #hasPlace(queue: AccountQueue, source: SourceKey): boolean {
    let count = 0;
    for (const one of this.#queues.values()) count += one.sourceCount;
    return count < this.#policy().lanesMax || queue.knows(source);
  }
}
