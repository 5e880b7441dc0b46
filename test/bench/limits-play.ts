/** Plays one case against one model with one seed on simulated time, and counts what the gateway did. */
import type { Case } from './limits-cases.ts';
import { randomOf, SimulatedTime } from './limits-clock.ts';
import { SimulatedDaemon } from './limits-daemon.ts';
import { SimulatedGateway, type Model } from './limits-gateway.ts';
import type { Peer } from './limits-peers.ts';

export interface Played {
  /** Accepted, of what the limit and the neighbour left. */
  readonly used: number;
  /** Of the requests, those that were throttled. */
  readonly refused: number;
}

const STEPS = 100;

/** `peer` null = the daemon. `seconds`: play no longer than this; it is counted over what there is. */
export async function play(
  one: Case,
  options: {
    readonly model: Model;
    readonly seed: number;
    readonly peer: Peer | null;
    readonly seconds: number;
  },
): Promise<Played> {
  const { model, seed, peer } = options;
  const random = randomOf(seed * 7919);
  const time = new SimulatedTime(random);
  const gateway = new SimulatedGateway({ ...one.gateway, model }, time, random);
  const { configured, concurrency, senders } = one;
  const seconds = Math.min(one.seconds, options.seconds);
  await time.play(seconds * 1000, () => {
    if (peer !== null) peer.start({ time, gateway, rate: configured, concurrency, senders });
    else {
      const { senderRate } = one.gateway;
      const parts = { time, random, gateway, configured, concurrency, senders, senderRate };
      new SimulatedDaemon(parts).start();
    }
  });
  const [from, to] = [one.used[0], Math.min(one.used[1], seconds)];
  const [refusedFrom, refusedTo] = [one.refused[0], Math.min(one.refused[1], seconds)];
  const refused = sum(gateway.refused, refusedFrom, refusedTo);
  const requests = refused + sum(gateway.accepted, refusedFrom, refusedTo);
  return {
    used: sum(gateway.accepted, from, to) / leftBy(one, from, to),
    refused: requests === 0 ? 0 : refused / requests,
  };
}

function sum(series: readonly number[], from: number, to: number): number {
  return series.slice(from, to).reduce((total, count) => total + count, 0);
}

/* What could be sent: the limit, less what the neighbour asks for. */
function leftBy({ gateway }: Case, from: number, to: number): number {
  let left = 0;
  for (let step = 0; step < (to - from) * STEPS; step += 1) {
    const at = from + (step + 0.5) / STEPS;
    left += (gateway.limit(at) - (gateway.neighbour?.(at) ?? 0)) / STEPS;
  }
  return left;
}
