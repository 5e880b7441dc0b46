/** What a contender's process prints as its only line, and the arguments all of them take. */
import { parseArgs } from 'node:util';

export interface Result {
  readonly messages: number;
  readonly seconds: number;
  /** CPU microseconds of the contender's own process (all threads) meanwhile; null = not known. */
  readonly cpuUs: number | null;
  readonly peakRssMb: number | null;
}

export interface Task {
  /** What is to be run, where a script knows several things. */
  readonly mode: string;
  readonly url: string;
  readonly messages: number;
  /** Requests open at a time. */
  readonly inFlight: number;
  /** A file of the contender's own, or a port; empty = none. */
  readonly store: string;
}

export function readTask(): Task {
  const { values } = parseArgs({
    options: {
      mode: { type: 'string', default: '' },
      url: { type: 'string', default: '' },
      messages: { type: 'string', default: '20000' },
      'in-flight': { type: 'string', default: '64' },
      store: { type: 'string', default: '' },
    },
  });
  const { mode, url, store } = values;
  return {
    mode,
    url,
    store,
    messages: Number(values.messages),
    inFlight: Number(values['in-flight']),
  };
}

/** The arguments that readTask understands. */
export function taskArgs(task: Task): readonly string[] {
  return [
    `--mode=${task.mode}`,
    `--url=${task.url}`,
    `--messages=${task.messages}`,
    `--in-flight=${task.inFlight}`,
    `--store=${task.store}`,
  ];
}

/** Runs the work, and prints how long it took and what it cost. */
export async function measure(messages: number, work: () => Promise<void>): Promise<void> {
  const cpu = process.cpuUsage();
  const from = performance.now();
  await work();
  const seconds = (performance.now() - from) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  const peakRssMb = process.resourceUsage().maxRSS / 1024;
  const result: Result = { messages, seconds, cpuUs: user + system, peakRssMb };
  console.log(JSON.stringify(result));
}
