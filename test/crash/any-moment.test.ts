/**
 * The daemon at full speed is killed twenty times at moments that nobody chose: while it starts, picks up,
 * sends. In the end each of its messages was accepted, and twice only what is marked.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { Trial } from './trial.ts';

const MESSAGES = 3_000;
const KILLS = 20;
/** Lines of a run after which it may be killed, so that twenty runs do not come to the end. */
const LINES_MAX = 100;
const LATER_MS = 10;
const STARTING_MS = 400;
/** Twenty-one starts and 3,000 messages, on the slowest machine. */
const TIMEOUT_MS = 300_000;

it(
  'killed twenty times at any moment, loses nothing and doubles only what it marks',
  async () => {
    const seed = Math.floor(Math.random() * 2 ** 31);
    const random = randomOf(seed);
    await using trial = await Trial.begin({ messages: MESSAGES, concurrency: 32, latencyMs: 5 });
    let open = 0;
    for (let kill = 1; kill <= KILLS; kill += 1) {
      const program = trial.start();
      if (kill % 4 === 0) await sleep(random() * STARTING_MS);
      else {
        let lines = Math.ceil(random() * LINES_MAX);
        await program.line(({ event }) => event === 'message.await-receipt' && (lines -= 1) <= 0);
        await sleep(random() * LATER_MS);
      }
      program.kill('SIGKILL');
      open += (await trial.died(program)).open.length;
    }
    expect(open).toBeGreaterThan(0);
    const { complaints, doubles } = await trial.finish();
    expect(complaints, `seed ${seed}`).toEqual([]);
    expect(doubles, `seed ${seed}`).toBeLessThanOrEqual(open);
  },
  TIMEOUT_MS,
);

/** Numbers in [0, 1), the same for the same seed (mulberry32). */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
