/** The one line that `systemctl status` shows: what waits, what is out, how fast it goes, and what is stopped. */

/** How a running daemon is. */
export interface Vitals {
  /** Messages that may go now; counted up to QUEUED_MAX. */
  readonly queued: number;
  /** Requests that are out. */
  readonly inFlight: number;
  /** Requests that came back so far. */
  readonly ended: number;
  /** What is stopped, in a few words each. */
  readonly stopped: readonly string[];
}

/** More are not counted: the count must cost nothing however long the backlog is. */
export const QUEUED_MAX = 10_000;

export interface Watched {
  readonly vitals: () => Vitals;
  /** Monotonic. */
  readonly nowMs: () => number;
}

/** A line each time it is called; its rate is that since the last one. */
export function statusLines({ vitals, nowMs }: Watched): () => string {
  let before = vitals().ended;
  let beforeMs = nowMs();
  return () => {
    const [now, atMs] = [vitals(), nowMs()];
    const rate = atMs > beforeMs ? ((now.ended - before) / (atMs - beforeMs)) * 1_000 : 0;
    before = now.ended;
    beforeMs = atMs;
    return lineOf(now, rate);
  };
}

function lineOf({ queued, inFlight, stopped }: Vitals, rate: number): string {
  const waiting = queued >= QUEUED_MAX ? `${QUEUED_MAX} or more` : String(queued);
  const counts = `${waiting} queued, ${inFlight} in flight, ${rate.toFixed(1)}/s`;
  return [counts, ...stopped].join('; ');
}
