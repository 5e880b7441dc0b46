/**
 * Makes the status document from the spool alone, where no daemon answers. Counts messages a slice at a time; the longer
 * a count takes, the later the next one starts.
 */
import { MessageCounts } from '../../core/stats/message-counts.ts';
import { FAILURES_MAX, SECONDS_KEPT, isFailure } from '../../core/stats/counters.ts';
import { LaneNames, type NameDefaults } from '../../core/message/lane-names.ts';
import { statusOf, type KnownAccount, type Status } from '../../core/stats/status.ts';
import type { Stop } from '../../core/account/stops.ts';
import { MessageGroups } from '../../spool/write/message-groups.ts';
import type { Database } from '../../spool/file/open.ts';
import { laneRows } from '../../spool/read/lane-rows.ts';
import { latestMoves, type MoveRow } from '../../spool/read/statistics.ts';

const SLICE = 5_000;
/** Counting may take this share of the time. */
const SHARE = 0.02;
const RECOUNT_LEAST_S = 10;
/** Moves that are looked at for throughput and failures. */
const MOVES = 5_000;
const PRESENT_S = 5;

export interface SpoolStatusOptions {
  readonly db: Database;
  readonly path: string;
  readonly names: NameDefaults;
  readonly version: string;
  readonly stops: () => Promise<readonly Stop[]>;
}

export class SpoolStatus {
  readonly #options: SpoolStatusOptions;
  readonly #names: LaneNames;
  readonly #messageGroups: MessageGroups;
  #counts: MessageCounts | null = null;
  #countedAt = -Infinity;
  #tookS = 0;

  constructor(options: SpoolStatusOptions) {
    this.#options = options;
    this.#names = new LaneNames(options.names);
    this.#messageGroups = new MessageGroups(options.db);
  }

  /** When everything was last counted (Unix seconds). */
  get countedAt(): number {
    return this.#countedAt;
  }

  /** Counts first where a count is due. */
  async status(now: number): Promise<Status> {
    const counts = await this.#counted(now);
    const { db, path, version, stops } = this.#options;
    const moves = latestMoves(db, MOVES);
    const ends = moves.filter(({ from }) => from === 'sending');
    const accepted = ends.filter(({ to }) => to === 'await-receipt');
    return statusOf({
      at: now,
      version,
      pid: process.pid,
      spool: path,
      started_at: now,
      unready: 'no-daemon',
      stops: await stops(),
      is_counted: true,
      counts,
      accounts: this.#accounts(ends, now),
      lane: () => ({ state: 'active', available: null, blocked_seconds: 0 }),
      answered: perSecond(ends, now),
      accepted: perSecond(accepted, now),
      failures: failuresIn(moves),
      isMasked: true,
    });
  }

  async #counted(now: number): Promise<MessageCounts> {
    const waitS = Math.max(RECOUNT_LEAST_S, this.#tookS / SHARE);
    const isDue = this.#counts === null || now - this.#countedAt >= waitS;
    const counts = (isDue ? null : this.#counts) ?? new MessageCounts(this.#names);
    const startedMs = performance.now();
    for (;;) {
      const found = this.#messageGroups.after(counts.upTo, SLICE);
      if (found === null) break;
      counts.count(found.rows, found.upTo, now);
      await new Promise((resolve) => setImmediate(resolve));
    }
    this.#counts = counts;
    if (isDue) {
      this.#tookS = (performance.now() - startedMs) / 1000;
      this.#countedAt = now;
    }
    return counts;
  }

  #accounts(ends: readonly MoveRow[], now: number): readonly KnownAccount[] {
    const rows = laneRows(this.#options.db).filter(({ sender }) => sender === null);
    return rows.map(({ account, state, reason, next_probe_at, ...rates }) => {
      const own = ends.filter((end) => end.account === account && end.at > now - PRESENT_S);
      return {
        ...{ account, state, reason, next_probe_at },
        limit: rates.configured_rate,
        available: rates.learned_rate ?? rates.configured_rate,
        used: own.length / PRESENT_S,
        in_flight: 0,
        concurrency: 0,
        blocked_seconds: 0,
      };
    });
  }
}

function perSecond(moves: readonly MoveRow[], now: number): readonly number[] {
  const counts = new Array<number>(SECONDS_KEPT).fill(0);
  for (const { at } of moves) {
    const index = SECONDS_KEPT - 1 - Math.floor(now - at);
    if (index >= 0 && index < SECONDS_KEPT) counts[index] = (counts[index] ?? 0) + 1;
  }
  return counts;
}

function failuresIn(moves: readonly MoveRow[]): Status['failures'] {
  return moves
    .flatMap(({ at, id, account, sender, recipient, to, reason, code }) => {
      if (to === null || !isFailure(to)) return [];
      const words = { recipient: recipient ?? '', reason: reason ?? '' };
      return [{ at, id, account, sender, to, code, ...words }];
    })
    .slice(0, FAILURES_MAX);
}
