/**
 * The daemon's own lanes, pacers and learners on simulated time, against limits of every kind: whatever is
 * configured, real, shared, named or refused, and whatever the wall clock does.
 */
import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { randomOf, SimulatedTime } from '../bench/limits-clock.ts';
import { SimulatedDaemon } from '../bench/limits-daemon.ts';
import { SimulatedGateway, type Model } from '../bench/limits-gateway.ts';

const SECONDS = 40;
/** What may come at once after a late timer, and what the way's jitter and our commits shift into a second. */
const SLACK = 3;

const anyAccount = fc.record({
  seed: fc.integer({ min: 1, max: 1e6 }),
  model: fc.constantFrom<Model>('A', 'B', 'C', 'bucket'),
  configured: fc.integer({ min: 4, max: 80 }),
  /** Of what is configured: the real limit, before and after the middle of the run. */
  real: fc.tuple(
    fc.double({ min: 0.2, max: 1.5, noNaN: true }),
    fc.double({ min: 0.2, max: 1.5, noNaN: true }),
  ),
  theirs: fc.double({ min: 0, max: 0.5, noNaN: true }),
  isNamed: fc.boolean(),
  latencySd: fc.constantFrom(0, 3, 15),
  senders: fc.constantFrom(1, 7),
  senderRate: fc.constantFrom(null, 1),
  stepMs: fc.constantFrom(0, -3_600_000, 3_600_000, -500),
  stepAtMs: fc.integer({ min: 1_000, max: 20_000 }),
});

it('an account is never sent more than is configured, and never stands still', async () => {
  await fc.assert(
    fc.asyncProperty(anyAccount, async (account) => {
      const { seed, model, configured, real, theirs, isNamed, stepMs, stepAtMs } = account;
      const { latencySd, senders, senderRate } = account;
      const limit = (second: number): number =>
        Math.max(2, Math.round(configured * (second < SECONDS / 2 ? real[0] : real[1])));
      const neighbour = (second: number): number => limit(second) * theirs;
      const random = randomOf(seed);
      const time = new SimulatedTime(random);
      const gateway = new SimulatedGateway(
        { model, limit, depth: 3, latencySd, isNamed, neighbour, senderRate },
        time,
        random,
      );
      const parts = { time, random, gateway, configured, senders, senderRate, concurrency: 50 };
      await time.play(SECONDS * 1_000, () => {
        new SimulatedDaemon(parts).start();
        time.after(stepAtMs, () => {
          time.stepWall(stepMs);
        });
      });
      for (let second = 0; second < SECONDS; second += 1) {
        const sent = (gateway.accepted[second] ?? 0) + (gateway.refused[second] ?? 0);
        expect(sent).toBeLessThanOrEqual(configured + SLACK);
      }
      const last = gateway.accepted.slice(SECONDS - 10, SECONDS);
      expect(last.reduce((sum, count) => sum + count, 0)).toBeGreaterThan(0);
    }),
    { numRuns: 40 },
  );
});
