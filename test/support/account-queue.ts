// An account queue with everything that it needs: a test names only what it is about.
import type { Instant } from '../../src/core/window/usage-window.ts';
import { AccountCircuit } from '../../src/core/account/account-circuit.ts';
import type { NestedRules } from '../../src/core/window/rate-limits.ts';
import type { Clock } from '../../src/clock.ts';
import { AccountQueue } from '../../src/dispatch/schedule/account-queue.ts';
import { LimitTree } from '../../src/dispatch/limit/limit-tree.ts';
import type { Gateway } from '../../src/gateway/gateway.ts';
import { Meter } from '../../src/limiter/meter.ts';
import { Pacer } from '../../src/limiter/pacer.ts';
import { Slots } from '../../src/limiter/slots.ts';
import { silentGateway } from './gateway.ts';
import { policyWith } from './policy.ts';

export interface AccountQueueOptions {
  readonly defaultSender?: string | null;
  readonly gateway?: Gateway;
  /** Left out: the one that vitest fakes. */
  readonly clock?: Clock;
  /** Requests per second that the account has. */
  readonly rate?: number;
  /** At which it is paced; left out: at that rate. */
  readonly pace?: number;
  /** Left out: by the pace. */
  readonly burst?: number;
  readonly concurrency?: number;
  readonly circuit?: AccountCircuit;
  readonly reserve?: number;
  /** Sender → messages per second that it is configured to allow. */
  readonly senders?: Iterable<readonly [string, number]>;
  /** The pace under such a limit; left out: the limit itself. */
  readonly senderPace?: (limit: number) => number;
  /** Null: by the pace. */
  readonly senderBurst?: number | null;
  readonly rules?: NestedRules | null;
  /** A permit came. */
  readonly onGrant?: () => void;
  /** A bug in a slot. */
  readonly onBug?: (error: unknown) => void;
}

const FAKED: Clock = { now: () => Date.now() / 1_000, monotonicMs: () => Date.now() };

/** The account queue of the account "main". */
export function makeQueue(options: AccountQueueOptions = {}): AccountQueue {
  const { clock = FAKED, senders = [], rules = null, reserve = 0.1 } = options;
  const { defaultSender = 'AcmeInc' } = options;
  const { rate = 1_000, pace = rate, senderPace = asItIs, senderBurst = null } = options;
  const { monotonicMs } = clock;
  const rates = new Map(senders);
  const circuit = options.circuit ?? new AccountCircuit();
  const onGrant = options.onGrant ?? (() => undefined);
  const burst = options.burst === undefined ? {} : { burst: options.burst };
  const limits = new LimitTree({
    ...{ account: 'main', rate, rules, clock },
    pacer: new Pacer({ ...{ rate: pace, monotonicMs, onGrant }, ...burst }),
    circuit,
    ratesOf: (sender) => ({ configured: rates.get(sender) ?? null, learned: null }),
    meterOf: (limit) =>
      new Meter({ rate: senderPace(limit), burst: senderBurst, nowMs: monotonicMs() }),
  });
  return new AccountQueue({
    name: 'main',
    policy: policyWith({ defaultSenders: new Map([['main', defaultSender]]), reserve }),
    gateway: options.gateway ?? silentGateway(),
    ...{ limits, circuit },
    slots: new Slots(options.concurrency ?? 10, options.onBug ?? (() => undefined)),
  });
}

const asItIs = (limit: number): number => limit;

/** This instant of the clock that vitest fakes. */
export function instant(): Instant {
  return { now: FAKED.now(), nowMs: FAKED.monotonicMs() };
}
