/**
 * Carries out what operators asked for in `control`, before the next claim. Each row is answered once: how
 * many messages it moved, or why it could not.
 *
 * A message whose attempt is open is marked, durably, and its cancel is answered when the attempt settles.
 * A campaign is worked through in batches; until it is done, nothing is claimed.
 */
import { isForgotten } from '../core/forgotten.ts';
import { deadlineOf } from '../core/judge-row.ts';
import type { GateChange } from '../core/health.ts';
import { NEXT, type State } from '../core/message.ts';
import { heldDueAt } from '../core/settle.ts';
import { rankOf } from '../core/turn.ts';
import { gateMoved, messageMoved } from '../events.ts';
import type { ControlRow } from '../spool/control.ts';
import type { DueRow } from '../spool/due.ts';
import type { Move } from '../spool/moves.ts';
import type { Spool } from '../spool/spool.ts';
import type { Desk } from './desk.ts';
import { gateRowOf } from './outcomes.ts';
import { hold, resend } from './restoration.ts';
import { namedOf, type Rules, type Work } from './work.ts';

const REQUESTS_PER_STEP = 100;
const IDS_PER_STEP = 2_000;
const ROWS_PER_STEP = 1_000;
const FORGOTTEN = 'its text was forgotten (spool.forget_text_after), so there is nothing to send';

/** A request in hand: marks it waits for, and what it has done so far. */
interface Progress {
  readonly row: ControlRow;
  affected: number;
  refused: string | null;
  /** Messages whose open attempt must settle first. */
  readonly marked: Set<number>;
  /** A campaign's last row looked at; null = all of it was. */
  cursor: number | null;
}

export interface OperatorParts {
  readonly spool: Spool;
  readonly desks: ReadonlyMap<string, Desk>;
  readonly rules: Rules;
  /** A message became ready. */
  readonly offer: (row: DueRow, work: Work) => void;
  /** A gate changed: what is in hand may have to come back. */
  readonly onGate: (desk: Desk) => void;
  /** Rows are ready that nobody was offered, or are ready no more. */
  readonly onDecided: () => void;
}

export class Operator {
  readonly #parts: OperatorParts;
  readonly #open = new Map<number, Progress>();
  /** Messages whose open attempt must settle first → the requests that wait for it. */
  readonly #marked = new Map<number, readonly Progress[]>();
  /** Gates that a request has changed, until its answer is on disk: a roll-back does not change them back. */
  readonly #applied = new Map<number, GateChange>();
  /** Requests answered in this transaction. */
  readonly #done: number[] = [];
  #lastId = 0;
  /** More requests wait than one step reads. */
  #hasMore = false;

  constructor(parts: OperatorParts) {
    this.#parts = parts;
  }

  /** Requests wait, or a campaign is being worked through: nothing may be claimed, and a step is needed. */
  get isBusy(): boolean {
    if (this.#hasMore) return true;
    for (const progress of this.#open.values()) if (progress.cursor !== null) return true;
    return false;
  }

  /** An operator wants the message back while it is out. */
  isCancelAsked(messageId: number): boolean {
    return this.#marked.has(messageId);
  }

  /** The open attempt of a marked message has settled, and the outcome is in this transaction. */
  settled(messageId: number, to: State, work: Work): void {
    const waiting = this.#marked.get(messageId);
    if (waiting === undefined) return;
    this.#marked.delete(messageId);
    for (const progress of waiting) {
      progress.marked.delete(messageId);
      if (to === 'cancelled' || to === 'uncertain') progress.affected += 1;
      else if (progress.row.messageId !== null) progress.refused = `it is ${to}`;
      this.#answer(progress, work);
    }
  }

  /** Reads new requests and goes on with those in hand. */
  work(work: Work): void {
    this.#read();
    for (const progress of [...this.#open.values()]) {
      if (progress.cursor !== null) this.#proceed(progress, work);
    }
  }

  /** What was answered is on disk. */
  committed(): void {
    for (const id of this.#done.splice(0)) this.#applied.delete(id);
  }

  /** Forgets requests in hand after a roll-back: they are read again. */
  distrust(): void {
    this.#done.length = 0;
    this.#open.clear();
    this.#marked.clear();
    this.#lastId = 0;
  }

  #read(): void {
    const rows = this.#parts.spool.control.open(this.#lastId, REQUESTS_PER_STEP);
    this.#hasMore = rows.length === REQUESTS_PER_STEP;
    for (const row of rows) {
      this.#lastId = row.id;
      const marked = new Set<number>();
      /* What was done before a crash was counted then. */
      const affected = row.affected ?? 0;
      this.#open.set(row.id, { row, affected, refused: null, marked, cursor: 0 });
    }
  }

  #proceed(progress: Progress, work: Work): void {
    const { row } = progress;
    if (row.verb === 'pause' || row.verb === 'resume') this.#gate(progress, work);
    else if (row.verb === 'cancel' || row.verb === 'requeue') this.#messages(progress, work);
    else this.#restored(progress, work);
    this.#answer(progress, work);
  }

  #gate(progress: Progress, work: Work): void {
    const { row } = progress;
    progress.cursor = null;
    const desk = row.account === null ? undefined : this.#parts.desks.get(row.account);
    if (desk === undefined) {
      progress.refused = `no account "${row.account ?? ''}" is configured`;
      return;
    }
    const applied = this.#applied.get(row.id) ?? null;
    const change = applied ?? desk.health.setPaused(row.sender, row.verb === 'pause', work.now);
    if (change !== null) this.#applied.set(row.id, change);
    if (row.verb === 'resume' && change !== null) this.#releaseRefused(desk, row.sender);
    if (change === null) {
      progress.refused = row.verb === 'pause' ? 'it is paused already' : 'it is active already';
      return;
    }
    progress.affected = 1;
    this.#parts.spool.gates.write(gateRowOf(desk.name, change, work.now));
    if (change.event !== null) {
      work.entries.push(gateMoved(desk.name, change, work.now));
    }
    this.#parts.onGate(desk);
  }

  /* `resume` ends a run of refusals: what it refused goes again. */
  #releaseRefused({ name: account }: Desk, sender: string | null): void {
    if (this.#parts.spool.setAside.release({ account, sender }) > 0) this.#parts.onDecided();
  }

  #messages(progress: Progress, work: Work): void {
    const { messageId, campaign } = progress.row;
    const { due } = this.#parts.spool;
    if (messageId !== null) {
      const row = due.message(messageId);
      progress.cursor = null;
      if (row === null) progress.refused = 'there is no such message';
      else progress.refused = this.#one(progress, row, work);
      return;
    }
    const rows = due.campaign(campaign ?? '', progress.cursor ?? 0, ROWS_PER_STEP);
    for (const row of rows) this.#one(progress, row, work);
    progress.cursor = rows.length < ROWS_PER_STEP ? null : (rows.at(-1)?.id ?? null);
  }

  /* Null = done, or in hand; else why not. */
  #one(progress: Progress, row: DueRow, work: Work): string | null {
    return progress.row.verb === 'cancel'
      ? this.#cancel(progress, row, work)
      : this.#requeue(progress, row, work);
  }

  #cancel(progress: Progress, row: DueRow, work: Work): string | null {
    const { state } = row;
    if (state === 'queued' || state === 'retry') {
      this.#takeBack(progress, { ...row, state }, work);
      return null;
    }
    if (state !== 'sending' && state !== 'uncertain') return `it is ${state}`;
    this.#parts.spool.control.markCancelled(row.id, progress.row.id);
    if (state === 'uncertain') progress.affected += 1;
    else {
      progress.marked.add(row.id);
      this.#marked.set(row.id, [...(this.#marked.get(row.id) ?? []), progress]);
    }
    return null;
  }

  /* While an earlier attempt is unanswered, never to be sent again is all that can be done. */
  #takeBack(
    progress: Progress,
    row: DueRow & { readonly state: 'queued' | 'retry' },
    work: Work,
  ): void {
    const { spool, rules } = this.#parts;
    const base = { id: row.id, from: row.state, reason: 'operator', nextAttemptAt: null };
    const isUnanswered = spool.due.isUnanswered(row);
    const move: Move = isUnanswered
      ? { ...base, to: 'uncertain', dueAt: heldDueAt(rules.settle, work.now) }
      : { ...base, to: 'cancelled', dueAt: null };
    if (isUnanswered) spool.control.markCancelled(row.id, progress.row.id);
    spool.moves.write([move], work.now);
    const attempt = row.lastAttempt === 0 ? null : row.lastAttempt;
    work.entries.push(
      messageMoved(namedOf(row, this.#parts.rules), { ...move, at: work.now, attempt }),
    );
    progress.affected += 1;
  }

  /* Batch by batch; what is done already stays done after a crash. */
  #restored(progress: Progress, work: Work): void {
    const { spool, rules } = this.#parts;
    const { mark } = spool.restored;
    if (mark === null) {
      progress.refused = 'this spool was not restored from a backup';
      progress.cursor = null;
      return;
    }
    const from = progress.cursor ?? 0;
    const decide = progress.row.verb === 'restored-hold' ? hold : resend;
    progress.affected += decide({ spool, rules }, { from, to: from + IDS_PER_STEP }, work);
    progress.cursor = from + IDS_PER_STEP < mark.lastId ? from + IDS_PER_STEP : null;
    if (progress.cursor !== null) return;
    spool.restored.end();
    this.#parts.onDecided();
  }

  #requeue(progress: Progress, row: DueRow, work: Work): string | null {
    const { spool, rules } = this.#parts;
    const mayRequeue =
      row.state !== 'sending' && (NEXT[row.state] as readonly State[]).includes('queued');
    if (!mayRequeue) return `it is ${row.state}`;
    if (spool.suppressions.has(row.recipient)) return 'its recipient is suppressed';
    const content = spool.ledgers.content(row.id);
    if (content !== null && isForgotten(content)) return FORGOTTEN;
    const isLate = deadlineOf(row, rules.validityMs) <= work.now;
    const follows = spool.control.doubtfulAttempt(row.id);
    const expiresAt = isLate ? work.now + rules.validityMs / 1000 : null;
    spool.ledgers.close(row.id);
    spool.control.requeue(row.id, { expiresAt, follows, now: work.now });
    const attempt = row.lastAttempt === 0 ? null : row.lastAttempt;
    const reason = follows === null ? 'requeued' : 'requeued-may-double';
    const move = { from: row.state, to: 'queued', reason, at: work.now, attempt } as const;
    work.entries.push(messageMoved(namedOf(row, this.#parts.rules), move));
    const isScheduled = row.sendAt !== null && row.sendAt > work.now;
    if (!isScheduled) this.#parts.offer(startedOver(row, expiresAt ?? row.expiresAt), work);
    progress.affected += 1;
    return null;
  }

  #answer(progress: Progress, work: Work): void {
    const isDone = progress.cursor === null && progress.marked.size === 0;
    const { affected, refused } = progress;
    this.#parts.spool.control.answer(progress.row.id, {
      doneAt: isDone ? work.now : null,
      affected,
      refused,
    });
    if (!isDone) return;
    this.#open.delete(progress.row.id);
    this.#done.push(progress.row.id);
  }
}

function startedOver(row: DueRow, expiresAt: number | null): DueRow {
  return { ...row, expiresAt, rank: rankOf({ ...row, isRetry: false, expiresAt }) };
}
