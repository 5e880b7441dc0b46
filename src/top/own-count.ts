/**
 * The status as a program can make it that has only the spool, where no daemon answers: messages are counted
 * here, a slice at a time; the rest is what was written down.
 *
 * Always holds: counting anew is paced by what it costs, so that watching an unwatched spool stays cheap.
 */
import { Census } from '../core/census.ts';
import { FAILURES_MAX, isFailure } from '../core/figures.ts';
import { LaneNames, type NameDefaults } from '../core/lane-names.ts';
import { PULSE_S } from '../core/pulse.ts';
import { statusOf, type AccountFacts } from '../core/status-document.ts';
import type { Status } from '../core/status.ts';
import type { Stop } from '../core/stops.ts';
import { Glances, type EventGlance } from '../spool/glance.ts';
import { Headcounts } from '../spool/headcount.ts';
import type { Database } from '../spool/open.ts';

const SLICE = 5_000;
/** Counting may take this share of the time. */
const SHARE = 0.02;
const RECOUNT_LEAST_S = 10;
/** Events that are looked at for throughput and failures. */
const EVENTS = 5_000;
const PRESENT_S = 5;

export interface OwnCountOptions {
  readonly db: Database;
  readonly path: string;
  readonly names: NameDefaults;
  readonly version: string;
  /** What is stopped at this moment. */
  readonly stops: () => Promise<readonly Stop[]>;
}

export class OwnCount {
  readonly #options: OwnCountOptions;
  readonly #names: LaneNames;
  readonly #headcounts: Headcounts;
  readonly #glances: Glances;
  #census: Census | null = null;
  #countedAt = -Infinity;
  #tookS = 0;

  constructor(options: OwnCountOptions) {
    this.#options = options;
    this.#names = new LaneNames(options.names);
    this.#headcounts = new Headcounts(options.db);
    this.#glances = new Glances(options.db);
  }

  /** When everything was last counted (Unix seconds). */
  get countedAt(): number {
    return this.#countedAt;
  }

  /** The status of this moment; takes as long as counting does where that is due. */
  async status(now: number): Promise<Status> {
    const census = await this.#counted(now);
    const events = this.#glances.events(EVENTS);
    const ends = events.filter(({ from }) => from === 'sending');
    const { path, version, stops } = this.#options;
    return statusOf({
      at: now,
      version,
      pid: process.pid,
      spool: path,
      started_at: now,
      unready: 'no-daemon',
      stops: await stops(),
      is_counted: true,
      census,
      accounts: this.#accounts(ends, now),
      lane: () => ({ state: 'active', available: null, blocked_seconds: 0 }),
      answered: perSecond(ends, now),
      accepted: perSecond(
        ends.filter(({ to }) => to === 'await-receipt'),
        now,
      ),
      failures: failuresIn(events),
      isMasked: true,
    });
  }

  async #counted(now: number): Promise<Census> {
    const waitS = Math.max(RECOUNT_LEAST_S, this.#tookS / SHARE);
    const isDue = this.#census === null || now - this.#countedAt >= waitS;
    const census = isDue ? new Census(this.#names) : (this.#census ?? new Census(this.#names));
    const startedMs = performance.now();
    for (;;) {
      const found = this.#headcounts.after(census.upTo, SLICE);
      if (found === null) break;
      census.count(found.rows, found.upTo, now);
      await new Promise((resolve) => setImmediate(resolve));
    }
    this.#census = census;
    if (isDue) {
      this.#tookS = (performance.now() - startedMs) / 1000;
      this.#countedAt = now;
    }
    return census;
  }

  #accounts(ends: readonly EventGlance[], now: number): readonly AccountFacts[] {
    return this.#glances.accounts().map(({ configured_rate, learned_rate, ...rest }) => {
      const { account } = rest;
      const own = ends.filter((end) => end.account === account && end.at > now - PRESENT_S);
      return {
        ...rest,
        limit: configured_rate,
        available: learned_rate ?? configured_rate,
        used: own.length / PRESENT_S,
        in_flight: 0,
        concurrency: 0,
        blocked_seconds: 0,
      };
    });
  }
}

function perSecond(events: readonly EventGlance[], now: number): readonly number[] {
  const counts = new Array<number>(PULSE_S).fill(0);
  for (const { at } of events) {
    const index = PULSE_S - 1 - Math.floor(now - at);
    if (index >= 0 && index < PULSE_S) counts[index] = (counts[index] ?? 0) + 1;
  }
  return counts;
}

function failuresIn(events: readonly EventGlance[]): Status['failures'] {
  return events
    .flatMap(({ at, id, account, sender, recipient, to, reason, code }) =>
      to === null || !isFailure(to)
        ? []
        : [
            {
              ...{ at, id, account, sender, to, code },
              recipient: recipient ?? '',
              reason: reason ?? '',
            },
          ],
    )
    .slice(0, FAILURES_MAX);
}
