/**
 * Moves what waits when the wall clock was set: rows that wait for time to pass, what limits per recipient count,
 * and the next looks at accounts and senders. The clocks of the last run are kept, so that a step between two runs of
 * one boot is known.
 */
import type { ClockReading } from '../../core/time/clock-step.ts';
import { SPEND_LIMIT } from '../../core/account/safety.ts';
import { jsonIn, KeyValues } from '../sql/kv.ts';
import { Statements } from '../sql/statements.ts';

/** What the clocks showed, and in which boot of the machine. */
export interface KnownClocks extends ClockReading {
  readonly boot: string;
}

const NAME = 'clocks';

/** The wait for a last receipt takes hours: a smaller step (seconds) is not worth rewriting its rows. */
const RECEIPTS_STEP_MIN_S = 60;

/* The wait for an answer or a receipt counts from updated_at. */
const UNANSWERED = `UPDATE messages SET due_at = due_at + @by, updated_at = updated_at + @by, revision = revision + 1
  WHERE due_at IS NOT NULL AND due_at < 1e10
  AND (state = 'uncertain' OR (state = 'await-receipt' AND abs(@by) >= ${RECEIPTS_STEP_MIN_S}))`;
/* due_at is next_attempt_at or the deadline, whichever is earlier; the deadline stays, and so do quiet hours. */
const BACKING_OFF = `UPDATE messages SET next_attempt_at = next_attempt_at + @by,
  due_at = CASE WHEN due_at < next_attempt_at THEN due_at ELSE due_at + @by END, revision = revision + 1
  WHERE due_at IS NOT NULL AND due_at < 1e10 AND next_attempt_at IS NOT NULL
  AND ((state = 'retry' AND reason <> 'quiet-hours')
    OR (state = 'queued' AND reason = 'recipient-limit'))`;
/* The end of a spend-limit is midnight. */
const CIRCUITS = ['accounts', 'senders'].map(
  (table) => `UPDATE ${table} SET blocked_until = blocked_until + @by,
    since = CASE WHEN state = 'suspended' THEN since + @by ELSE since END,
    next_probe_at = CASE WHEN reason = '${SPEND_LIMIT}' THEN next_probe_at ELSE next_probe_at + @by END`,
);

type By = [{ readonly by: number }];

export class ClockSteps extends Statements {
  readonly #rows = [UNANSWERED, BACKING_OFF].map((sql) => this.run<By>(sql));
  readonly #circuits = CIRCUITS.map((sql) => this.run<By>(sql));
  readonly #values = new KeyValues(this.db);

  /** Moves what waits by `by` seconds (below 0: sooner). Returns how many messages it moved. */
  shift(by: number): number {
    for (const shift of this.#circuits) shift({ by });
    this.#shiftRecent(by);
    return this.#rows.reduce((sum, shift) => sum + shift({ by }), 0);
  }

  /** As they were saved last; null = never, or it cannot be read. */
  known(): KnownClocks | null {
    return clocksIn(jsonIn(this.#values.get(NAME)) ?? {});
  }

  save(clocks: KnownClocks): void {
    this.#values.set(NAME, JSON.stringify(clocks));
  }

  /* The table is made when it is first needed. */
  #shiftRecent(by: number): void {
    const sql = `SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'recent'`;
    if (this.db.prepare(sql).get() === undefined) return;
    this.db.prepare('UPDATE recent SET at = at + ?').run(by);
  }
}

function clocksIn(kept: Readonly<Record<string, unknown>>): KnownClocks | null {
  const { boot, now, monotonicMs, sleptMs } = kept;
  if (typeof boot !== 'string' || typeof now !== 'number') return null;
  if (typeof monotonicMs !== 'number' || typeof sleptMs !== 'number') return null;
  return { boot, now, monotonicMs, sleptMs };
}
