/**
 * Runs one account: its lanes, its limits, its open requests, its circuit, and the messages that are claimed ahead of
 * a free slot.
 *
 * Always holds: a row is taken only with a permit of every limit; taking writes nothing; a closed lane holds up no
 * other; what is prefetched is `sending` on disk.
 */
import type { Policy } from '../../core/account/policy.ts';
import type { OpenRun } from '../../core/account/run-judge.ts';
import type { Instant } from '../../core/window/usage-window.ts';
import type { Claim } from '../../core/message/claim.ts';
import type { AccountCircuit } from '../../core/account/account-circuit.ts';
import type { SourceKey, SortKey } from '../../core/message/sort-key.ts';
import type { Gateway } from '../../gateway/gateway.ts';
import type { ReadyRow } from '../../spool/write/claims.ts';
import type { Slots } from '../../limiter/slots.ts';
import { Scheduler } from './scheduler.ts';
import { Lane, RUN_MAX, type RowPass, type RowQueue, type RowReader } from './lane.ts';
import type { LimitTree } from '../limit/limit-tree.ts';

/** With more lanes than this, those that hold nothing are dropped. */
const LANES_KEPT = 1_000;
/** From this number of rows at once, several of a lane are read together: that saves most of the time. */
const LARGE = 64;

export interface AccountQueueParts {
  readonly name: string;
  readonly policy: () => Policy;
  readonly gateway: Gateway;
  /** Of the account, its groups and its senders. */
  readonly limits: LimitTree;
  readonly slots: Slots;
  readonly circuit: AccountCircuit;
}

/** A row and its lane. */
export interface FoundRow {
  readonly row: ReadyRow;
  readonly lane: Lane;
}

/** A row taken for sending, and how long its lane waited for the permit. */
export interface TakenRow extends FoundRow {
  readonly limiterMs: number;
}

export interface AccountRowReader extends RowReader {
  /** The next probe of a run of refusals; null = no row of these lanes may be sent. */
  probeOf(run: OpenRun, lanes: readonly Lane[]): FoundRow | null;
}

/** One pass over the lanes for rows that may go at one instant. */
interface TakePass extends RowPass {
  readonly reader: AccountRowReader;
  readonly at: Instant;
  /** Many rows are taken at once. */
  readonly isLarge: boolean;
  readonly taken: TakenRow[];
  /** Lanes with a half-open circuit, which had their one message. */
  readonly probed: Set<Lane>;
}

export class AccountQueue {
  readonly name: string;
  /** Requests leave through it from now on. */
  gateway: Gateway;
  readonly limits: LimitTree;
  readonly slots: Slots;
  readonly circuit: AccountCircuit;
  /** Claimed, on disk, and not yet sent. */
  readonly prefetched: Claim[] = [];
  readonly #policy: () => Policy;
  readonly #lanes = new Map<string | null, Lane>();
  readonly #scheduler: Scheduler<RowQueue>;
  /** Lanes that keep row queues until they open; looked through when time or news comes. */
  readonly #aside = new Set<Lane>();
  /** Since when (monotonic ms) a permit of the account has been missing; null = none is. */
  #deniedAt: number | null = null;
  readonly #tally = { sources: 0 };
  #dropAt = LANES_KEPT;

  constructor({ name, policy, gateway, limits, slots, circuit }: AccountQueueParts) {
    this.name = name;
    this.gateway = gateway;
    this.limits = limits;
    this.slots = slots;
    this.circuit = circuit;
    this.#policy = policy;
    this.#scheduler = new Scheduler(() => policy().reserve);
  }

  get lanes(): Iterable<Lane> {
    return this.#lanes.values();
  }

  /** The lane of a sender as a row names it. */
  lane(sender: string | null): Lane {
    const name = this.#nameOf(sender);
    const known = this.#lanes.get(name);
    if (known !== undefined) return known;
    if (this.#lanes.size >= this.#dropAt) this.#dropIdle();
    const lane = new Lane(this.limits.pathOf(name), this.#policy, this.#tally);
    this.#lanes.set(name, lane);
    return lane;
  }

  /** Sources with rows that are ready, as far as is known. */
  get sourceCount(): number {
    return this.#tally.sources;
  }

  /** Whether rows of that source are known to be ready. */
  knows(source: SourceKey): boolean {
    return this.#lanes.get(this.#nameOf(source.sender))?.knows(source) === true;
  }

  /** A row that is ready. */
  offer(key: SourceKey, row: SortKey): void {
    const lane = this.lane(key.sender);
    const rowQueue = lane.rowQueueOf(key, row.rank);
    if (!rowQueue.offer(row)) return;
    if (this.#aside.has(lane)) lane.setAside(rowQueue);
    else this.#scheduler.put(rowQueue);
  }

  /** Forgets every head: a scan follows. */
  forget(): void {
    for (const lane of this.#lanes.values()) lane.forget();
    this.#scheduler.clear();
    this.#aside.clear();
  }

  /** Closes connections and timers; no request may be open any more. */
  async stop(): Promise<void> {
    await this.gateway.close();
    await this.limits.stop();
  }

  /** Whether anything is ready, as far as is known. */
  get hasWork(): boolean {
    return this.#aside.size > 0 || !this.#scheduler.isEmpty;
  }

  /** Takes at most `limit` rows that are next and may go at this instant. Nothing is written. */
  take(limit: number, at: Instant, reader: AccountRowReader): readonly TakenRow[] {
    this.#reopen(at);
    const { account } = this.limits;
    const permits = account.available(at);
    const isLarge = Math.min(limit, permits) >= LARGE;
    const pass: TakePass = {
      ...{ reader, at, isLarge, taken: [], used: [], left: [], probed: new Set() },
      onLater: (row) => this.offer(row, row),
    };
    if (limit > 0 && permits > 0) {
      if (account.circuit === 'all') this.#takeAll(limit, pass);
      else this.#takeProbe([...this.#lanes.values()], pass);
    }
    this.#endPass(pass, limit);
    return pass.taken;
  }

  /** When the account queue should be asked again (monotonic ms); null = an answer, a grant or news will say. */
  wakeAt(at: Instant): number | null {
    if (this.slots.free <= this.prefetched.length) return null;
    const permitAt = this.limits.account.opensAt(at);
    if (permitAt === null || !this.hasWork) return null;
    if (!this.#scheduler.isEmpty) return permitAt;
    const instants = [...this.#aside].flatMap(({ limits }) => limits.opensAt(at) ?? []);
    return instants.length === 0 ? null : Math.max(permitAt, Math.min(...instants));
  }

  #nameOf(sender: string | null): string | null {
    return sender ?? this.#policy().defaultSenders.get(this.name) ?? null;
  }

  #takeAll(limit: number, pass: TakePass): void {
    const { account } = this.limits;
    const mayGo = (rowQueue: RowQueue): boolean => this.#mayGo(rowQueue, pass);
    while (pass.taken.length < limit) {
      const permits = account.available(pass.at);
      const rowQueue = permits < 1 ? null : this.#scheduler.next(mayGo);
      if (rowQueue === null) break;
      this.#takeFrom(rowQueue, Math.min(limit - pass.taken.length, permits), pass);
    }
  }

  #takeFrom(rowQueue: RowQueue, permits: number, pass: TakePass): void {
    const { lane, head, place } = rowQueue;
    if (lane.limits.sender.circuit === 'one') {
      pass.probed.add(lane);
      this.#takeProbe([lane], pass);
      return;
    }
    const wanted = this.#scheduler.shareOf(rowQueue, permits, pass.isLarge ? RUN_MAX : 1);
    const row = rowQueue.first(wanted, pass);
    /* Another head than was known may have to wait for another row queue. */
    if (row !== null && rowQueue.head === head && this.#take({ row, lane }, pass)) {
      this.#scheduler.spend(rowQueue);
      rowQueue.take(pass, pass.isLarge && isOpen(lane, pass));
    }
    if (rowQueue.place !== place) this.#scheduler.put(rowQueue);
  }

  /* Whether its lane is open; else the lane keeps it. */
  #mayGo(rowQueue: RowQueue, pass: TakePass): boolean {
    const { lane } = rowQueue;
    if (isOpen(lane, pass)) return true;
    lane.deniedAt ??= pass.at.nowMs;
    lane.setAside(rowQueue);
    this.#aside.add(lane);
    return false;
  }

  /* Whether all limits have room for it. */
  #take({ row, lane }: FoundRow, { at, taken }: TakePass): boolean {
    if (!this.limits.admit(row, lane.limits, at)) return false;
    const since = Math.min(this.#deniedAt ?? at.nowMs, lane.deniedAt ?? at.nowMs);
    taken.push({ row, lane, limiterMs: at.nowMs - since });
    return true;
  }

  /* Half-open: one message of these lanes goes. */
  #takeProbe(lanes: readonly Lane[], pass: TakePass): void {
    const able = lanes.filter(({ limits }) => limits.available(pass.at) > 0);
    const [lane] = able;
    const run = lane === undefined ? null : this.circuit.runOf(lane.sender);
    const probe = run === null ? this.#findProbe(able, pass) : pass.reader.probeOf(run, able);
    if (probe !== null) this.#take(probe, pass);
  }

  /* Another message than those that opened the circuit, if there is one. A lane without rows is forgotten. */
  #findProbe(lanes: readonly Lane[], pass: TakePass): FoundRow | null {
    let suspect: FoundRow | null = null;
    for (const lane of lanes) {
      const rows = lane.front(pass.reader);
      if (rows.length === 0) lane.forget();
      for (const row of rows) {
        const isSuspect = this.circuit.isSuspect(row.id);
        if (isSuspect && suspect !== null) continue;
        if (pass.reader.judge(row, lane.sender) !== 'send') continue;
        if (!isSuspect) return { row, lane };
        suspect = { row, lane };
      }
    }
    return suspect;
  }

  #endPass({ at, taken, used, left }: TakePass, limit: number): void {
    const { account } = this.limits;
    for (const { lane } of taken) lane.deniedAt = null;
    if (taken.length > 0) this.#deniedAt = null;
    const isOpenFor = account.circuit !== 'none' && !account.isBlockedAt(at.nowMs);
    if (isOpenFor && taken.length < limit) this.#noteDenial(at);
    for (const rowQueue of used) rowQueue.endPass();
    for (const row of left) this.offer(row, row);
  }

  #noteDenial(at: Instant): void {
    if (this.#scheduler.isEmpty) this.#deniedAt = null;
    else if (this.limits.account.available(at) < 1) this.#deniedAt ??= at.nowMs;
  }

  /* Senders are free text: a lane without rows, limits and waits is made again when it is needed. */
  #dropIdle(): void {
    for (const [name, lane] of this.#lanes) {
      if (lane.isIdle && !this.#aside.has(lane)) this.#lanes.delete(name);
    }
    this.limits.prune((sender) => this.#lanes.has(sender));
    this.#dropAt = Math.max(LANES_KEPT, this.#lanes.size * 2);
  }

  #reopen(at: Instant): void {
    for (const lane of this.#aside) {
      if (lane.hasRows && lane.limits.available(at) < 1) continue;
      if (!lane.bringBack((rowQueue) => this.#scheduler.put(rowQueue))) this.#aside.delete(lane);
    }
  }
}

/* Whether another row of the lane may go, whatever the account has. */
function isOpen(lane: Lane, { probed, at }: TakePass): boolean {
  return !probed.has(lane) && lane.limits.available(at) > 0;
}
