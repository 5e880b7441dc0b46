/**
 * What people use instead, on the same simulated time. Bottleneck and p-queue are the libraries themselves,
 * on replaced timers; the counter and the bare loop are a few lines each. All send what was refused again at
 * once, through the same limiter.
 */
import Bottleneck from 'bottleneck';
import PQueue from 'p-queue';
import type { SimulatedTime } from './limits-clock.ts';
import type { SimulatedGateway } from './limits-gateway.ts';

export interface PeerOptions {
  readonly time: SimulatedTime;
  readonly gateway: SimulatedGateway;
  readonly rate: number;
  readonly concurrency: number;
  readonly senders: number;
}

export interface Peer {
  readonly name: string;
  /** For the head of a column. */
  readonly short: string;
  readonly isLibrary: boolean;
  readonly start: (options: PeerOptions) => void;
}

/** Jobs that wait in a library's queue: enough that it never runs dry. */
const AHEAD = 2;

/** Sends one request, of the senders in turn. */
function sending({ gateway, senders }: PeerOptions): () => Promise<void> {
  let sent = 0;
  return () => {
    sent += 1;
    return new Promise((resolve) => {
      gateway.send(String(sent % senders), () => {
        resolve();
      });
    });
  };
}

/* As many jobs as needed are kept waiting; a job that ends makes room for the next. */
function keepFull(
  options: PeerOptions,
  schedule: (job: () => Promise<void>) => Promise<void>,
): void {
  const send = sending(options);
  const next = (): void => {
    void schedule(send).then(next);
  };
  for (let job = 0; job < options.concurrency * AHEAD; job += 1) next();
}

function bare(options: PeerOptions): void {
  const send = sending(options);
  const next = (): void => {
    void send().then(next);
  };
  for (let worker = 0; worker < options.concurrency; worker += 1) next();
}

/* So many in each second of the own clock. */
function counter(options: PeerOptions): void {
  const { time, rate, concurrency } = options;
  const send = sending(options);
  let second = -1;
  let count = 0;
  const next = (): void => {
    const now = time.monotonicMs() / 1000;
    if (Math.floor(now) !== second) {
      second = Math.floor(now);
      count = 0;
    }
    if (count < rate) {
      count += 1;
      void send().then(next);
    } else {
      time.afterSettling((second + 1 - now) * 1000, next);
    }
  };
  for (let worker = 0; worker < concurrency; worker += 1) next();
}

export const PEERS: readonly Peer[] = [
  { name: 'fixed-window counter', short: 'counter', isLibrary: false, start: counter },
  {
    name: 'Bottleneck minTime',
    short: 'minTime',
    isLibrary: true,
    start: (options) => {
      const { rate, concurrency: maxConcurrent } = options;
      const limiter = new Bottleneck({ minTime: 1000 / rate, maxConcurrent });
      keepFull(options, (job) => limiter.schedule(job));
    },
  },
  {
    name: 'Bottleneck reservoir',
    short: 'reservoir',
    isLibrary: true,
    start: (options) => {
      const { rate, concurrency: maxConcurrent } = options;
      const refresh = { forecastRefreshAmount: rate, forecastRefreshInterval: 1000 };
      const limiter = new Bottleneck({ forecast: rate, ...refresh, maxConcurrent });
      keepFull(options, (job) => limiter.schedule(job));
    },
  },
  {
    name: 'p-queue intervalCap',
    short: 'p-queue',
    isLibrary: true,
    start: (options) => {
      const { rate, concurrency } = options;
      const queue = new PQueue({ interval: 1000, intervalCap: rate, concurrency });
      keepFull(options, (job) => queue.add(job));
    },
  },
  { name: 'no limiter', short: 'none', isLibrary: false, start: bare },
];
