/**
 * Carries claimed messages to the gateway: one slot sends one after another, and takes the next from its own
 * completion. Knows what is out; what comes of it is decided by the outcomes.
 *
 * Always holds: what is handed out here is `sending` on disk; each observation is used once; what is in hand
 * when its lane is stopped goes back unsent.
 */
import type { Clock } from '../../clock.ts';
import type { Claim } from '../../core/message/claim.ts';
import type { Observation } from '../../core/answer/observation.ts';
import type { NewClaims } from '../schedule/claimer.ts';
import type { AccountQueue } from '../schedule/account-queue.ts';
import type { Outcomes } from './outcomes.ts';
import type { Participant } from '../work.ts';

/** Claims in hand beyond the free slots: as many as end within this number of steps, and at most the second number. */
const RESERVE_STEPS = 4;
const RESERVE_MAX = 128;

export interface CourierParts {
  readonly clock: Clock;
  readonly outcomes: Outcomes;
  /** There is something to write. */
  readonly kick: () => void;
}

export class Courier {
  /** Requests that came back. */
  ended = 0;
  readonly #parts: CourierParts;
  /** Requests that are out, by message id. */
  readonly #out = new Map<number, { readonly claim: Claim; readonly sentAtMs: number }>();

  constructor(parts: CourierParts) {
    this.#parts = parts;
  }

  /** Requests that are out. */
  get inFlight(): number {
    return this.#out.size;
  }

  /** Puts claims in hand and opens as many slots as there is use for. */
  handOut(claims: NewClaims): void {
    for (const [queue, claimed] of claims) {
      for (const claim of claimed) queue.circuit.began(claim);
      queue.hand.push(...claimed);
      const slots = Math.min(queue.hand.length, queue.slots.free);
      for (let opened = 0; opened < slots; opened += 1) {
        queue.slots.open((end) => this.#run(queue, end));
      }
    }
  }

  /** Gives back what is in hand and may not go any more; `sender` null = all of it. */
  takeBack(queue: AccountQueue, sender: string | null): void {
    if (queue.hand.length === 0) return;
    const back = queue.hand.filter((claim) => sender === null || claim.sender === sender);
    const kept = queue.hand.filter((claim) => sender !== null && claim.sender !== sender);
    queue.hand.splice(0, queue.hand.length, ...kept);
    for (const claim of back) this.#parts.outcomes.returned(queue, claim);
    this.#parts.kick();
  }

  /** Gives up waiting: nobody knows what becomes of what is out. */
  abandon(): void {
    for (const { claim, sentAtMs } of this.#out.values()) {
      this.#parts.outcomes.abandoned(claim, sentAtMs);
    }
    this.#out.clear();
    this.#parts.kick();
  }

  /* One slot: sends what is in hand, one after another, until nothing is. */
  #run(queue: AccountQueue, end: () => void): void {
    const claim = queue.slots.isCrowded ? undefined : queue.hand.shift();
    if (claim === undefined) {
      end();
      this.#parts.kick();
      return;
    }
    const sentAtMs = this.#parts.clock.monotonicMs();
    this.#out.set(claim.id, { claim, sentAtMs });
    const { gateway } = queue;
    const leftMs = (claim.deadline - this.#parts.clock.now()) * 1000;
    const ttlMs = gateway.capabilities.validity ? leftMs : null;
    gateway.send(claim, ttlMs, (observation) => {
      if (this.#out.delete(claim.id)) this.#observed(queue, claim, observation, sentAtMs);
      this.#parts.kick();
      this.#run(queue, end);
    });
  }

  #observed(queue: AccountQueue, claim: Claim, observation: Observation, sentAtMs: number): void {
    this.ended += 1;
    this.#parts.outcomes.observed(queue, claim, observation, sentAtMs);
    if (queue.hand.length === 0) return;
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

/** Says how many claims are kept in hand beyond the free slots, so that no slot runs dry while a step is written. */
export class Reserve implements Participant {
  /** Attempts that end per step, smoothed; and with those of the step that runs. */
  #perStep = 0;
  #perStepNow = 0;

  get size(): number {
    return Math.min(RESERVE_MAX, Math.floor(this.#perStepNow * RESERVE_STEPS));
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

  /** Whether a hand of `inHand` claims is about to run dry. */
  isLow(inHand: number): boolean {
    return inHand * 4 <= this.size;
  }
}
