/**
 * `npm run bench`: how fast a backlog drains, beside what others do on the same machine in the same minute.
 *
 *   node test/bench/drain.ts [--rounds 3] [--messages 20000] [--only daemon,request] [--skip-slow]
 *
 * Rounds are interleaved, each contender runs in a process of its own against one stand-in endpoint, and the
 * figures are medians with their spread. It reports and judges nothing: the exit code is 0 whatever it finds.
 */
import { parseArgs } from 'node:util';
import { contenders, type Contender, type Run } from './contenders.ts';
import { printSlow, printFast, printSurroundings } from './drain-report.ts';
import { startEndpoint } from './servers.ts';
import { measureFsync, temporaryFolder } from './support.ts';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    messages: { type: 'string', default: '20000' },
    only: { type: 'string', default: '' },
    'skip-slow': { type: 'boolean', default: false },
  },
});
const rounds = Number(values.rounds);
const messages = Number(values.messages);
const folder = temporaryFolder();
const fsyncMs: number[] = [];

interface Setting {
  readonly latencyMs: number;
  readonly inFlight: number;
  readonly messages: number;
  readonly names: readonly string[];
}

const wanted = (all: readonly string[]): readonly string[] =>
  values.only === '' ? all : all.filter((name) => values.only.split(',').includes(name));

async function drain(setting: Setting): Promise<ReadonlyMap<Contender, readonly Run[]>> {
  const endpoint = await startEndpoint({ latencyMs: setting.latencyMs });
  const place = { endpoint, folder, messages: setting.messages, inFlight: setting.inFlight };
  const chosen = contenders.filter(({ name }) => setting.names.includes(name));
  const runs = new Map<Contender, Run[]>(chosen.map((contender) => [contender, []]));
  const warmUp = contenders.find(({ name }) => name === 'request');
  await warmUp?.run({ ...place, messages: Math.min(setting.messages, 5000) });
  for (let round = 1; round <= rounds; round += 1) {
    fsyncMs.push(...measureFsync(folder));
    for (const [contender, done] of runs) {
      if (contender.missing !== null) continue;
      process.stderr.write(`round ${round} of ${rounds}: ${contender.title}\n`);
      done.push(await contender.run(place));
    }
  }
  await endpoint.stop();
  return runs;
}

const fast = await drain({
  latencyMs: 0,
  inFlight: 64,
  messages,
  names: wanted(['request', 'dispatch', 'daemon', 'bullmq', 'sdk']),
});
const slow = values['skip-slow']
  ? null
  : await drain({
      latencyMs: 50,
      inFlight: 256,
      messages: Math.ceil(messages / 2),
      names: wanted(['request', 'daemon']),
    });

printSurroundings(fsyncMs, rounds);
printFast(fast, messages);
if (slow !== null) printSlow(slow, Math.ceil(messages / 2));
