/**
 * Carries out the rows of `control` before the next claim. Each row is answered once: how many messages it moved, or
 * why it moved none. A campaign or a filter is worked through in slices, while other messages are sent.
 *
 * Always holds: a message that an open cancel is about is not claimed. One whose attempt is open is marked on disk, and
 * its cancel is answered when the attempt settles.
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
/** Rows that a step moves, and slices that it reads. */
const ROWS_PER_STEP = 250;
const SLICES_PER_STEP = 20;
const MOVED_MEANWHILE = 'its state changed meanwhile';
const FORGOTTEN = 'its text was forgotten (spool.forget_text_after), so there is nothing to send';

interface OpenControl {
  readonly row: OpenControlRow;
  affected: number;
  refused: string | null;
  /** Messages whose open attempt must settle first. */
  readonly marked: Set<number>;
  /** A campaign's last row looked at; null = all of it was. */
  cursor: number | null;
  /** Which messages, where it names no single one; null = not worked on yet. */
  selection: Selection | null;
  /** Whether rows that were cancelled are asked for by name. */
  wantsCancelled: boolean;
}

export interface OperatorParts {
  readonly spool: Spool;
  readonly queues: ReadonlyMap<string, AccountQueue>;
  readonly policy: () => Policy;
  readonly offer: (row: DueRow, work: Work) => void;
  /** A circuit changed: claims may have to come back. */
  readonly onCircuit: (queue: AccountQueue) => void;
  /** Rows are ready that nobody was offered, or are ready no more. */
  readonly onDecided: () => void;
}

/** Works on a request, and notes in it how far it has come. */
type Act = (request: OpenControl, work: Work) => void;

/** Works on one message of a request; null = done, or marked; else why not. */
type ActOnOne = (request: OpenControl, row: DueRow, work: Work) => string | null;

export class Operator implements Participant {
  readonly #parts: OperatorParts;
  readonly #acts: Readonly<Record<ControlVerb, Act>> = {
    pause: (request, work) => this.#pause(request, true, work),
    resume: (request, work) => this.#pause(request, false, work),
    cancel: this.#onMessages((request, row, work) => this.#cancel(request, row, work)),
    requeue: this.#onMessages((request, row, work) => this.#requeue(request, row, work)),
    retry: this.#onMessages((request, row, work) => this.#retry(request, row, work)),
    'restored-hold': (request, work) => this.#restored(request, hold, work),
    'restored-resend': (request, work) => this.#restored(request, resend, work),
  };
  readonly #open = new Map<number, OpenControl>();
  /** Messages whose open attempt must settle first → the requests that wait for it. */
  readonly #marked = new Map<number, readonly OpenControl[]>();
  readonly #pauses: Pauses;
  readonly #done: number[] = [];
  #lastId = 0;
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
    const request = this.#open.get(controlId);
    if (request !== undefined) request.affected += 1;
  }

  /** Requests wait, or one is being worked through: a step is needed. */
  get isBusy(): boolean {
    if (this.#hasMore) return true;
    for (const request of this.#open.values()) if (request.cursor !== null) return true;
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
    for (const request of waiting) {
      request.marked.delete(messageId);
      if (to === 'cancelled' || to === 'uncertain') request.affected += 1;
      else if (request.row.messageId !== null) request.refused = `it is ${to}`;
      this.#answer(request, work);
    }
  }

  work(work: Work): void {
    this.#read();
    for (const request of [...this.#open.values()]) {
      if (request.cursor === null) continue;
      const verb = verbOf(request.row.verb);
      if (verb === null) refuse(request, noSuchVerb(request.row));
      else this.#acts[verb](request, work);
      this.#answer(request, work);
    }
  }

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
      this.#open.set(row.id, {
        row,
        /* What was done before a crash was counted then. */
        affected: row.affected ?? 0,
        ...{ refused: null, marked: new Set(), cursor: 0, selection: null, wantsCancelled: false },
      });
    }
  }

  #pause(request: OpenControl, isPause: boolean, work: Work): void {
    request.refused = this.#pauses.carryOut(request.row, isPause, work);
    request.affected = request.refused === null ? 1 : 0;
    request.cursor = null;
  }

  #onMessages(act: ActOnOne): Act {
    return (request, work) => {
      const { messageId } = request.row;
      if (messageId === null) {
        this.#selected(request, act, work);
        return;
      }
      const row = this.#parts.spool.due.message(messageId);
      request.cursor = null;
      request.wantsCancelled = true;
      request.refused = row === null ? 'there is no such message' : act(request, row, work);
    };
  }

  #selected(request: OpenControl, act: ActOnOne, work: Work): void {
    const selection = this.#selectionOf(request);
    if (selection === null) return;
    const before = request.affected;
    for (let slices = 0; slices < SLICES_PER_STEP && request.cursor !== null; slices += 1) {
      const { rows, end } = selection.slice(request.cursor);
      for (const row of rows) act(request, row, work);
      request.cursor = end;
      if (request.affected - before >= ROWS_PER_STEP) return;
    }
  }

  /* Null = it names no messages that anybody could find; the request says why. */
  #selectionOf(request: OpenControl): Selection | null {
    if (request.selection !== null) return request.selection;
    const { spool, policy } = this.#parts;
    const { campaign, filter } = request.row;
    const named = filter === null ? { ...ANY, campaign: campaign ?? '' } : readFilter(filter);
    if (typeof named === 'string') {
      refuse(request, named);
      return null;
    }
    const senders = [...policy().defaultSenders].flatMap(([name, sender]): [string, string][] =>
      sender === null ? [] : [[name, sender]],
    );
    const defaults = { account: policy().defaultAccount, senders: new Map(senders) };
    request.wantsCancelled = named.states?.includes('cancelled') ?? false;
    request.selection = spool.control.selectionOf(request.row, named, defaults);
    return request.selection;
  }

  /* A message that waits for an instant goes now; what an account or a window lacks it waits for as before. */
  #retry(request: OpenControl, row: DueRow, work: Work): string | null {
    if (row.state !== 'queued' && row.state !== 'retry') return `it is ${row.state}`;
    if (row.dueAt === null) return 'it waits for no time: sms-spoold why says for what';
    if (!this.#parts.spool.control.hasten(row.id, work.now)) {
      return 'it was refused with others and waits until that is judged: sms-spoold resume ends that';
    }
    const sendAt = row.sendAt === null ? null : Math.min(row.sendAt, work.now);
    this.#parts.offer({ ...row, sendAt, dueAt: null, nextAttemptAt: null }, work);
    request.affected += 1;
    return null;
  }

  #cancel(request: OpenControl, row: DueRow, work: Work): string | null {
    const { id, state } = row;
    const controlId = request.row.id;
    if (state === 'queued' || state === 'retry') {
      const move = cancel({ id, state }, controlId, heldUntil(this.#parts, row, work));
      if (!moveOne(this.#parts, row, move, work)) return MOVED_MEANWHILE;
      request.affected += 1;
      return null;
    }
    if (state !== 'sending' && state !== 'uncertain') return `it is ${state}`;
    if (!this.#parts.spool.control.markCancelled(id, controlId)) return MOVED_MEANWHILE;
    if (state === 'uncertain') request.affected += 1;
    else {
      request.marked.add(row.id);
      this.#marked.set(row.id, [...(this.#marked.get(row.id) ?? []), request]);
    }
    return null;
  }

  /* Batch by batch; what is done already stays done after a crash. */
  #restored(request: OpenControl, decide: typeof hold, work: Work): void {
    const { spool, policy } = this.#parts;
    const { mark } = spool.restored;
    if (mark === null) {
      refuse(request, 'this spool was not restored from a backup');
      return;
    }
    const from = request.cursor ?? 0;
    const to = from + IDS_PER_STEP;
    request.affected += decide({ spool, policy }, [from, to], work);
    request.cursor = to < mark.lastId ? to : null;
    if (request.cursor !== null) return;
    spool.restored.end();
    this.#parts.onDecided();
  }

  #requeue(request: OpenControl, row: DueRow, work: Work): string | null {
    const { spool, policy } = this.#parts;
    if (row.state === 'sending' || !mayMove(row.state, 'queued')) return `it is ${row.state}`;
    if (row.state === 'cancelled' && !request.wantsCancelled) return 'it was cancelled';
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
    request.affected += 1;
    return null;
  }

  #answer({ row: { id }, cursor, marked, affected, refused }: OpenControl, work: Work): void {
    const isDone = cursor === null && marked.size === 0;
    const doneAt = isDone ? work.now : null;
    this.#parts.spool.control.answer({ id, doneAt, affected, refused });
    if (!isDone) return;
    this.#open.delete(id);
    this.#done.push(id);
  }
}

function refuse(request: OpenControl, why: string): void {
  request.refused = why;
  request.cursor = null;
}

function noSuchVerb({ verb }: OpenControlRow): string {
  return `unknown-verb: there is no verb ${JSON.stringify(verb)}; there are ${VERBS.join(', ')}`;
}

function startedOver(row: DueRow, expiresAt: number | null): DueRow {
  return { ...row, expiresAt, rank: rankOf({ ...row, isRetry: false, expiresAt }) };
}
