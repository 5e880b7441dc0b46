/** The one line that `systemctl status` shows: what waits, what is out, how fast it goes, and what is stopped. */

/** An account that sends nothing at the moment. */
export interface Stopped {
  readonly account: string;
  readonly state: string;
  /** Null = none was given. */
  readonly reason: string | null;
}

/** How a running daemon is. */
export interface Vitals {
  /** Messages that may go now; counted up to QUEUED_MAX. */
  readonly queued: number;
  /** Requests that are out. */
  readonly inFlight: number;
  /** Requests that came back so far. */
  readonly ended: number;
  readonly stopped: readonly Stopped[];
}

/** More are not counted: the count must cost nothing however long the backlog is. */
export const QUEUED_MAX = 10_000;
/** More names are not read in a line. */
const NAMED_MAX = 3;

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
  const named = stopped.slice(0, NAMED_MAX).map(nameOf);
  const unnamed = stopped.length - named.length;
  return [counts, ...named, ...(unnamed > 0 ? [`${unnamed} more stopped`] : [])].join('; ');
}

function nameOf({ account, state, reason }: Stopped): string {
  return `${account} ${state}${reason === null ? '' : ` (${reason})`}`;
}
