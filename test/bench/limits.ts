/**
 * How much of the gateway's limit is used, and how often it has to refuse.
 *
 *   node test/bench/limits.ts [--seconds 60] [--only 'window,bucket'] [--real] [--case shared] [--seeds 5]
 *
 * First the daemon's own code on simulated time, 120 s a seed (60 at 1000/s), against models of the limit: A a
 * sliding second that counts what it accepted, B one where refused calls count too, C a fixed second, and a token
 * bucket; then what people use instead. At last the built daemon in real time against the sandbox
 * (`--seconds 0` leaves it out, `--real` leaves out the rest, `--only` names its scenarios). Exit code 0 whatever it finds.
 */
import { parseArgs } from 'node:util';
import { CASES, type Case } from './limits-cases.ts';
import type { Model } from './limits-gateway.ts';
import { PEERS, type Peer } from './limits-peers.ts';
import { play, type Played } from './limits-play.ts';
import { playForReal } from './limits-real.ts';
import { table, type Cell } from './table.ts';

/** A job costs a library some 100 µs: at 1000/s they are played for this long, and at most for so many seeds. */
const FAST_PEER_SECONDS = 5;
const FAST_FROM = 200;
const PEER_SEEDS = 2;

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    only: { type: 'string', default: '' },
    case: { type: 'string', default: '' },
    seeds: { type: 'string', default: '5' },
    real: { type: 'boolean', default: false },
  },
});
const seeds = Number(values.seeds);
const seconds = Number(values.seconds);

async function playAll(one: Case, model: Model, peer: Peer | null): Promise<readonly Played[]> {
  const isShort = peer !== null && one.configured >= FAST_FROM;
  const most = peer === null ? seeds : Math.min(seeds, PEER_SEEDS);
  const played: Played[] = [];
  for (let seed = 1; seed <= most; seed += 1) {
    const limit = isShort ? FAST_PEER_SECONDS : Infinity;
    played.push(await play(one, { model, seed, peer, seconds: limit }));
  }
  return played;
}

const medianOf = (numbers: readonly number[]): number => {
  const sorted = numbers.toSorted((a, b) => a - b);
  const middle = (sorted.length - 1) / 2;
  return ((sorted[Math.floor(middle)] ?? 0) + (sorted[Math.ceil(middle)] ?? 0)) / 2;
};

const percent = (share: number, digits: number): string => (share * 100).toFixed(digits);

function rowOf(one: Case, model: Model, played: readonly Played[]): readonly Cell[] {
  const used = played.map((run) => run.used);
  const refused = played.map((run) => run.refused);
  const { bars } = one;
  const isReached = medianOf(used) >= bars.used && medianOf(refused) <= bars.refused;
  const range = `${percent(Math.min(...used), 1)}–${percent(Math.max(...used), 1)}`;
  return [
    `${one.title}, ${model}`,
    percent(medianOf(used), 1),
    range,
    percent(medianOf(refused), 2),
    `≤ ${percent(Math.max(...refused), 2)}`,
    `${percent(bars.used, 0)}/${percent(bars.refused, 1)}`,
    isReached ? 'reached' : 'NOT REACHED',
  ];
}

const describePeer = ({ short, name, isLibrary }: Peer): string =>
  `${short}: ${name}, ${isLibrary ? 'the library on replaced timers' : 'a model of it'}`;

const wanted = CASES.filter(({ title }) => title.includes(values.case));
const pairs = wanted.flatMap((one) => one.models.map((model) => ({ one, model })));
const began = process.cpuUsage();

async function simulate(): Promise<void> {
  const ours: (readonly Cell[])[] = [];
  for (const { one, model } of pairs) {
    process.stderr.write(`${one.title}, ${model}\n`);
    ours.push(rowOf(one, model, await playAll(one, model, null)));
  }
  console.log(
    `\nsms-spoold's code on simulated time, % of the limit: median (range) of ${seeds} seeds\n`,
  );
  console.log(table(['', 'used', 'refused', 'bars', ''], ours));

  const theirs: (readonly Cell[])[] = [];
  for (const { one, model } of pairs) {
    const cells: Cell[] = [`${one.title}, ${model}`];
    for (const peer of PEERS) {
      process.stderr.write(`${one.title}, ${model}: ${peer.name}\n`);
      const played = await playAll(one, model, peer);
      const used = medianOf(played.map((run) => run.used));
      const refused = medianOf(played.map((run) => run.refused));
      cells.push(`${percent(used, 0)}/${percent(refused, 1)}`);
    }
    theirs.push(cells);
  }
  console.log(
    `\nWhat people use instead, used/refused in %, ${Math.min(seeds, PEER_SEEDS)} seeds (at 1000/s ` +
      `${FAST_PEER_SECONDS} s)\n`,
  );
  console.log(table(['', ...PEERS.map(({ short }) => short)], theirs));
  console.log(`\n${PEERS.map(describePeer).join('\n')}`);
  const { user, system } = process.cpuUsage(began);
  console.log(`\nCPU of the simulation: ${((user + system) / 1e6).toFixed(0)} s`);
}

if (!values.real) await simulate();
if (seconds > 0) {
  const names = values.only === '' ? [] : values.only.split(',');
  const found = await playForReal(seconds, names);
  console.log(
    `\nThe built daemon in real time, ${seconds} s; bars 94 % used, 0.5 % throttled, 0.3 % where ` +
      `it is known or asked for\n`,
  );
  console.log(found);
}
