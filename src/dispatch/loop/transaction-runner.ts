/**
 * Runs one write transaction after another: what was decided since the last one, what the caller does in it, the
 * events of both, the commit, and then the log. Tells every participant how each transaction ended.
 *
 * Always holds: what was decided stays in memory until it is on disk; nothing is counted or logged before that. The
 * position of the log is committed with a later step, so the start after a kill may write some lines twice.
 */
import type { Policy } from '../../core/account/policy.ts';
import type { Clock } from '../../clock.ts';
import type { Claim } from '../../core/message/claim.ts';
import { suppressionOf } from '../../core/codes/receipt-codes.ts';
import { refuse } from '../../core/message/message-moves.ts';
import { isNotOurs } from '../../spool/sql/spool-errors.ts';
import type { SetAsideRow } from '../../spool/write/set-aside.ts';
import type { Ended } from '../../spool/write/settlements.ts';
import { LOG_CURSOR } from '../../spool/write/event-log.ts';
import type { Spool } from '../../spool/spool.ts';
import type { StatusLog } from '../../log/status-log.ts';
import { heldUntil, moveAll } from '../message-move.ts';
import {
  drop,
  sizesOf,
  workAt,
  type JudgedRun,
  type Participant,
  type Pending,
  type Work,
} from '../work.ts';

/** Noting the position of the log writes a page of the WAL: once in this time, or after this number of lines. */
const NOTE_EVERY_MS = 1_000;
const NOTE_EVERY_LINES = 100;

export interface TransactionRunnerParts {
  readonly spool: Spool;
  readonly policy: () => Policy;
  readonly clock: Clock;
  readonly log: StatusLog;
  readonly pending: Pending;
  /** Events are on disk. */
  readonly onEvents: () => void;
  /** Told how each transaction ended, in this order. */
  readonly participants: readonly Participant[];
  /** An attempt's outcome is in the transaction. */
  readonly onSettled: (ended: Ended<Claim>, work: Work) => void;
}

export class TransactionRunner {
  readonly #parts: TransactionRunnerParts;
  /** The last row of `events` that is in the log, as far as the spool does not know it yet; null = it does. */
  #loggedSeq: number | null = null;
  /** What the spool knows of it, and will once the transaction that is open commits. */
  #notedSeq: number | null = null;
  #notingSeq: number | null = null;
  #notedAtMs = -Infinity;

  constructor(parts: TransactionRunnerParts) {
    this.#parts = parts;
  }

  /** 'busy' = another program holds the lock, and nothing happened. Throws what made it roll back. */
  transact<T extends object | number>(body: (work: Work) => T): T | 'busy' {
    const { clock, spool, pending } = this.#parts;
    const sizes = sizesOf(pending);
    const work = workAt(clock.now(), clock.monotonicMs(), pending.entries.slice());
    const { entries, nowMs } = work;
    let firstSeq = 0;
    this.#notingSeq = this.#notedSeq;
    const run = (): T => {
      this.#writeDecided(work);
      const done = body(work);
      if (entries.length > 0) {
        firstSeq = spool.events.append(entries);
        if (this.#isNoteDue(nowMs)) this.noteLogged();
      }
      return done;
    };
    const result = this.#attempt(run);
    if (result === 'busy') return result;
    drop(pending, sizes);
    this.#committed(work, firstSeq);
    return result;
  }

  #attempt<T>(run: () => T): T | 'busy' {
    const { spool, participants } = this.#parts;
    try {
      return spool.transaction(run);
    } catch (error) {
      /* A spool that is not ours any more is found before anything is read, and nothing of it may be read. */
      if (isNotOurs(error)) throw error;
      spool.rolledBack();
      for (const one of participants) one.rolledBack();
      throw error;
    }
  }

  #committed(work: Work, firstSeq: number): void {
    const { log, onEvents, participants } = this.#parts;
    const { entries, lost, nowMs } = work;
    if (this.#notingSeq !== this.#notedSeq) this.#notedAtMs = nowMs;
    this.#notedSeq = this.#notingSeq;
    for (const { id, number } of lost) {
      log.say('message.claim-lost', { id, attempt: number });
    }
    if (entries.length > 0) {
      log.committed(entries, firstSeq);
      this.#loggedSeq = log.isWritten ? firstSeq + entries.length - 1 : null;
    }
    for (const one of participants) one.committed(work);
    if (entries.length > 0) onEvents();
  }

  /** The last transaction: the next start then has no line to write again. */
  leave(): unknown {
    return this.#parts.spool.transaction(() => this.noteLogged());
  }

  /** In a transaction: how far the log has come. */
  noteLogged(): void {
    if (this.#loggedSeq === null || this.#loggedSeq === this.#notingSeq) return;
    this.#parts.spool.events.saveCursor(this.#loggedSeq, LOG_CURSOR);
    this.#notingSeq = this.#loggedSeq;
  }

  #isNoteDue(nowMs: number): boolean {
    const lines = (this.#loggedSeq ?? 0) - (this.#notedSeq ?? 0);
    return nowMs - this.#notedAtMs >= NOTE_EVERY_MS || lines >= NOTE_EVERY_LINES;
  }

  #writeDecided(work: Work): void {
    const { spool, pending, onSettled } = this.#parts;
    const { ended, circuits, rates, widths, blocks, runs } = pending;
    if (ended.length > 0) {
      const lost = spool.settlements.write(ended);
      this.#drop(lost, work);
      spool.setAside.add(setAsideAmong(ended, lost));
      for (const one of ended) {
        this.#suppress(one, work);
        onSettled(one, work);
      }
    }
    for (const run of runs) this.#endRun(run, work);
    for (const row of circuits) spool.circuits.write(row);
    for (const row of rates) spool.circuits.writeRate(row);
    for (const row of widths) spool.circuits.writeConcurrency(row);
    for (const row of blocks) spool.circuits.writeBlock(row);
  }

  /* The gateway itself says that this recipient is not to be sent to. */
  #suppress({ claim, end }: Ended<Claim>, work: Work): void {
    if (end.route !== 'permanent-failure') return;
    const reason = suppressionOf(end.status);
    const { policy, spool } = this.#parts;
    if (reason === null || !policy().receipts.suppressAutomatically) return;
    spool.suppressions.add(claim.recipient, reason, work.now);
  }

  /* A message of the run's account or sender was accepted: the refused ones fail, each with its own reason. */
  #endRun(run: JudgedRun, work: Work): void {
    const { setAside, due } = this.#parts.spool;
    const moves = setAside.waiting(run, run.id).flatMap(({ id, reason }) => {
      const row = due.message(id);
      if (row?.state !== 'queued') return [];
      const until = heldUntil(this.#parts, row, work);
      return { row, move: refuse({ id, state: row.state }, reason, until) };
    });
    moveAll(this.#parts, moves, work);
    setAside.forget(run, run.id);
  }

  /* Somebody else settled the message: what we had to say of it did not happen. */
  #drop(lost: readonly Ended[], work: Work): void {
    for (const { claim } of lost) {
      work.lost.push(claim);
      const index = work.entries.findIndex(
        ({ row }) => row.messageId === claim.id && row.attempt === claim.number,
      );
      if (index >= 0) work.entries.splice(index, 1);
    }
  }
}

/* Those that are queued and wait for their run, not one that an operator cancelled meanwhile. */
function setAsideAmong(
  ended: readonly Ended<Claim>[],
  lost: readonly Ended[],
): readonly SetAsideRow[] {
  return ended.flatMap((one) => {
    const { claim, settlement, setAside } = one;
    if (!setAside || settlement.to !== 'queued' || lost.includes(one)) return [];
    const { id, number: attempt, account } = claim;
    return [{ id, attempt, account, reason: settlement.reason, ...setAside }];
  });
}
