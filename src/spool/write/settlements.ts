/**
 * Ends attempts: the outcome of each goes to messages, attempts and parts, many in one statement.
 *
 * Always holds: a row changes only if it is still `sending` under the very attempt that ended. If fewer rows
 * change than were given, the ones that somebody else settled are found and reported.
 */
import type { Claim } from '../../core/message/claim.ts';
import type { SetAside } from '../../core/account/refusal-run.ts';
import { sumOf } from '../../core/message/price.ts';
import type { AnswerPart } from '../../core/answer/observation.ts';
import type { Settlement } from '../../core/answer/settle.ts';
import type { Scope } from '../../core/answer/verdict.ts';
import { Bulk, type SqlValue } from '../sql/bulk.ts';
import { Statements } from '../sql/statements.ts';

/** How an attempt ended; what follows for the message is the settlement. */
export interface AttemptEnd {
  /** Unix seconds. */
  readonly endedAt: number;
  readonly httpStatus: number | null;
  readonly status: number | null;
  readonly errorText: string | null;
  readonly traceId: string | null;
  /** The verdict's route, or `not-sent`: claimed, and never left. */
  readonly route: string;
  readonly scope: Scope;
}

export interface Ended<C = Pick<Claim, 'id' | 'number' | 'price'>> {
  readonly claim: C;
  readonly settlement: Settlement;
  readonly end: AttemptEnd;
  readonly parts: readonly AnswerPart[];
  /** The run of refusals that the message waits for; left out = none. */
  readonly setAside?: SetAside | null;
}

/* Both updates name the attempt: nobody else's outcome is overwritten. */
const GUARD = `messages.id = v.column1 AND messages.state = 'sending' AND messages.last_attempt = v.column2`;

export class Settlements extends Statements {
  readonly #messages = new Bulk(
    this.db,
    `UPDATE messages SET state = v.column3, reason = v.column4, status = v.column5,
      attempts = v.column6, throttles = v.column7, next_attempt_at = v.column8, due_at = v.column9,
      updated_at = v.column10, parts = v.column11, price = v.column12, follows = v.column13, revision = revision + 1
      FROM (VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)) v WHERE ${GUARD}`,
  );
  readonly #attempts = new Bulk(
    this.db,
    `UPDATE attempts SET ended_at = v.column3, http_status = v.column4,
      status = v.column5, error_text = v.column6, trace_id = v.column7, route = v.column8,
      scope = v.column9 FROM (VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)) v
      WHERE attempts.message_id = v.column1 AND attempts.number = v.column2`,
  );
  readonly #parts = new Bulk(
    this.db,
    `INSERT INTO parts (message_id, attempt, number, gateway_id, status, price, network)
      VALUES (?, ?, ?, ?, ?, ?, ?)
      ON CONFLICT (message_id, attempt, number) DO UPDATE SET gateway_id = excluded.gateway_id,
      status = excluded.status, price = coalesce(excluded.price, price),
      network = coalesce(excluded.network, network)`,
  );
  readonly #read = this.selectFirst<[id: number], { state: string; updated_at: number }>(
    'SELECT state, updated_at FROM messages WHERE id = ?',
  );

  /** Writes the outcomes; returns the ones whose message was no longer ours to settle. */
  write(batch: readonly Ended[]): readonly Ended[] {
    const lost = this.#writeMessages(batch);
    const attempts: SqlValue[] = [];
    const parts: SqlValue[] = [];
    for (const ended of batch) {
      pushAttemptValues(attempts, ended);
      pushPartValues(parts, ended);
    }
    this.#attempts.run(attempts);
    if (parts.length > 0) this.#parts.run(parts);
    return lost;
  }

  #writeMessages(batch: readonly Ended[]): readonly Ended[] {
    const values: SqlValue[] = [];
    for (const ended of batch) pushMessageValues(values, ended);
    const { changes } = this.#messages.run(values);
    if (changes === batch.length) return [];
    /* The guard kept what was not ours; find out which. */
    return batch.filter((ended) => !this.#isWritten(ended));
  }

  #isWritten({ claim, settlement, end }: Ended): boolean {
    const row = this.#read(claim.id);
    return row?.state === settlement.to && row.updated_at === end.endedAt;
  }
}

function pushMessageValues(values: SqlValue[], { claim, settlement, end, parts }: Ended): void {
  const price = sumOf([claim.price, ...acceptedPrices(parts)]);
  values.push(
    claim.id,
    claim.number,
    settlement.to,
    settlement.reason,
    end.status,
    settlement.attempts,
    settlement.throttles,
    settlement.nextAttemptAt,
    settlement.dueAt,
    end.endedAt,
    settlement.to === 'await-receipt' ? parts.length : null,
    price,
    settlement.follows,
  );
}

function pushAttemptValues(values: SqlValue[], { claim, end }: Ended): void {
  values.push(claim.id, claim.number, end.endedAt, end.httpStatus, end.status);
  values.push(end.errorText, end.traceId, end.route, end.scope);
}

function pushPartValues(values: SqlValue[], { claim, parts }: Ended): void {
  let number = 0;
  for (const part of parts) {
    number += 1;
    values.push(claim.id, claim.number, number, part.gatewayId, part.status);
    values.push(part.price, part.network);
  }
}

function acceptedPrices(parts: readonly AnswerPart[]): readonly (number | null)[] {
  return parts.map(({ status, price }) => (status === 0 ? price : null));
}
