/**
 * What fairness costs the drain: rows of 50 campaigns in ten priorities, against as many of one, in one run.
 * Rounds are interleaved; the figure that a busy machine changes least is the daemon's CPU a message.
 */
import { SENDER } from './rows.ts';
import { settledRate, startDaemon, verifyDrained, waitUntilSettled } from './daemon.ts';
import { startEndpoint } from './servers.ts';
import { cpuUs, median } from './support.ts';
import { table } from './table.ts';

const CAMPAIGNS = 50;
const PRIORITIES = 10;
const IN_FLIGHT = 64;
/* Far above what any machine reaches. */
const NO_LIMIT = 1_000_000;

interface Drained {
  /** Messages per second. */
  readonly rate: number;
  /** CPU microseconds a message; NaN where the system does not tell. */
  readonly cpuUs: number;
}

export interface DrainCostOptions {
  readonly folder: string;
  readonly messages: number;
  readonly rounds: number;
}

const drop = (messages: number, campaign: string, priority: string): string => `
  INSERT INTO messages (recipient, text, sender, campaign, priority)
  WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ${messages})
  SELECT CAST(447700000000 + n AS TEXT), 'Your order ' || n || ' comes tomorrow', '${SENDER}',
    ${campaign}, ${priority} FROM numbers`;

const many = (messages: number): string =>
  drop(messages, `'campaign ' || (n % ${CAMPAIGNS})`, `(n / ${CAMPAIGNS}) % ${PRIORITIES}`);
const one = (messages: number): string => drop(messages, `'campaign'`, '4');

async function drain(options: DrainCostOptions, rows: string): Promise<Drained> {
  const { folder, messages } = options;
  const endpoint = await startEndpoint();
  const { url } = endpoint;
  const daemon = await startDaemon({
    ...{ folder, url, concurrency: IN_FLIGHT, rate: NO_LIMIT },
    ...{ backlog: 0, drop: rows },
  });
  await waitUntilSettled(daemon, messages);
  const used = (cpuUs(daemon.child.pid) ?? NaN) - (daemon.cpuUsAtReady ?? NaN);
  await daemon.child.stop();
  verifyDrained(daemon.db, messages);
  const rate = settledRate(daemon.db, messages);
  await daemon.stop();
  await endpoint.stop();
  return { rate, cpuUs: used / messages };
}

/** Drains both in turn, so many rounds; gives the table, many ÷ one in its last row. */
export async function drainCost(options: DrainCostOptions): Promise<string> {
  const { messages, rounds } = options;
  const found: { readonly many: Drained; readonly one: Drained }[] = [];
  for (let round = 1; round <= rounds; round += 1) {
    process.stderr.write(`drain of ${messages}, round ${round} of ${rounds}\n`);
    /* Who goes first has the colder machine: they take turns. */
    const first = await drain(options, round % 2 === 0 ? many(messages) : one(messages));
    const second = await drain(options, round % 2 === 0 ? one(messages) : many(messages));
    found.push(round % 2 === 0 ? { many: first, one: second } : { many: second, one: first });
  }
  const row = (title: string, values: readonly Drained[]): readonly string[] => [
    title,
    median(values.map(({ rate }) => rate)).toFixed(0),
    median(values.map((drained) => drained.cpuUs)).toFixed(1),
  ];
  const ratio = (of: (drained: Drained) => number): string =>
    median(found.map((pair) => of(pair.many) / of(pair.one))).toFixed(2);
  return table(
    ['', 'msgs/s', 'CPU µs/msg'],
    [
      row(
        `${CAMPAIGNS} campaigns, ${PRIORITIES} priorities`,
        found.map((pair) => pair.many),
      ),
      row(
        'one campaign',
        found.map((pair) => pair.one),
      ),
      ['the first ÷ the second', ratio(({ rate }) => rate), ratio((drained) => drained.cpuUs)],
    ],
  );
}
