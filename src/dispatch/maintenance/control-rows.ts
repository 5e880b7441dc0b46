/**
 * Carries out what operators asked for in `control`, before the next claim. Each row is answered once: how
 * many messages it moved, or why it could not.
 *
 * A message whose attempt is open is marked, durably, and its cancel is answered when the attempt settles.
 * A campaign or a filter is worked through in slices, and others are sent meanwhile. Always holds: a message that
 * a cancel in hand is about is not claimed, however far the slices have come.
 */
import type { Policy } from '../../core/account/policy.ts';
import { ANY, readFilter } from '../../core/message/control-filter.ts';
import { isForgotten } from '../../core/message/parts.ts';
import { deadlineOf } from '../../core/message/row-check.ts';
import { mayMove, type State } from '../../core/message/message.ts';
import { cancel, requeue } from '../../core/message/message-moves.ts';
import { rankOf } from '../../core/message/sort-key.ts';
import { VERBS, verbOf, type OpenControlRow, type ControlVerb } from '../../spool/write/control.ts';
import type { DueRow } from '../../spool/write/due.ts';
import type { Selection } from '../../spool/write/selection.ts';
import type { Spool } from '../../spool/spool.ts';
import type { AccountQueue } from '../schedule/account-queue.ts';
import { Pauses } from './pauses.ts';
import { heldUntil, moveOne, moveToQueue } from '../message-move.ts';
import { hold, resend } from './restoration.ts';
import type { Participant, Work } from '../work.ts';

const REQUESTS_PER_STEP = 100;
const IDS_PER_STEP = 2_000;
/** A step moves so many rows, and looks at so many slices. */
const ROWS_PER_STEP = 250;
const SLICES_PER_STEP = 20;
/** In `refused`: the row asks for something that the daemon does not know. */
const UNKNOWN_VERB = 'unknown-verb';
const MOVED_MEANWHILE = 'its state changed meanwhile';
const FORGOTTEN = 'its text was forgotten (spool.forget_text_after), so there is nothing to send';

/** A request in hand: marks it waits for, and what it has done so far. */
interface Progress {
  readonly row: OpenControlRow;
  affected: number;
  refused: string | null;
  /** Messages whose open attempt must settle first. */
  readonly marked: Set<number>;
  /** A campaign's last row looked at; null = all of it was. */
  cursor: number | null;
  /** Which messages, where it names no single one; made when it is first worked on. */
  selection: Selection | null;
  /** Whether rows that were cancelled are asked for by name. */
  wantsCancelled: boolean;
}

export interface OperatorParts {
  readonly spool: Spool;
  readonly queues: ReadonlyMap<string, AccountQueue>;
  readonly policy: () => Policy;
  /** A message became ready. */
  readonly offer: (row: DueRow, work: Work) => void;
  /** A gate changed: what is in hand may have to come back. */
  readonly onCircuit: (queue: AccountQueue) => void;
  /** Rows are ready that nobody was offered, or are ready no more. */
  readonly onDecided: () => void;
}

/** Works on a request; how far it has come is noted in its progress. */
type Act = (progress: Progress, work: Work) => void;

/** Works on one message of a request; null = done, or in hand; else why not. */
type ActOnOne = (progress: Progress, row: DueRow, work: Work) => string | null;

export class Operator implements Participant {
  readonly #parts: OperatorParts;
  readonly #acts: Readonly<Record<ControlVerb, Act>> = {
    pause: (progress, work) => this.#gate(progress, 'pause', work),
    resume: (progress, work) => this.#gate(progress, 'resume', work),
    cancel: this.#onMessages((progress, row, work) => this.#cancel(progress, row, work)),
    requeue: this.#onMessages((progress, row, work) => this.#requeue(progress, row, work)),
    retry: this.#onMessages((progress, row, work) => this.#retry(progress, row, work)),
    'restored-hold': (progress, work) => this.#restored(progress, hold, work),
    'restored-resend': (progress, work) => this.#restored(progress, resend, work),
  };
  readonly #open = new Map<number, Progress>();
  /** Messages whose open attempt must settle first → the requests that wait for it. */
  readonly #marked = new Map<number, readonly Progress[]>();
  readonly #pauses: Pauses;
  /** Requests answered in this transaction. */
  readonly #done: number[] = [];
  #lastId = 0;
  /** More requests wait than one step reads. */
  #hasMore = false;

  constructor(parts: OperatorParts) {
    this.#parts = parts;
    this.#pauses = new Pauses(parts);
  }

  /** An operator paused everything: nothing may be claimed. */
  get isAllPaused(): boolean {
    return this.#pauses.isAllPaused;
  }

  /** More requests wait than one step reads: nobody knows what they are about. */
  get hasUnread(): boolean {
    return this.#hasMore;
  }

  /** The request for a cancel that is about a message and has not come to it; null = there is none. */
  cancelOf(messageId: number): number | null {
    for (const { row, cursor, selection } of this.#open.values()) {
      if (row.verb !== 'cancel' || cursor === null) continue;
      if (selection?.covers(messageId, cursor) === true) return row.id;
    }
    return null;
  }

  /** A message of such a request was taken back in its place. */
  tookBack(controlId: number): void {
    const progress = this.#open.get(controlId);
    if (progress !== undefined) progress.affected += 1;
  }

  /** Requests wait, or one is being worked through: a step is needed. */
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
    this.#pauses.committed(this.#done.splice(0));
  }

  /** Forgets requests in hand after a roll-back: they are read again. */
  rolledBack(): void {
    this.#done.length = 0;
    this.#open.clear();
    this.#marked.clear();
    this.#lastId = 0;
    this.#pauses.rolledBack();
  }

  #read(): void {
    const rows = this.#parts.spool.control.open(this.#lastId, REQUESTS_PER_STEP);
    this.#hasMore = rows.length === REQUESTS_PER_STEP;
    for (const row of rows) {
      this.#lastId = row.id;
      const marked = new Set<number>();
      /* What was done before a crash was counted then. */
      const affected = row.affected ?? 0;
      const rest = { selection: null, wantsCancelled: false };
      this.#open.set(row.id, { row, affected, refused: null, marked, cursor: 0, ...rest });
    }
  }

  #proceed(progress: Progress, work: Work): void {
    const verb = verbOf(progress.row.verb);
    if (verb === null) refuse(progress, noSuchVerb(progress.row));
    else this.#acts[verb](progress, work);
    this.#answer(progress, work);
  }

  #gate(progress: Progress, verb: 'pause' | 'resume', work: Work): void {
    progress.refused = this.#pauses.carryOut(progress.row, verb, work);
    progress.affected = progress.refused === null ? 1 : 0;
    progress.cursor = null;
  }

  #onMessages(act: ActOnOne): Act {
    return (progress, work) => {
      const { messageId } = progress.row;
      if (messageId === null) this.#selected(progress, act, work);
      else this.#named(progress, messageId, (row) => act(progress, row, work));
    };
  }

  #named(progress: Progress, messageId: number, act: (row: DueRow) => string | null): void {
    const row = this.#parts.spool.due.message(messageId);
    progress.cursor = null;
    progress.wantsCancelled = true;
    progress.refused = row === null ? 'there is no such message' : act(row);
  }

  #selected(progress: Progress, act: ActOnOne, work: Work): void {
    const selection = this.#selectionOf(progress);
    if (selection === null) return;
    const before = progress.affected;
    for (let slices = 0; slices < SLICES_PER_STEP && progress.cursor !== null; slices += 1) {
      const { rows, end } = selection.slice(progress.cursor);
      for (const row of rows) act(progress, row, work);
      progress.cursor = end;
      if (progress.affected - before >= ROWS_PER_STEP) return;
    }
  }

  /* Null = it names no messages that anybody could find; the request says why. */
  #selectionOf(progress: Progress): Selection | null {
    if (progress.selection !== null) return progress.selection;
    const { spool, policy } = this.#parts;
    const { campaign, filter } = progress.row;
    const named = filter === null ? { ...ANY, campaign: campaign ?? '' } : readFilter(filter);
    if (typeof named === 'string') {
      refuse(progress, named);
      return null;
    }
    const senders = [...policy().defaultSenders].flatMap(([name, sender]): [string, string][] =>
      sender === null ? [] : [[name, sender]],
    );
    const defaults = { account: policy().defaultAccount, senders: new Map(senders) };
    progress.wantsCancelled = named.states?.includes('cancelled') ?? false;
    progress.selection = spool.control.selectionOf(progress.row, named, defaults);
    return progress.selection;
  }

  /* A message that waits for an instant goes now; what an account or a window lacks it waits for as before. */
  #retry(progress: Progress, row: DueRow, work: Work): string | null {
    if (row.state !== 'queued' && row.state !== 'retry') return `it is ${row.state}`;
    if (row.dueAt === null) return 'it waits for no time: sms-spoold why says for what';
    if (!this.#parts.spool.control.hasten(row.id, work.now)) {
      return 'it was refused with others and waits until that is judged: sms-spoold resume ends that';
    }
    const sendAt = row.sendAt === null ? null : Math.min(row.sendAt, work.now);
    this.#parts.offer({ ...row, sendAt, dueAt: null, nextAttemptAt: null }, work);
    progress.affected += 1;
    return null;
  }

  #cancel(progress: Progress, row: DueRow, work: Work): string | null {
    const { id, state } = row;
    const controlId = progress.row.id;
    if (state === 'queued' || state === 'retry') {
      const move = cancel({ id, state }, controlId, heldUntil(this.#parts, row, work));
      if (!moveOne(this.#parts, row, move, work)) return MOVED_MEANWHILE;
      progress.affected += 1;
      return null;
    }
    if (state !== 'sending' && state !== 'uncertain') return `it is ${state}`;
    if (!this.#parts.spool.control.markCancelled(id, controlId)) return MOVED_MEANWHILE;
    if (state === 'uncertain') progress.affected += 1;
    else {
      progress.marked.add(row.id);
      this.#marked.set(row.id, [...(this.#marked.get(row.id) ?? []), progress]);
    }
    return null;
  }

  /* Batch by batch; what is done already stays done after a crash. */
  #restored(progress: Progress, decide: typeof hold, work: Work): void {
    const { spool, policy } = this.#parts;
    const { mark } = spool.restored;
    if (mark === null) {
      refuse(progress, 'this spool was not restored from a backup');
      return;
    }
    const from = progress.cursor ?? 0;
    progress.affected += decide({ spool, policy }, { from, to: from + IDS_PER_STEP }, work);
    progress.cursor = from + IDS_PER_STEP < mark.lastId ? from + IDS_PER_STEP : null;
    if (progress.cursor !== null) return;
    spool.restored.end();
    this.#parts.onDecided();
  }

  #requeue(progress: Progress, row: DueRow, work: Work): string | null {
    const { spool, policy } = this.#parts;
    if (row.state === 'sending' || !mayMove(row.state, 'queued')) return `it is ${row.state}`;
    if (row.state === 'cancelled' && !progress.wantsCancelled) return 'it was cancelled';
    if (spool.suppressions.has(row.recipient)) return 'its recipient is suppressed';
    const content = spool.ledgers.content(row.id);
    if (content !== null && isForgotten(content)) return FORGOTTEN;
    const isLate = deadlineOf(row, policy().validityMs) <= work.now;
    const follows = spool.control.doubtfulAttempt(row.id);
    const expiresAt = isLate ? work.now + policy().validityMs / 1000 : null;
    const move = requeue({ id: row.id, state: row.state }, { expiresAt, follows });
    if (!moveToQueue(this.#parts, row, move, work)) return MOVED_MEANWHILE;
    const isScheduled = row.sendAt !== null && row.sendAt > work.now;
    if (!isScheduled) this.#parts.offer(startedOver(row, expiresAt ?? row.expiresAt), work);
    progress.affected += 1;
    return null;
  }

  #answer(progress: Progress, work: Work): void {
    const isDone = progress.cursor === null && progress.marked.size === 0;
    const { affected, refused } = progress;
    this.#parts.spool.control.answer({
      id: progress.row.id,
      doneAt: isDone ? work.now : null,
      affected,
      refused,
    });
    if (!isDone) return;
    this.#open.delete(progress.row.id);
    this.#done.push(progress.row.id);
  }
}

function refuse(progress: Progress, why: string): void {
  progress.refused = why;
  progress.cursor = null;
}

function noSuchVerb({ verb }: OpenControlRow): string {
  return `${UNKNOWN_VERB}: there is no verb ${JSON.stringify(verb)}; there are ${VERBS.join(', ')}`;
}

function startedOver(row: DueRow, expiresAt: number | null): DueRow {
  return { ...row, expiresAt, rank: rankOf({ ...row, isRetry: false, expiresAt }) };
}
