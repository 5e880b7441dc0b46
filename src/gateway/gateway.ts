/**
 * What the dispatcher needs of an SMS API: send one request and say what happened to it. Failures of the
 * peer are Observations, never thrown.
 */
import type { Claim } from '../core/claim.ts';
import type { Observation } from '../core/observation.ts';

export interface Gateway {
  /**
   * Sends one message. `done` is called exactly once, never before `send` returns. `ttlMs` is how long the
   * gateway may go on trying to deliver.
   */
  send(claim: Claim, ttlMs: number, done: (observation: Observation) => void): void;
  /** Breaks off what is open; each is then observed as unanswered. */
  close(): Promise<void>;
}
