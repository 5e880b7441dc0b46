/**
 * Sends claimed messages: a slot sends one after another, each from the completion of the one before. Knows which
 * requests are open; the outcomes decide what follows from their answers.
 *
 * Always holds: what is sent is `sending` on disk; each observation is used once; what is prefetched when its lane is
 * stopped goes back unsent.
 */
import type { Clock } from '../../clock.ts';
import type { Claim } from '../../core/message/claim.ts';
import type { Observation } from '../../core/answer/observation.ts';
import type { NewClaims } from '../schedule/claimer.ts';
import type { AccountQueue } from '../schedule/account-queue.ts';
import type { Outcomes } from './outcomes.ts';
import type { Participant } from '../work.ts';

/** Claims prefetched beyond the free slots: as many as end within this number of steps, up to the maximum. */
const PREFETCH_STEPS = 4;
const PREFETCH_MAX = 128;

export interface RequestSenderParts {
  readonly clock: Clock;
  readonly outcomes: Outcomes;
  /** There is something to write. */
  readonly kick: () => void;
}

export class RequestSender {
  /** Requests that came back. */
  ended = 0;
  readonly #parts: RequestSenderParts;
  /** Open requests, by message id. */
  readonly #open = new Map<number, { readonly claim: Claim; readonly sentAtMs: number }>();

  constructor(parts: RequestSenderParts) {
    this.#parts = parts;
  }

  /** Open requests. */
  get inFlight(): number {
    return this.#open.size;
  }

  /** Opens as many slots for new claims as there is use for; the rest is prefetched. */
  send(claims: NewClaims): void {
    for (const [queue, claimed] of claims) {
      for (const claim of claimed) queue.circuit.began(claim);
      queue.prefetched.push(...claimed);
      const slots = Math.min(queue.prefetched.length, queue.slots.free);
      for (let opened = 0; opened < slots; opened += 1) {
        queue.slots.open((end) => this.#run(queue, end));
      }
    }
  }

  /** Gives back what is prefetched of this sender; null = all of it. */
  takeBack(queue: AccountQueue, sender: string | null): void {
    if (queue.prefetched.length === 0) return;
    const all = queue.prefetched.splice(0);
    const isOf = (claim: Claim): boolean => sender === null || claim.sender === sender;
    queue.prefetched.push(...all.filter((claim) => !isOf(claim)));
    for (const claim of all.filter(isOf)) this.#parts.outcomes.returned(queue, claim);
    this.#parts.kick();
  }

  /** Gives up waiting: nobody knows whether the open requests arrived. */
  abandon(): void {
    for (const { claim, sentAtMs } of this.#open.values()) {
      this.#parts.outcomes.abandoned(claim, sentAtMs);
    }
    this.#open.clear();
    this.#parts.kick();
  }

  /* One slot: sends one after another until nothing is prefetched. */
  #run(queue: AccountQueue, end: () => void): void {
    const claim = queue.slots.isCrowded ? undefined : queue.prefetched.shift();
    if (claim === undefined) {
      end();
      this.#parts.kick();
      return;
    }
    const sentAtMs = this.#parts.clock.monotonicMs();
    this.#open.set(claim.id, { claim, sentAtMs });
    const { gateway } = queue;
    const leftMs = (claim.deadline - this.#parts.clock.now()) * 1000;
    const ttlMs = gateway.capabilities.validity ? leftMs : null;
    gateway.send(claim, ttlMs, (observation) => {
      /* Also an answer that nobody waits for any more has cost something. */
      if (observation.kind === 'answered') {
        queue.circuit.budget?.told(observation.parts, this.#parts.clock.now());
      }
      if (this.#open.delete(claim.id)) this.#observed(queue, claim, observation, sentAtMs);
      this.#parts.kick();
      this.#run(queue, end);
    });
  }

  #observed(queue: AccountQueue, claim: Claim, observation: Observation, sentAtMs: number): void {
    this.ended += 1;
    this.#parts.outcomes.observed(queue, claim, observation, sentAtMs);
    if (queue.prefetched.length === 0) return;
    const { sender } = claim;
    const { limits, circuit } = queue;
    if (circuit.stateOf().kind !== 'active' || limits.account.isBlockedAt(sentAtMs)) {
      this.takeBack(queue, null);
    } else if (
      queue.lane(sender).limits.sender.isBlockedAt(sentAtMs) ||
      circuit.mayPass(sender) === 'none'
    ) {
      this.takeBack(queue, sender);
    }
  }
}

/** Estimates how many claims to prefetch beyond the free slots, so that no slot runs dry while a step is written. */
export class PrefetchTarget implements Participant {
  /** Attempts that end per step, smoothed; and with those of the step that runs. */
  #perStep = 0;
  #perStepNow = 0;

  get size(): number {
    return Math.min(PREFETCH_MAX, Math.floor(this.#perStepNow * PREFETCH_STEPS));
  }

  /** A step begins; `ended` attempts ended since the last one. */
  begin(ended: number): void {
    this.#perStepNow = this.#perStep + (ended - this.#perStep) / 4;
  }

  committed(): void {
    this.#perStep = this.#perStepNow;
  }

  rolledBack(): void {
    this.#perStepNow = this.#perStep;
  }

  /** Whether this number of claims is about to run dry. */
  isLow(prefetched: number): boolean {
    return prefetched * 4 <= this.size;
  }
}
