/**
 * The event loop stands still while the server goes on: what it sent meanwhile lies in the socket. The server is a
 * thread, and the stall ends when the thread has done what the test is about.
 */
import { once } from 'node:events';
import { resolve } from 'node:path';
import { Worker } from 'node:worker_threads';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Observation } from '../../src/core/answer/observation.ts';
import { LoopWatch } from '../../src/gateway/loop-watch.ts';
import { VonageGateway } from '../../src/gateway/vonage.ts';
import { claimOf, NOW } from '../support/verdicts.ts';

/** Long enough to be a stall, and longer than the time-out and the look for late requests together. */
const STALL_MS = 2_500;
const ANSWERS = 0;
const CLOSED = 1;
const GO = 2;

interface Peer {
  readonly worker: Worker;
  readonly counts: Int32Array;
  readonly url: string;
}

async function startPeer(mode: 'answer' | 'late'): Promise<Peer> {
  const shared = new SharedArrayBuffer(12);
  const worker = new Worker(resolve(import.meta.dirname, 'peer-worker.ts'), {
    workerData: { shared, mode },
  });
  onTestFinished(async () => {
    await worker.terminate();
  });
  const [port] = (await once(worker, 'message')) as [number];
  return { worker, counts: new Int32Array(shared), url: `http://127.0.0.1:${port}` };
}

function gatewayTo(url: string, over: { concurrency: number; timeoutMs: number }): VonageGateway {
  const gateway = new VonageGateway({
    ...{ baseUrl: url, apiKey: 'abcd1234', apiSecret: 'secret', signature: null },
    ...{ now: () => NOW, watch: new LoopWatch(), ...over },
  });
  onTestFinished(() => gateway.close());
  return gateway;
}

const send = (gateway: VonageGateway, id: number): Promise<Observation> =>
  new Promise((observed) => gateway.send(claimOf({ id }), 86_400_000, observed));

/** The loop stands still until the peer has counted so far, and then for a while longer. */
function stall({ counts }: Peer, index: number, count: number, forMs: number): void {
  const endsAt = performance.now() + forMs;
  for (let seen = Atomics.load(counts, index); seen < count; seen = Atomics.load(counts, index)) {
    Atomics.wait(counts, index, seen);
  }
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, endsAt - performance.now());
}

describe('after a stall of the event loop', () => {
  it('the answer in the socket is read before the time-out is believed', async () => {
    const peer = await startPeer('late');
    const gateway = gatewayTo(peer.url, { concurrency: 20, timeoutMs: 300 });
    const observed = Promise.all(Array.from({ length: 20 }, (_, id) => send(gateway, id + 1)));
    await once(peer.worker, 'message');
    Atomics.store(peer.counts, GO, 1);
    Atomics.notify(peer.counts, GO);
    stall(peer, ANSWERS, 1, STALL_MS);
    const kinds = (await observed).map(({ kind }) => kind);
    expect(new Set(kinds)).toEqual(new Set(['answered']));
  });

  it('a request is not written to a connection that the server closed meanwhile', async () => {
    const peer = await startPeer('answer');
    const gateway = gatewayTo(peer.url, { concurrency: 1, timeoutMs: 5_000 });
    expect(await send(gateway, 1)).toMatchObject({ kind: 'answered' });
    await new Promise((turned) => setTimeout(turned, 20));
    const second = new Promise<Observation>((observed) => {
      setImmediate(() => {
        /* In the check phase: the stall comes between the poll of the next turn and the write. */
        setImmediate(() => {
          peer.worker.postMessage('close');
          stall(peer, CLOSED, 1, 400);
        });
        gateway.send(claimOf({ id: 2 }), 86_400_000, observed);
      });
    });
    expect(await second).toMatchObject({ kind: 'answered' });
  });
});
