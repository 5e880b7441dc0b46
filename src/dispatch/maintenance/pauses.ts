/**
 * Carries out `pause` and `resume`: of an account, of one of its senders, or of everything.
 *
 * Everything is one row in the place of an account that there cannot be (core/account/stops). Always holds: ending the
 * pause of everything resumes no account or sender that is paused by its name.
 */
import type { CircuitChange } from '../../core/account/account-circuit.ts';
import { SPEND_LIMIT } from '../../core/account/safety.ts';
import { EVERYTHING } from '../../core/account/stops.ts';
import { everythingMoved, circuitMoved } from '../../log/event-lines.ts';
import type { OpenControlRow } from '../../spool/write/control.ts';
import { circuitRowOf } from '../../spool/write/circuit-rows.ts';
import type { Spool } from '../../spool/spool.ts';
import type { AccountQueue } from '../schedule/account-queue.ts';
import type { Work } from '../work.ts';

export interface PausesParts {
  readonly spool: Spool;
  readonly queues: ReadonlyMap<string, AccountQueue>;
  /** A circuit changed: claims may have to come back. */
  readonly onCircuit: (queue: AccountQueue) => void;
  readonly onDecided: () => void;
}

export class Pauses {
  readonly #parts: PausesParts;
  /** Circuits that a request has changed, until its answer is on disk: a roll-back does not change them back. */
  readonly #applied = new Map<number, CircuitChange>();
  #isAllPaused: boolean;

  constructor(parts: PausesParts) {
    this.#parts = parts;
    this.#isAllPaused = isAllPaused(parts.spool);
  }

  get isAllPaused(): boolean {
    return this.#isAllPaused;
  }

  /** Carries out `pause`, or else `resume`. Null = done; else why not, in a few words. */
  carryOut(row: OpenControlRow, isPause: boolean, work: Work): string | null {
    return row.account === EVERYTHING
      ? this.#everything(row.sender, isPause, work)
      : this.#one(row, isPause, work);
  }

  committed(ids: readonly number[]): void {
    for (const id of ids) this.#applied.delete(id);
  }

  rolledBack(): void {
    this.#isAllPaused = isAllPaused(this.#parts.spool);
  }

  #one({ id, account, sender }: OpenControlRow, isPause: boolean, work: Work): string | null {
    const queue = account === null ? undefined : this.#parts.queues.get(account);
    if (queue === undefined) return `no account "${account ?? ''}" is configured`;
    const isMoney = !isPause && sender === null;
    if (isMoney && queue.circuit.isSpent) return SPEND_LIMIT;
    const change = this.#applied.get(id) ?? queue.circuit.setPaused(sender, isPause, work.now);
    if (change === null) return isPause ? 'it is paused already' : 'it is active already';
    this.#applied.set(id, change);
    /* `resume` ends a run of refusals: what it refused goes again. */
    const isReleased =
      !isPause && this.#parts.spool.setAside.release({ account: queue.name, sender }) > 0;
    if (isReleased) this.#parts.onDecided();
    this.#parts.spool.circuits.write(circuitRowOf(queue.name, change, work.now));
    work.entries.push(...circuitMoved(queue.name, change, work.now));
    this.#parts.onCircuit(queue);
    /* The pause is over, and what the day allows is spent. */
    return isMoney && queue.circuit.isSpent ? SPEND_LIMIT : null;
  }

  #everything(sender: string | null, isPaused: boolean, work: Work): string | null {
    if (sender !== null) return 'a sender is of one account: name that account';
    if (isPaused === this.#isAllPaused) {
      return isPaused ? 'everything is paused already' : 'everything is not paused';
    }
    const { circuits } = this.#parts.spool;
    const everything = { account: EVERYTHING, sender: null, nextProbeAt: null } as const;
    if (isPaused)
      circuits.write({ ...everything, state: 'paused', reason: 'operator', since: work.now });
    else circuits.forget(EVERYTHING);
    this.#isAllPaused = isPaused;
    work.entries.push(everythingMoved(isPaused ? 'paused' : 'resumed', work.now));
    for (const queue of this.#parts.queues.values()) this.#parts.onCircuit(queue);
    return null;
  }
}

function isAllPaused(spool: Spool): boolean {
  return spool.circuits.all().some(({ account }) => account === EVERYTHING);
}
