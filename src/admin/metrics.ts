/**
 * The daemon's counters in Prometheus' form. Nothing is counted here: a scrape copies what is kept anyway.
 *
 * Always holds: names and units follow Prometheus' conventions (`promtool check metrics` is silent), and
 * labels take values from bounded lists alone.
 */
import { statSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import client from 'prom-client';
import type { Counters, HistogramCounts } from '../core/stats/counters.ts';
import type { LaneName } from '../core/message/lane-names.ts';
import { STATES, type State } from '../core/message/message.ts';
import type { Status } from '../core/stats/status.ts';

/** What a scrape is made of. */
export interface AdminView {
  readonly status: Status;
  readonly counters: Counters;
  readonly spoolPath: string;
}

const PREFIX = 'sms_spoold_';
/** How often the loop's delay is sampled: seldom enough to cost an idle daemon nothing. */
const SAMPLE_MS = 50;

type Labels = Readonly<Record<string, string>>;
type MetricSample = readonly [labels: Labels, value: number];

/** A line of the text: a value under its labels; `metricName` where it is not the metric's own. */
interface MetricLine {
  readonly metricName?: string;
  /** The library keeps the text of each such object, so an object that is used again is not formatted again. */
  readonly sharedLabels: Labels;
  readonly value: number;
}

/** The labels of one lane, made once. */
interface LaneLabels {
  readonly own: Labels;
  readonly states: ReadonlyMap<State, Labels>;
}

interface Described {
  readonly name: string;
  readonly help: string;
  readonly type: 'gauge' | 'counter' | 'histogram';
}

/* Counted elsewhere: the library's own metrics copy each value under a hash of its labels, which takes longer than
 * all the rest of a scrape where there are thousands. */
function metricOf(described: Described, read: () => readonly MetricLine[]): client.Metric {
  const get = (): Promise<object> => Promise.resolve({ ...described, values: read() });
  /* All that the registry asks of a metric. */
  return { ...described, get } as unknown as client.Metric;
}

function bucketsOf(
  name: string,
  { bounds, counts, sumSeconds, total }: HistogramCounts,
): readonly MetricLine[] {
  let below = 0;
  const buckets = bounds.map((le, index) => {
    below += counts[index] ?? 0;
    return { metricName: `${name}_bucket`, sharedLabels: { le: String(le) }, value: below };
  });
  return [
    ...buckets,
    { metricName: `${name}_bucket`, sharedLabels: { le: '+Inf' }, value: total },
    { metricName: `${name}_sum`, sharedLabels: {}, value: sumSeconds },
    { metricName: `${name}_count`, sharedLabels: {}, value: total },
  ];
}

export class Metrics {
  readonly #registry = new client.Registry();
  readonly #delay = monitorEventLoopDelay({ resolution: SAMPLE_MS });
  readonly #laneLabels = new WeakMap<LaneName, LaneLabels>();
  #view: AdminView | null = null;

  constructor() {
    this.#delay.enable();
    this.#messages();
    this.#answers();
    this.#accounts();
    this.#lanes();
    this.#process();
  }

  /** The text of one scrape. */
  async render(view: AdminView): Promise<string> {
    this.#view = view;
    return this.#registry.metrics();
  }

  stop(): void {
    this.#delay.disable();
  }

  #messages(): void {
    this.#gauge('messages', 'Messages in the spool by state.', ({ status }) =>
      status.lanes.flatMap((lane) =>
        [...this.#labelsOf(lane).states].map(([state, labels]): MetricSample => [
          labels,
          lane.states[state],
        ]),
      ),
    );
    this.#counter(
      'transitions_total',
      'Moves of messages into a state since the daemon started.',
      ({ counters, status }) =>
        status.lanes.flatMap((lane) => {
          const states = counters.entered.get(counters.names.of(lane.account, lane.sender));
          return [...this.#labelsOf(lane).states].map(([state, labels]): MetricSample => [
            labels,
            states?.[state] ?? 0,
          ]);
        }),
    );
    this.#gauge(
      'counted',
      'Whether every message of the spool is counted (1) or not yet (0).',
      (view) => [[{}, view.status.is_counted ? 1 : 0]],
    );
    this.#gauge(
      'oldest_due_age_seconds',
      'How long the oldest message waits that could be sent; 0 when none does.',
      ({ status }) =>
        status.accounts.map((one): MetricSample => [
          { account: one.account },
          one.oldest_due_seconds ?? 0,
        ]),
    );
    this.#counter('duplicates_total', 'Messages that were accepted twice.', ({ counters }) => [
      [{}, counters.duplicates],
    ]);
  }

  #answers(): void {
    this.#counter(
      'answers_total',
      "Requests that ended, by the gateway's code; none = no answer, or no code in it.",
      ({ counters }) =>
        [...counters.codes].flatMap(([account, codes]) =>
          [...codes].map(([code, count]): MetricSample => [{ account, code }, count]),
        ),
    );
    this.#counter('receipts_total', 'Receipts kept, by their status.', ({ counters }) =>
      [...counters.receipts].map(([status, count]): MetricSample => [{ status }, count]),
    );
    this.#counter(
      'receipts_ignored_total',
      'Receipts that were refused or changed nothing, by reason.',
      ({ counters }) =>
        [...counters.ignored].map(([reason, count]): MetricSample => [{ reason }, count]),
    );
    const stages = [
      ['queued_seconds', 'From when a message could go to its claim.', 'queued'],
      ['limiter_seconds', 'Wait of its lane for the permit.', 'limiter'],
      ['gateway_seconds', 'From the request to its answer.', 'gateway'],
      ['receipt_delay_seconds', 'From acceptance to the final receipt.', 'receiptDelay'],
    ] as const;
    for (const [name, help, stage] of stages) {
      const described = { name: PREFIX + name, help, type: 'histogram' } as const;
      const read = (): readonly MetricLine[] =>
        bucketsOf(described.name, this.#seen.counters[stage].counts());
      this.#registry.registerMetric(metricOf(described, read));
    }
  }

  #accounts(): void {
    const each = (
      name: string,
      help: string,
      read: (one: AdminView['status']['accounts'][number]) => number | null,
    ): void => {
      this.#gauge(name, help, ({ status }) =>
        status.accounts.flatMap((one): readonly MetricSample[] => {
          const value = read(one);
          return value === null ? [] : [[{ account: one.account }, value]];
        }),
      );
    };
    const per = 'Requests per second';
    each('account_limit_requests_per_second', `${per} the account allows.`, (one) => one.limit);
    each(
      'account_available_requests_per_second',
      `${per} found to be available.`,
      (one) => one.available,
    );
    each('account_used_requests_per_second', `${per} that ended of late.`, (one) => one.used);
    each('account_in_flight_requests', 'Requests that are out.', (one) => one.in_flight);
    each('account_concurrency_requests', 'Requests that may be out.', (one) => one.concurrency);
    each(
      'account_blocked_seconds',
      'How long the gateway asked to wait.',
      (one) => one.blocked_seconds,
    );
    this.#gauge(
      'account_balance_euros',
      'What is left in the account, as the gateway said last.',
      ({ counters }) =>
        [...counters.balances].map(([account, euros]): MetricSample => [{ account }, euros]),
    );
    this.#gauge('account_state', 'The state of the account is 1, the others 0.', ({ status }) =>
      status.accounts.flatMap(({ account, state }) =>
        ['active', 'suspended', 'paused'].map((one): MetricSample => [
          { account, state: one },
          one === state ? 1 : 0,
        ]),
      ),
    );
  }

  #lanes(): void {
    this.#gauge(
      'sender_available_messages_per_second',
      'Of a sender with a limit of its own.',
      ({ status }) =>
        status.lanes.flatMap((lane): readonly MetricSample[] =>
          lane.available === null ? [] : [[this.#labelsOf(lane).own, lane.available]],
        ),
    );
    const each = (name: string, help: string, states: readonly string[]): void => {
      this.#gauge(name, help, ({ status }) =>
        status.lanes.map((lane): MetricSample => [
          this.#labelsOf(lane).own,
          states.includes(lane.state) ? 1 : 0,
        ]),
      );
    };
    const stopped = ['suspended', 'paused'];
    each('sender_stopped', 'Whether the sender is suspended or paused (1).', stopped);
    each('sender_suspended', 'Whether the sender is suspended (1).', ['suspended']);
  }

  #labelsOf({ account, sender }: LaneName): LaneLabels {
    const name = this.#seen.counters.names.of(account, sender);
    const known = this.#laneLabels.get(name);
    if (known !== undefined) return known;
    const own = { account, sender };
    const states = new Map(STATES.map((state) => [state, { ...own, state }]));
    const made = { own, states };
    this.#laneLabels.set(name, made);
    return made;
  }

  #process(): void {
    this.#gauge(
      'ready',
      'Whether messages can be sent (1) or not (0), as /readyz.',
      ({ status }) => [[{}, status.unready === null ? 1 : 0]],
    );
    this.#gauge('build_info', 'Always 1; the version is the label.', ({ status }) => [
      [{ version: status.version }, 1],
    ]);
    this.#gauge('spool_bytes', 'Size of the database file.', ({ spoolPath }) => [
      [{}, sizeOf(spoolPath)],
    ]);
    this.#gauge('spool_wal_bytes', 'Size of its write-ahead log.', ({ spoolPath }) => [
      [{}, sizeOf(`${spoolPath}-wal`)],
    ]);
    this.#gauge('loop_delay_seconds', 'How late the event loop was since the last scrape.', () =>
      this.#delays(),
    );
    this.#gauge('process_resident_memory_bytes', 'Resident memory.', () => [
      [{}, process.memoryUsage.rss()],
    ]);
    this.#counter('process_cpu_seconds_total', 'CPU time of the process.', () => {
      const { user, system } = process.cpuUsage();
      return [[{}, (user + system) / 1e6]];
    });
    this.#gauge(
      'process_start_time_seconds',
      'When the daemon started, in Unix time.',
      ({ status }) => [[{}, status.started_at]],
    );
  }

  /* A sample comes after SAMPLE_MS at best; what is above that is delay. */
  #delays(): readonly MetricSample[] {
    const late = (nanoseconds: number): number => Math.max(0, nanoseconds / 1e9 - SAMPLE_MS / 1000);
    const { count } = this.#delay;
    const percentiles = { median: 50, p99: 99, max: 100 };
    const samples = Object.entries(percentiles).map(([statistic, percent]): MetricSample => [
      { statistic },
      count === 0 ? 0 : late(this.#delay.percentile(percent)),
    ]);
    this.#delay.reset();
    return samples;
  }

  get #seen(): AdminView {
    if (this.#view === null) throw new Error('metrics are read only while they are rendered');
    return this.#view;
  }

  #gauge(name: string, help: string, read: ReadSamples): void {
    this.#register({ name, help, type: 'gauge' }, read);
  }

  #counter(name: string, help: string, read: ReadSamples): void {
    this.#register({ name, help, type: 'counter' }, read);
  }

  #register({ name, ...rest }: Described, read: ReadSamples): void {
    const described = { name: name.startsWith('process_') ? name : PREFIX + name, ...rest };
    const values = (): readonly MetricLine[] =>
      read(this.#seen).map(([labels, value]) => ({ sharedLabels: labels, value }));
    this.#registry.registerMetric(metricOf(described, values));
  }
}

type ReadSamples = (view: AdminView) => readonly MetricSample[];

/* Bytes; 0 = it is not there. */
function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}
