/**
 * Judges ready rows before they cost money: rows past their deadline expire, rows that cannot be sent fail, rows that
 * a rule holds back wait, and rows of a running cancel end.
 *
 * Always holds: judging writes nothing. What has to be written of the skipped rows is remembered; the claimer writes it
 * after the last account.
 */
import type { OpenRun } from '../../core/account/run-judge.ts';
import type { MessageReason } from '../../core/codes/reasons.ts';
import {
  NOT_ALLOWED,
  dateOf,
  deadlineOf,
  isAllowed,
  judgeRow,
} from '../../core/message/row-check.ts';
import { cancel, expire, refuse } from '../../core/message/message-moves.ts';
import type { RowQueueKey } from '../../core/message/sort-key.ts';
import type { ReadyRow } from '../../spool/write/claims.ts';
import type { Wait } from '../../spool/write/move-rows.ts';
import { heldUntil, type MoveParts, type RowMove } from '../message-move.ts';
import type { KeptBack, Work } from '../work.ts';
import type { AccountQueue, AccountRowReader, FoundRow } from './account-queue.ts';
import type { Holds } from './holds.ts';
import type { Lane } from './lane.ts';
import { probeOf } from './run-probe.ts';

/** Stale rows of an account that one step writes; the rest is for the next steps, so that nobody waits for them. */
const STALE_MAX = 1_000;

/** Cancels that are being worked through. */
export interface OpenCancels {
  /** The control row that cancels the message and has not come to it; null = none does. */
  cancelOf(messageId: number): number | null;
  /** A message was taken back by that control row. */
  tookBack(controlId: number): void;
}

/** The end of a row that cannot be claimed. */
interface RowEnding extends RowMove {
  /** The control row that cancels it; null = it ends for another reason. */
  readonly controlId: number | null;
}

/** What has to be written of the rows that were skipped in a step. */
export interface StaleRows {
  readonly endings: RowEnding[];
  readonly waits: (Wait & KeptBack)[];
}

export interface RowJudgeParts extends MoveParts {
  readonly queue: AccountQueue;
  readonly stale: StaleRows;
  readonly holds: Holds | null;
  readonly cancels: OpenCancels;
  readonly work: Work;
}

/** Reads and judges the rows of one account in one step. */
export class RowJudge implements AccountRowReader {
  readonly #parts: RowJudgeParts;
  #left = STALE_MAX;
  /** False: nobody is on the list, and no row pays for asking; null = not known yet. */
  #isAnySuppressed: boolean | null = null;

  constructor(parts: RowJudgeParts) {
    this.#parts = parts;
  }

  peek(from: RowQueueKey, limit: number, skip: number): ReadyRow[] {
    return this.#parts.spool.claims.peek(from, limit, skip);
  }

  probeOf(run: OpenRun, lanes: readonly Lane[]): FoundRow | null {
    return probeOf(run, lanes, { ...this.#parts, account: this.#parts.queue.name, reader: this });
  }

  judge(row: ReadyRow, sender: string | null): 'send' | 'skip' | 'leave' {
    const { endings, waits } = this.#parts.stale;
    const ending = this.#endingOf(row, sender);
    const wait = ending === null ? this.#waitOf(row) : null;
    if (ending === null && wait === null) return 'send';
    if (this.#left === 0) return 'leave';
    this.#left -= 1;
    if (ending !== null) endings.push(ending);
    if (wait !== null) waits.push({ ...wait, row });
    return 'skip';
  }

  #waitOf(row: ReadyRow): Wait | null {
    const { holds, work } = this.#parts;
    const hold = holds?.holdOf(row, work.now) ?? null;
    if (hold === null) return null;
    /* Looked at no later than its deadline: it then expires on time. */
    return { id: row.id, ...hold, dueAt: Math.min(hold.until, this.#deadlineOf(row)) };
  }

  /* Null = the row is not at its end. */
  #endingOf(row: ReadyRow, sender: string | null): RowEnding | null {
    const { queue, work, cancels } = this.#parts;
    const isLate = this.#deadlineOf(row) <= work.now;
    const refusal = isLate ? null : this.#refusalOf(row, sender);
    const controlId = isLate || refusal !== null ? null : cancels.cancelOf(row.id);
    if (!isLate && refusal === null && controlId === null) return null;
    const until = heldUntil(this.#parts, row, work);
    /* One that is no text cannot be shown. */
    const recipient = typeof row.recipient === 'string' ? row.recipient : '';
    const subject = { ...row, account: queue.name, sender, recipient };
    if (controlId !== null) return { row: subject, move: cancel(row, controlId, until), controlId };
    const move = refusal === null ? expire(row, until) : refuse(row, refusal, until);
    return { row: subject, move, controlId };
  }

  /* The list is asked last: what is no recipient cannot be on it. */
  #refusalOf(row: ReadyRow, sender: string | null): MessageReason | null {
    const { queue, spool, policy, holds, work } = this.#parts;
    const refusal = judgeRow(row, sender);
    if (refusal !== null) return refusal;
    if (row.type === 'binary' && !queue.gateway.capabilities.binary) return NOT_ALLOWED;
    const { allow } = policy();
    if (allow !== null && !isAllowed(row, sender, allow)) return NOT_ALLOWED;
    this.#isAnySuppressed ??= !spool.suppressions.isEmpty();
    if (this.#isAnySuppressed && spool.suppressions.has(row.recipient)) return 'suppressed';
    return holds?.isRepeated(row, work.now) === true ? 'duplicate-text' : null;
  }

  #deadlineOf(row: ReadyRow): number {
    const { policy, work } = this.#parts;
    return deadlineOf(row, policy().validityMs, dateOf(row.createdAt, work.now));
  }
}
