/**
 * Describes the outcome of one request as it was seen, before it is classified.
 *
 * Failures of the peer are values here, never thrown. A request that never left is surely unsent; one that left and was
 * not answered is uncertain.
 */

import type { Cause } from '../codes/reasons.ts';

/** One result of an answer: of one part of the message, or of all of it where the gateway does not answer by part. */
export interface AnswerPart {
  /** Numeric status; null when the result had none that could be read. */
  readonly status: number | null;
  readonly gatewayId: string | null;
  /** Decimal as it came (EUR, estimated); null when absent or unreadable. */
  readonly price: number | null;
  readonly network: string | null;
  readonly errorText: string | null;
  /** What is left on the account (EUR, estimated); null when absent. */
  readonly balance: number | null;
}

export type Observation =
  /** The gateway judged the message: at least one result came back, for any HTTP status. */
  | {
      readonly kind: 'answered';
      readonly httpStatus: number;
      readonly parts: readonly AnswerPart[];
      readonly retryAfterMs: number | null;
      readonly traceId: string | null;
    }
  /** A whole HTTP answer without a readable result; `errorText` is a label it carried, if any. */
  | {
      readonly kind: 'http';
      readonly httpStatus: number;
      readonly errorText: string | null;
      readonly retryAfterMs: number | null;
      readonly traceId: string | null;
    }
  /** The request left and no whole answer came: time-out, reset, cut or oversized body. */
  | {
      readonly kind: 'unanswered';
      readonly cause: Cause;
      readonly httpStatus: number | null;
      readonly traceId: string | null;
    }
  /** Nothing left: DNS, connect, TLS. */
  | { readonly kind: 'never-left'; readonly cause: Cause };
