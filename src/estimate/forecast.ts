/**
 * Estimates when each backlog of an account will be gone. It plays the queue through with the daemon's own scheduler
 * and usage windows, on a clock of its own.
 *
 * It knows nothing of rows that are added later, of throttling to come, or of other users of the account. The first
 * rows go one by one, later ones in growing batches. After `WORK_MAX` batches the rest is extrapolated.
 */
import {
  LENGTH_S,
  PIECES,
  fits,
  type UsageWindow,
  type Instant,
} from '../core/window/usage-window.ts';
import type { Per } from '../core/window/rate-limits.ts';
import { rankOf, type DeadlineKey } from '../core/message/sort-key.ts';
import { Scheduler, type Waiting } from '../dispatch/schedule/scheduler.ts';
import { LazyHeap } from '../dispatch/schedule/lazy-heap.ts';

/** Rows of one lane, campaign, priority and kind. */
export interface Backlog {
  readonly lane: string;
  readonly campaign: string | null;
  readonly priority: number;
  /** 1 = they were tried before, and that counted. */
  readonly isRetry: 0 | 1;
  readonly count: number;
  /** Parts that one of them becomes, on average. */
  readonly parts: number;
}

/** What an account, a group of senders or a lane allows. */
export interface Allowance {
  /** Permits per second; 0 = nothing goes until somebody says so; Infinity = no limit by the second. */
  readonly rate: number;
  /** Seconds until it opens; 0 = it is open. */
  readonly opensInS: number;
  readonly per: Per;
  /** Longer windows, as they are now. One forecast uses them up. */
  readonly windows: readonly UsageWindow[];
}

export interface GroupAllowance extends Allowance {
  readonly senders: readonly string[];
}

export interface AccountAllowance extends Allowance {
  /** The share for lower priorities than the highest that waits, 0 to 0.5. */
  readonly reserve: number;
  /** Lanes with a limit or a wait of their own. */
  readonly lanes: ReadonlyMap<string, Allowance>;
  /** A lane is in one of them at most. */
  readonly groups: readonly GroupAllowance[];
}

/** The waits of a backlog for a window. */
export interface WindowWait {
  readonly window: UsageWindow;
  readonly seconds: number;
  /** The end of the last wait (seconds from now); null = permits came back bit by bit. */
  readonly untilS: number | null;
}

export interface Forecast {
  /** By backlog: seconds until its last row goes; Infinity = nobody can say. */
  readonly goneInS: readonly number[];
  /** By backlog: rows that have gone when the forecast ends. */
  readonly gone: readonly number[];
  /** The window for which the backlog that was asked about waited longest; null = none. */
  readonly held: WindowWait | null;
}

/** Rows go one by one until this many have gone, of each backlog and of all. A later batch is what has gone divided by
 *  this number. */
const ROWS_OF_EACH = 1_000;
const ROWS_OF_ALL = 10_000;
/** Batches that a limit makes up for after others were served first. */
const CATCH_UP = 2;
/** Batches that are tried; the rest is extrapolated. */
const WORK_MAX = 300_000;
/** The pace of a backlog is known after this many rows. */
const BELIEVED_ROWS = 200;
const ROUNDING_S = 1e-6;
/** Backlogs that a limit puts back at once when it opens, the highest priorities first. */
const BACK_AT_ONCE = 16;
/** In pieces of a window. After a shorter wait its permits come back bit by bit. */
const BIT = 2;

/** Permits that a message of `parts` parts takes. */
export function costOf({ per }: Pick<Allowance, 'per'>, parts: number): number {
  return per === 'part' ? parts : 1;
}

/** `now` in Unix seconds. It ends when all are gone, or the backlog of the index `asked` is. */
export function forecast(
  backlogs: readonly Backlog[],
  account: AccountAllowance,
  { now, asked = null }: { readonly now: number; readonly asked?: number | null },
): Forecast {
  return new Play(backlogs, account, { now, asked }).run();
}

interface RowBatch {
  readonly rows: number;
  readonly parts: number;
}

/** Plays one allowance: permits come evenly, and its windows count what goes. */
class PlayedLimit {
  /** Backlogs that wait until it opens. */
  readonly #parked = new LazyHeap<Player, number>(
    ({ rank }) => rank,
    (a, b) => a - b,
  );
  /** When they may go (seconds from now); null = none waits. */
  opensS: number | null = null;
  readonly #allowance: Allowance;
  /** When the next permit comes (seconds from now). */
  #freeS: number;

  constructor(allowance: Allowance) {
    this.#allowance = allowance;
    this.#freeS = allowance.rate > 0 ? allowance.opensInS : Infinity;
  }

  /** Keeps a backlog until it opens. */
  park(player: Player, opensS: number): void {
    player.isStopped = opensS === Infinity;
    this.#parked.put(player);
    this.opensS = opensS;
  }

  /** It is open: gives some of those that it kept. */
  *unpark(): Generator<Player> {
    for (let count = 0; count < BACK_AT_ONCE; count += 1) {
      const player = this.#parked.take();
      if (player === null) break;
      yield player;
    }
    if (this.#parked.peek() === null) this.opensS = null;
  }

  /** When it lets a batch through (seconds from now), and the window that is waited for; null = none is. A full window
   *  opens when it has room for the whole batch: so its permits are not counted one by one. */
  opening(
    { rows, parts }: RowBatch,
    at: Instant,
  ): { readonly opensS: number; readonly window: UsageWindow | null } {
    const cost = costOf(this.#allowance, parts);
    let opensS = this.#freeS <= at.nowMs / 1000 + ROUNDING_S ? 0 : this.#freeS;
    let latest: UsageWindow | null = null;
    for (const window of this.#allowance.windows) {
      if (fits(window, cost, at)) continue;
      const freesS = (window.freesAt(cost * rows, at) ?? Infinity) / 1000;
      if (freesS <= opensS) continue;
      opensS = freesS;
      latest = window;
    }
    return { opensS, window: latest };
  }

  /** The rows of the batch that its windows have room for; at least 1. */
  fitting({ rows, parts }: RowBatch, at: Instant): number {
    const rooms = this.#allowance.windows.map((one) => one.window.count - one.used(at));
    const fitting = Math.floor(Math.min(...rooms) / costOf(this.#allowance, parts));
    return Math.max(1, Math.min(rows, fitting));
  }

  /** Lets a batch through; returns how long that takes (seconds). */
  take({ rows, parts }: RowBatch, at: Instant): number {
    const cost = costOf(this.#allowance, parts) * rows;
    for (const window of this.#allowance.windows) {
      window.close({ cost, key: window.open(cost, at) }, cost, at);
    }
    const seconds = cost / this.#allowance.rate;
    this.#freeS = Math.max(this.#freeS, at.nowMs / 1000 - CATCH_UP * seconds) + seconds;
    return seconds;
  }
}

/** A backlog as it is played. */
class Player implements Waiting {
  readonly backlog: Backlog;
  readonly rank: number;
  readonly #index: number;
  /** Its lane's and its group's. */
  readonly limits: readonly PlayedLimit[];
  place: DeadlineKey | null = null;
  gone = 0;
  goneInS = 0;
  /** A limit of it never opens. */
  isStopped = false;

  constructor(backlog: Backlog, index: number, limits: readonly PlayedLimit[]) {
    this.#index = index;
    this.backlog = backlog;
    this.limits = limits;
    const { priority, isRetry } = backlog;
    this.rank = rankOf({ priority, isRetry: isRetry === 1, expiresAt: null });
    this.go(0, 1);
  }

  get campaign(): string | null {
    return this.backlog.campaign;
  }

  get left(): number {
    return this.backlog.count - this.gone;
  }

  /* Backlogs of one campaign hold rows of all ages, the first one the youngest. */
  go(rows: number, next: number): void {
    this.gone += rows;
    const age = (this.gone + (next + 1) / 2) / this.backlog.count;
    this.place = this.left > 0 ? { deadline: age, id: -this.#index } : null;
  }
}

/** One run from now until everything is gone, or one backlog is. */
class Play {
  readonly #players: readonly Player[];
  readonly #asked: Player | null;
  readonly #account: PlayedLimit;
  readonly #scheduler: Scheduler<Player>;
  /** Limits that keep backlogs, by when they open. */
  readonly #closed = new LazyHeap<PlayedLimit, number>(
    ({ opensS }) => opensS,
    (a, b) => a - b,
  );
  readonly #held = new Map<UsageWindow, WindowWait>();
  readonly #now: number;
  #atS = 0;
  #gone = 0;
  #work = 0;

  constructor(
    backlogs: readonly Backlog[],
    account: AccountAllowance,
    { now, asked }: { readonly now: number; readonly asked: number | null },
  ) {
    const lanes = new Map([...account.lanes].map(([lane, own]) => [lane, new PlayedLimit(own)]));
    const groups = new Map(
      account.groups.flatMap((group) => {
        const limit = new PlayedLimit(group);
        return group.senders.map((lane) => [lane, limit] as const);
      }),
    );
    this.#players = backlogs.map((backlog, index) => {
      const { lane } = backlog;
      return new Player(backlog, index, [lanes.get(lane) ?? [], groups.get(lane) ?? []].flat());
    });
    this.#asked = asked === null ? null : (this.#players[asked] ?? null);
    this.#account = new PlayedLimit(account);
    this.#scheduler = new Scheduler(() => account.reserve);
    for (const player of this.#players) this.#scheduler.put(player);
    this.#now = now;
  }

  run(): Forecast {
    while (this.#asked === null || this.#asked.left > 0) {
      const next = this.#scheduler.next((player) => this.#mayGo(player));
      /* Null = the account has permits now. */
      const opensS =
        next === null
          ? this.#closed.peek()?.opensS
          : this.#opensIn(this.#account, this.#batchOf(next), this.#asked);
      if (opensS === undefined || opensS === Infinity || this.#work > WORK_MAX) break;
      if (next !== null && opensS === null) this.#go(next);
      else this.#wait(opensS ?? 0);
    }
    for (const player of this.#players) if (player.left > 0) this.#extrapolate(player);
    const [held = null] = [...this.#held.values()].sort(
      (a, b) => b.seconds - a.seconds || (b.untilS ?? 0) - (a.untilS ?? 0),
    );
    return {
      goneInS: this.#players.map(({ goneInS }) => goneInS),
      gone: this.#players.map(({ gone }) => gone),
      held,
    };
  }

  get #at(): Instant {
    return { now: this.#now + this.#atS, nowMs: this.#atS * 1000 };
  }

  #batchOf({ left, backlog: { parts } }: Player): RowBatch {
    const batches = Math.min(ROWS_OF_EACH * this.#players.length, ROWS_OF_ALL);
    return { rows: Math.min(left, Math.max(1, Math.floor(this.#gone / batches))), parts };
  }

  /* Whether its lane and its group let it through; else the limit keeps it until it does. */
  #mayGo(player: Player): boolean {
    this.#work += 1;
    const batch = this.#batchOf(player);
    for (const limit of player.limits) {
      const opensS = this.#opensIn(limit, batch, player);
      if (opensS === null) continue;
      limit.park(player, opensS);
      this.#closed.put(limit);
      return false;
    }
    return true;
  }

  /* When a limit lets a batch through that a player waits for; null = now. */
  #opensIn(limit: PlayedLimit, batch: RowBatch, waiting: Player | null): number | null {
    const { opensS, window } = limit.opening(batch, this.#at);
    if (opensS <= this.#atS) return null;
    if (window !== null && waiting === this.#asked) this.#note(window, opensS);
    return opensS;
  }

  #note(window: UsageWindow, opensS: number): void {
    const { span } = window.window;
    const seconds = opensS - this.#atS;
    const isBit = span !== 'day' && seconds <= (BIT * LENGTH_S[span]) / PIECES;
    const known = this.#held.get(window) ?? { seconds: 0, untilS: null };
    this.#held.set(window, {
      ...{ window, seconds: known.seconds + seconds },
      untilS: isBit ? known.untilS : opensS,
    });
  }

  #go(player: Player): void {
    const limits = [this.#account, ...player.limits];
    const batch = this.#batchOf(player);
    const rows = Math.min(...limits.map((limit) => limit.fitting(batch, this.#at)));
    const seconds = limits.map((limit) => limit.take({ ...batch, rows }, this.#at));
    player.go(rows, batch.rows);
    player.goneInS = this.#atS + Math.max(...seconds);
    this.#gone += rows;
    this.#scheduler.spend(player);
    this.#scheduler.put(player);
  }

  #wait(untilS: number): void {
    this.#atS = Math.max(this.#atS, untilS);
    const opened: PlayedLimit[] = [];
    for (let one = this.#closed.peek(); one !== null; one = this.#closed.peek()) {
      if ((one.opensS ?? 0) > this.#atS + ROUNDING_S) break;
      this.#closed.take();
      for (const player of one.unpark()) this.#scheduler.put(player);
      opened.push(one);
    }
    for (const one of opened) this.#closed.put(one);
  }

  /* At its own pace so far if enough has gone, else when all has gone at the pace of all. */
  #extrapolate(player: Player): void {
    const { isStopped, gone, backlog } = player;
    const total = this.#players.reduce((sum, one) => sum + one.backlog.count, 0);
    const times = gone >= BELIEVED_ROWS ? backlog.count / gone : total / this.#gone;
    player.goneInS = isStopped || this.#gone === 0 ? Infinity : this.#atS * times;
  }
}
