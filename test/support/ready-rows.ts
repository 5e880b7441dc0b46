// Ready rows without a spool, for tests of who goes next: a table that answers reads as the ready index does.
import {
  compareDeadlineKeys,
  compareSortKeys,
  levelOf,
  placeOf,
  rankOf,
  type RowQueueKey,
} from '../../src/core/message/sort-key.ts';
import type { AccountRowReader, FoundRow } from '../../src/dispatch/schedule/account-queue.ts';
import type { Lane } from '../../src/dispatch/schedule/lane.ts';
import type { ReadyRow } from '../../src/spool/write/claims.ts';

/** What rows without a deadline of their own have where nothing else is said. */
const VALIDITY_MS = 86_400_000;
/** The deadline of such a row of `readyRow`. */
export const UNDATED_ENDS_AT = 1_790_000_000 + VALIDITY_MS / 1_000;

export type RowOver = Partial<ReadyRow> & { readonly id: number };

export function readyRow(over: RowOver): ReadyRow {
  const row = {
    account: null,
    sender: null,
    campaign: null,
    recipient: '447700900000',
    text: 'Your table is ready',
    type: 'auto',
    body: null,
    udh: null,
    messageClass: null,
    priority: 4,
    rank: 0,
    sendAt: null,
    expiresAt: null,
    onUncertain: null,
    reference: null,
    entityId: null,
    contentId: null,
    accountRef: null,
    createdAt: 1_790_000_000,
    state: 'queued',
    attempts: 0,
    throttles: 0,
    price: null,
    lastAttempt: 0,
    follows: null,
    nextAttemptAt: null,
    isTooLong: 0,
    ...over,
  } as const;
  const isRetry = row.state === 'retry' || row.attempts > 0;
  return { ...row, rank: rankOf({ ...row, isRetry }) };
}

/** Negative when `a` goes before `b`: rows of one campaign and kind, whatever their priorities. */
export function compareInTurn(a: ReadyRow, b: ReadyRow): number {
  const places = [placeOf(a, VALIDITY_MS), placeOf(b, VALIDITY_MS)] as const;
  return levelOf(a.rank) - levelOf(b.rank) || compareDeadlineKeys(...places);
}

/** Rows that wait. `claim` takes rows away, as the claim of a committed transaction does. */
export class ReadyRows implements AccountRowReader {
  readonly #rows = new Map<number, ReadyRow>();
  reads = 0;

  add(over: RowOver): ReadyRow {
    const row = readyRow(over);
    this.#rows.set(row.id, row);
    return row;
  }

  claim(ids: readonly number[]): void {
    for (const id of ids) this.#rows.delete(id);
  }

  get waiting(): readonly ReadyRow[] {
    return [...this.#rows.values()].sort(compareSortKeys);
  }

  peek(rowQueue: RowQueueKey, limit: number, skip: number): ReadyRow[] {
    this.reads += 1;
    return this.waiting.filter((row) => isFrom(row, rowQueue)).slice(skip, skip + limit);
  }

  judge(): ReturnType<AccountRowReader['judge']> {
    return 'send';
  }

  /** The first row of the lanes: it compares with no refused ones. */
  probeOf(_run: unknown, lanes: readonly Lane[]): FoundRow | null {
    for (const lane of lanes) for (const row of lane.front(this)) return { row, lane };
    return null;
  }
}

function isFrom(row: ReadyRow, rowQueue: RowQueueKey): boolean {
  return (
    row.account === rowQueue.account &&
    row.sender === rowQueue.sender &&
    row.campaign === rowQueue.campaign &&
    row.rank >= rowQueue.rank
  );
}
