/**
 * The daemon's own code on simulated time: Account queue, Lane, Pacer with Bottleneck, Slots with p-queue, RequestSender,
 * Outcomes, AccountThrottle and Learner, under a loop that stands for the dispatcher's and a commit that takes 1–4
 * ms. Only SQLite and HTTP are left out. The backlog never ends.
 */
import type { Claim } from '../../src/core/message/claim.ts';
import type { SourceKey } from '../../src/core/message/sort-key.ts';
import { RequestSender } from '../../src/dispatch/send/sender.ts';
import type {
  AccountQueue,
  AccountRowReader,
  TakenRow,
} from '../../src/dispatch/schedule/account-queue.ts';
import { Outcomes } from '../../src/dispatch/send/outcomes.ts';
import { nothingPending } from '../../src/dispatch/work.ts';
import type { ReadyRow } from '../../src/spool/write/claims.ts';
import { paceOf, senderPaceOf } from '../../src/limiter/pace.ts';
import { makeQueue } from '../support/account-queue.ts';
import { readyRow } from '../support/ready-rows.ts';
import { claimOf, DAY } from '../support/verdicts.ts';
import { CAPABLE } from '../support/gateway.ts';
import type { SimulatedTime } from './limits-clock.ts';
import type { SimulatedGateway } from './limits-gateway.ts';
import { policyWith } from '../support/policy.ts';

const COMMIT_MS = [1, 4] as const;
const TURN_MS = 0.05;
const SENDER_ROWS = 1e8;

/** Rows that never run out, of each sender in the order of their ids. */
class EndlessRows implements AccountRowReader {
  readonly #returned = new Map<number, number[]>();
  readonly #fresh = new Map<number, number>();

  peek(source: SourceKey, limit: number, skip: number): ReadyRow[] {
    const index = Number(source.sender);
    const returned = this.#returned.get(index) ?? [];
    const fresh = this.#fresh.get(index) ?? 0;
    return Array.from({ length: limit }, (_, offset) => {
      const place = skip + offset;
      const id = returned[place] ?? index * SENDER_ROWS + 1 + fresh + (place - returned.length);
      return readyRow({ id, sender: source.sender });
    });
  }

  judge(): 'send' {
    return 'send';
  }

  probeOf(): null {
    return null;
  }

  claim(row: ReadyRow): void {
    const index = Number(row.sender);
    const returned = this.#returned.get(index) ?? [];
    const place = returned.indexOf(row.id);
    if (place >= 0) returned.splice(place, 1);
    else this.#fresh.set(index, (this.#fresh.get(index) ?? 0) + 1);
  }

  giveBack(id: number, sender: number): void {
    const returned = this.#returned.get(sender) ?? [];
    returned.push(id);
    returned.sort((a, b) => a - b);
    this.#returned.set(sender, returned);
  }
}

export interface SimulatedDaemonOptions {
  readonly time: SimulatedTime;
  readonly random: () => number;
  readonly gateway: SimulatedGateway;
  /** Requests per second in the configuration. */
  readonly configured: number;
  readonly concurrency: number;
  readonly senders: number;
  /** Messages per second of each sender in the configuration; null = left out. */
  readonly senderRate: number | null;
}

export class SimulatedDaemon {
  readonly queue: AccountQueue;
  readonly #options: SimulatedDaemonOptions;
  readonly #pending = nothingPending();
  readonly #rows = new EndlessRows();
  readonly #sender: RequestSender;
  readonly #outcomes: Outcomes;
  #isScheduled = false;
  #isCommitting = false;
  #wake = 0;

  constructor(options: SimulatedDaemonOptions) {
    this.#options = options;
    const { time, configured, concurrency, gateway, senderRate } = options;
    this.queue = makeQueue({
      ...{ clock: time, defaultSender: '0', concurrency },
      gateway: {
        capabilities: CAPABLE,
        send: (claim, _ttl, onObserved) =>
          gateway.send(claim.sender, ({ isAccepted, text }) =>
            onObserved({
              kind: 'answered',
              httpStatus: 200,
              parts: [
                {
                  status: isAccepted ? 0 : 1,
                  gatewayId: null,
                  price: null,
                  network: null,
                  errorText: isAccepted ? null : text,
                  balance: null,
                },
              ],
              retryAfterMs: null,
              traceId: null,
            }),
          ),
        close: () => Promise.resolve(),
      },
      ...{ rate: configured, pace: paceOf(configured), senderPace: senderPaceOf },
      senders: ratesOf(options.senders, senderRate),
      onGrant: this.#kick,
      onBug: (error) => {
        throw error;
      },
    });
    this.#outcomes = new Outcomes({
      policy: policyWith(),
      clock: time,
      random: options.random,
      pending: this.#pending,
      limits: new Map([['main', { configuredRate: configured, ceiling: null, concurrency }]]),
      isCancelAsked: () => false,
      onBalance: () => undefined,
    });
    this.#sender = new RequestSender({ clock: time, outcomes: this.#outcomes, kick: this.#kick });
  }

  start(): void {
    for (let sender = 0; sender < this.#options.senders; sender += 1) this.#offer(String(sender));
    this.#kick();
  }

  readonly #kick = (): void => {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    this.#options.time.afterSettling(TURN_MS, this.#turn);
  };

  readonly #turn = (): void => {
    this.#isScheduled = false;
    if (this.#isCommitting) return;
    const { time, random } = this.#options;
    const back = this.#drain();
    const { queue } = this;
    const limit = queue.slots.free - queue.prefetched.length;
    const at = { now: time.now(), nowMs: time.monotonicMs() };
    const taken = queue.take(limit, at, this.#rows);
    for (const { row } of taken) this.#rows.claim(row);
    if (taken.length === 0 && !back) {
      this.#sleep();
      return;
    }
    const claims = taken.map((one) => this.#claimOf(one));
    this.#isCommitting = true;
    const [least, most] = COMMIT_MS;
    time.afterSettling(least + (most - least) * random(), () => {
      this.#isCommitting = false;
      this.#sender.send(new Map([[queue, claims]]));
      this.#kick();
    });
  };

  /* What ended is written; what was throttled is ready again. */
  #drain(): boolean {
    const { ended, entries, circuits, rates, blocks } = this.#pending;
    const hasAny = ended.length > 0;
    for (const { claim, settlement } of ended) {
      if (settlement.to !== 'queued') continue;
      this.#rows.giveBack(claim.id, Number(claim.sender));
      this.#offer(claim.sender);
    }
    ended.length = 0;
    entries.length = 0;
    circuits.length = 0;
    rates.length = 0;
    blocks.length = 0;
    return hasAny;
  }

  #offer(sender: string): void {
    const key = { account: null, sender, campaign: null };
    const [row] = this.#rows.peek(key, 1, 0);
    if (row !== undefined) this.queue.offer(key, row);
  }

  #claimOf({ row, lane }: TakenRow): Claim {
    const { time } = this.#options;
    return claimOf({
      id: row.id,
      row,
      sender: lane.sender ?? '0',
      claimedAt: time.now(),
      createdAt: 1_800_000_000,
      deadline: time.now() + DAY,
    });
  }

  #sleep(): void {
    const { time } = this.#options;
    const at = this.queue.wakeAt({ now: time.now(), nowMs: time.monotonicMs() });
    if (at === null) return;
    this.#wake += 1;
    const wake = this.#wake;
    setTimeout(() => {
      if (wake === this.#wake) this.#kick();
    }, at - time.monotonicMs());
  }
}

function ratesOf(senders: number, rate: number | null): ReadonlyMap<string, number> {
  const names = Array.from({ length: senders }, (_, sender) => String(sender));
  return new Map(rate === null ? [] : names.map((name) => [name, rate]));
}
