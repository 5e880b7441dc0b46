/**
 * Declares the interface of an SMS API for the dispatcher: it sends one request and reports an Observation. Failures of
 * the peer are Observations, never thrown.
 */
import type { Claim } from '../core/message/claim.ts';
import type { Observation } from '../core/answer/observation.ts';

/** What an SMS API can do. */
export interface Capabilities {
  /** An answer has one result for each part. Else it has one for the message, and the estimated parts are counted. */
  readonly partsInAnswer: boolean;
  /** A request says how long the gateway may try to deliver. */
  readonly validity: boolean;
  /** Messages of type `binary` can be sent. Else such a row is refused before it is claimed. */
  readonly binary: boolean;
}

export interface Gateway {
  /** Constant for each gateway. */
  readonly capabilities: Capabilities;
  /**
   * Sends one message. `done` is called exactly once, never before `send` returns. `ttlMs` is how long the
   * gateway may try to deliver; null = its own default.
   */
  send(claim: Claim, ttlMs: number | null, done: (observation: Observation) => void): void;
  /** Breaks off open requests; each is then observed as unanswered. */
  close(): Promise<void>;
}
