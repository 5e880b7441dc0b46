/**
 * Orders the ready rows of a source by their rank: larger priority, then first attempts before retries, then rows with a
 * deadline of their own before those without; within a rank by deadline, then age. The spool's index and the row queues
 * in memory agree on it. The order among the ranks of one priority is decided elsewhere: there a row without a deadline
 * of its own has that of its validity.
 */
import { deadlineOf } from './row-check.ts';

const HIGHEST = 9;
const RANKS_PER_PRIORITY = 4;
const RETRY = 2;
const UNDATED = 1;
/** The rank that comes last. */
export const LAST_RANK = (HIGHEST + 1) * RANKS_PER_PRIORITY - 1;

export interface SortKey {
  readonly id: number;
  /** By `rankOf`, or as the spool says: the same. */
  readonly rank: number;
  /** The row's own deadline (Unix seconds); null = none of its own. */
  readonly expiresAt: number | null;
  /** From the later of both its validity counts. */
  readonly createdAt: number;
  readonly sendAt: number | null;
}

/** Where a row stands among those of one campaign, priority and kind. */
export interface DeadlineKey {
  /** Unix seconds. */
  readonly deadline: number;
  readonly id: number;
}

/** `isRetry`: it was tried before, and that counted. */
export function rankOf(row: {
  readonly priority: number;
  readonly isRetry: boolean;
  readonly expiresAt: number | null;
}): number {
  const { priority, isRetry, expiresAt } = row;
  const kind = (isRetry ? RETRY : 0) + (expiresAt === null ? UNDATED : 0);
  return (HIGHEST - priority) * RANKS_PER_PRIORITY + kind;
}

/** The same rank for a row that is a retry now, or is none any more. */
export function withRetry(rank: number, isRetry: boolean): number {
  return rank + (Number(isRetry) - Number(isRetryRank(rank))) * RETRY;
}

export function isRetryRank(rank: number): boolean {
  return (rank & RETRY) !== 0;
}

export function isUndatedRank(rank: number): boolean {
  return (rank & UNDATED) !== 0;
}

/** 0 for the highest priority, 9 for the lowest; something else for what is none. */
export function levelOf(rank: number): number {
  return Math.floor(rank / RANKS_PER_PRIORITY);
}

/** Negative when `a` goes before `b` in the index. */
export function compareSortKeys(a: SortKey, b: SortKey): number {
  if (a.rank !== b.rank) return a.rank - b.rank;
  if (a.expiresAt !== null && b.expiresAt !== null && a.expiresAt !== b.expiresAt) {
    return a.expiresAt - b.expiresAt;
  }
  return a.id - b.id;
}

export function placeOf(turn: SortKey, validityMs: number): DeadlineKey {
  return { deadline: deadlineOf(turn, validityMs), id: turn.id };
}

/** Negative when `a` goes before `b` in their campaign. */
export function compareDeadlineKeys(a: DeadlineKey, b: DeadlineKey): number {
  return a.deadline - b.deadline || a.id - b.id;
}

/** Rows that share an index range: account, sender and campaign as the rows name them. */
export interface SourceKey {
  readonly account: string | null;
  readonly sender: string | null;
  readonly campaign: string | null;
}

/** The rows of a source that have one rank. */
export interface RowQueueKey extends SourceKey {
  readonly rank: number;
}
