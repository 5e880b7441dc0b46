/**
 * Writes the text of `GET /metrics` in Prometheus' format. Nothing is counted here: a scrape reads what is kept anyway.
 *
 * Always holds: names and units follow Prometheus' conventions (`promtool check metrics` is silent), and labels take
 * values from bounded lists only.
 */
import { statSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { Counters, Histogram } from '../core/stats/counters.ts';
import { STATES } from '../core/message/message.ts';
import type { AccountStatus, LaneStatus, Status } from '../core/stats/status.ts';

/** What a scrape is made of. */
export interface AdminView {
  readonly status: Status;
  readonly counters: Counters;
}

interface Scrape extends AdminView {
  /** How late the event loop was since the last scrape: statistic → seconds. */
  readonly delays: Readonly<Record<string, number>>;
}

/** The text between a metric's name and its value: labels in braces, `_sum` and the like before them, or nothing. */
type MetricSample = readonly [labels: string, value: number];

interface Metric {
  readonly name: string;
  readonly type: 'gauge' | 'counter' | 'histogram';
  readonly help: string;
  readonly read: (scrape: Scrape) => readonly MetricSample[];
}

/** How often the loop's delay is sampled: seldom enough to cost an idle daemon nothing. */
const SAMPLE_MS = 50;

export class Metrics {
  readonly #delay = monitorEventLoopDelay({ resolution: SAMPLE_MS });

  constructor() {
    this.#delay.enable();
  }

  /** The text of one scrape. */
  render(view: AdminView): string {
    const scrape = { ...view, delays: this.#delays() };
    return METRICS.map(({ name, type, help, read }) => {
      const samples = read(scrape).map(([labels, value]) => `${name}${labels} ${textOf(value)}\n`);
      return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${samples.join('')}`;
    }).join('\n');
  }

  stop(): void {
    this.#delay.disable();
  }

  /* A sample takes SAMPLE_MS at best; the rest is delay. */
  #delays(): Scrape['delays'] {
    const late = (percentile: number): number => {
      const seconds = this.#delay.count === 0 ? 0 : this.#delay.percentile(percentile) / 1e9;
      return Math.max(0, seconds - SAMPLE_MS / 1000);
    };
    const delays = { median: late(50), p99: late(99), max: late(100) };
    this.#delay.reset();
    return delays;
  }
}

const METRICS: readonly Metric[] = [
  metric('messages', 'Messages in the spool by state.', ({ status }) =>
    status.lanes.flatMap((lane) => statesOf(lane, lane.states)),
  ),
  metric(
    'transitions_total',
    'Moves of messages into a state since the daemon started.',
    ({ counters, status }) =>
      status.lanes.flatMap((lane) => {
        const name = counters.names.of(lane.account, lane.sender);
        return statesOf(lane, counters.entered.get(name));
      }),
  ),
  single('counted', 'Whether every message is counted (1) or not yet (0).', ({ status }) =>
    Number(status.is_counted),
  ),
  perAccount(
    'oldest_due_age_seconds',
    'Wait of the oldest message that could be sent; 0 without one.',
    (one) => Number(one.oldest_due_seconds),
  ),
  single('duplicates_total', 'Messages accepted twice.', ({ counters }) => counters.duplicates),
  metric(
    'answers_total',
    "Requests that ended, by the gateway's code; none = no answer.",
    ({ counters }) =>
      [...counters.codes].flatMap(([account, codes]) =>
        [...codes].map(([code, count]) => sampleOf({ account, code }, count)),
      ),
  ),
  metric('receipts_total', 'Receipts kept, by their status.', ({ counters }) =>
    [...counters.receipts].map(([status, count]) => sampleOf({ status }, count)),
  ),
  metric('receipts_ignored_total', 'Receipts without effect, by reason.', ({ counters }) =>
    [...counters.ignored].map(([reason, count]) => sampleOf({ reason }, count)),
  ),
  histogram(
    'queued_seconds',
    'Time from when a message could be sent to its claim.',
    ({ queued }) => queued,
  ),
  histogram('limiter_seconds', 'Wait of the lane for a permit.', ({ limiter }) => limiter),
  histogram('gateway_seconds', 'Time from the request to its answer.', ({ gateway }) => gateway),
  histogram(
    'receipt_delay_seconds',
    'Time from acceptance to the final receipt.',
    ({ receiptDelay }) => receiptDelay,
  ),
  perAccount(
    'account_limit_requests_per_second',
    'Requests per second that the account allows.',
    (one) => one.limit,
  ),
  perAccount(
    'account_available_requests_per_second',
    'Requests per second that are found to be available.',
    (one) => one.available,
  ),
  perAccount(
    'account_used_requests_per_second',
    'Requests per second that ended in the last seconds.',
    (one) => one.used,
  ),
  perAccount('account_in_flight_requests', 'Requests that are open.', (one) => one.in_flight),
  perAccount(
    'account_concurrency_requests',
    'Requests that may be open at a time.',
    (one) => one.concurrency,
  ),
  perAccount(
    'account_blocked_seconds',
    'Seconds left of the wait that the gateway asked for.',
    (one) => one.blocked_seconds,
  ),
  metric(
    'account_balance_euros',
    'Balance of the account, as the gateway reported it last.',
    ({ counters }) =>
      [...counters.balances].map(([account, euros]) => sampleOf({ account }, euros)),
  ),
  metric('account_state', 'The state of the account is 1, the others 0.', ({ status }) =>
    status.accounts.flatMap(({ account, state }) =>
      ['active', 'suspended', 'paused'].map((one) =>
        sampleOf({ account, state: one }, Number(one === state)),
      ),
    ),
  ),
  perSender(
    'sender_available_messages_per_second',
    'Messages per second of a sender with a limit of its own.',
    (one) => one.available,
  ),
  perSender('sender_stopped', 'Whether the sender is suspended or paused (1).', ({ state }) =>
    Number(state !== 'active'),
  ),
  perSender('sender_suspended', 'Whether the sender is suspended (1).', ({ state }) =>
    Number(state === 'suspended'),
  ),
  single('ready', 'Whether messages can be sent (1) or not (0), as /readyz.', ({ status }) =>
    Number(status.unready === null),
  ),
  metric('build_info', 'Always 1; the version is the label.', ({ status: { version } }) => [
    sampleOf({ version }, 1),
  ]),
  single('spool_bytes', 'Size of the database file.', ({ status }) => sizeOf(status.spool)),
  single('spool_wal_bytes', 'Size of the write-ahead log.', ({ status }) =>
    sizeOf(`${status.spool}-wal`),
  ),
  metric('loop_delay_seconds', 'Delay of the event loop since the last scrape.', ({ delays }) =>
    Object.entries(delays).map(([statistic, seconds]) => sampleOf({ statistic }, seconds)),
  ),
  single('process_resident_memory_bytes', 'Resident memory of the process.', () =>
    process.memoryUsage.rss(),
  ),
  single('process_cpu_seconds_total', 'CPU time of the process.', () => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1e6;
  }),
  single(
    'process_start_time_seconds',
    'Unix time of the start.',
    ({ status }) => status.started_at,
  ),
];

/* Metrics that every process has go by the names that Prometheus gives them. */
function metric(name: string, help: string, read: Metric['read']): Metric {
  const full = name.startsWith('process_') ? name : `sms_spoold_${name}`;
  return { name: full, type: name.endsWith('_total') ? 'counter' : 'gauge', help, read };
}

function single(name: string, help: string, read: (scrape: Scrape) => number): Metric {
  return metric(name, help, (scrape) => [['', read(scrape)]]);
}

/* `read`: null = no sample. */
function perAccount(
  name: string,
  help: string,
  read: (status: AccountStatus) => number | null,
): Metric {
  return metric(name, help, ({ status }) =>
    status.accounts.flatMap((one) => {
      const value = read(one);
      return value === null ? [] : [sampleOf({ account: one.account }, value)];
    }),
  );
}

function perSender(
  name: string,
  help: string,
  read: (status: LaneStatus) => number | null,
): Metric {
  return metric(name, help, ({ status }) =>
    status.lanes.flatMap((one) => {
      const value = read(one);
      return value === null ? [] : [sampleOf({ account: one.account, sender: one.sender }, value)];
    }),
  );
}

function histogram(name: string, help: string, of: (counters: Counters) => Histogram): Metric {
  const read: Metric['read'] = ({ counters }) => {
    const { bounds, counts, sumSeconds, total } = of(counters).counts();
    let below = 0;
    const buckets = bounds.map((bound, index) => {
      below += counts[index] ?? 0;
      return [`_bucket{le="${bound}"}`, below] as const;
    });
    return [...buckets, ['_bucket{le="+Inf"}', total], ['_sum', sumSeconds], ['_count', total]];
  };
  return { ...metric(name, help, read), type: 'histogram' };
}

function statesOf(
  { account, sender }: LaneStatus,
  counts: LaneStatus['states'] | undefined,
): readonly MetricSample[] {
  return STATES.map((state) => sampleOf({ account, sender, state }, counts?.[state] ?? 0));
}

/* Text format 0.0.4: backslash, quote and line break are escaped in a label's value. */
function sampleOf(labels: Readonly<Record<string, string>>, value: number): MetricSample {
  const pairs = Object.entries(labels).map(([name, text]) => `${name}="${escaped(text)}"`);
  return [`{${pairs.join(',')}}`, value];
}

function escaped(text: string): string {
  return text.replace(/["\\\n]/g, (one) => (one === '\n' ? '\\n' : `\\${one}`));
}

function textOf(value: number): string {
  return value === Infinity ? '+Inf' : String(value);
}

/* Bytes; 0 = there is no such file. */
function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}
