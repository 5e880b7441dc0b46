/**
 * The daemon is restarted again and again under a stream of receipts, by SIGTERM and by SIGKILL. The socket
 * they come to is passed to it and outlives it, so that connections wait in the kernel: none is refused, and
 * every receipt that was answered is on disk.
 */
import { once } from 'node:events';
import { Agent, request, type ClientRequest } from 'node:http';
import type { Socket } from 'node:net';
import { expect, it } from 'vitest';
import type { LedgerEntry } from '../../src/sandbox/sandbox-ledger.ts';
import type { Program } from './program.ts';
import { API_KEY, Trial } from './trial.ts';

const RECEIPTS = 1_000;
const CONNECTIONS = 8;
const SIGNALS = ['SIGTERM', 'SIGKILL', 'SIGTERM', 'SIGKILL', 'SIGTERM', 'SIGKILL'] as const;
/** Receipts from one restart to the next; the rest comes after the last. */
const STRETCH = Math.floor(RECEIPTS / (SIGNALS.length + 1));
const TIMEOUT_MS = 300_000;

/** What becomes of a connection whose process dies; the gateway comes again then. */
const CUT: readonly string[] = ['ECONNRESET', 'EPIPE'];

interface Receipt {
  readonly clientRef: string;
  readonly body: string;
}

function receiptOf({ clientRef, to, from, messageIds, price }: LedgerEntry): Receipt {
  const fields = {
    msisdn: to,
    to: from,
    messageId: messageIds[0] ?? '',
    price,
    status: 'delivered',
    'err-code': '0',
    'api-key': API_KEY,
    'client-ref': clientRef ?? '',
  };
  return { clientRef: clientRef ?? '', body: new URLSearchParams(fields).toString() };
}

/** The HTTP status, or the system's code for what became of the connection. Waits as long as it takes. */
function post(out: ClientRequest, body: string): Promise<number | string> {
  return new Promise((resolve) => {
    const broken = ({ code, message }: NodeJS.ErrnoException): void => resolve(code ?? message);
    out.once('error', broken).once('response', (answer) => {
      answer.once('error', broken).once('end', () => resolve(answer.statusCode ?? 0));
      answer.resume();
    });
    out.end(body);
  });
}

/** Brings receipts over a few connections, one at a time on each, and each until it is answered well. */
class Stream implements AsyncDisposable {
  /** The client_ref of each receipt that was answered 2xx. */
  readonly answered = new Set<string>();
  /** What came back that is neither a good answer nor a connection cut. */
  readonly wrong: (number | string)[] = [];
  readonly #port: number;
  readonly #agents = Array.from(
    { length: CONNECTIONS },
    () => new Agent({ keepAlive: true, maxSockets: 1 }),
  );
  readonly #ended: Promise<void>[];
  readonly #waiting: Receipt[] = [];
  #isOver = false;
  #change = Promise.withResolvers<undefined>();

  constructor(port: number) {
    this.#port = port;
    this.#ended = this.#agents.map((agent) => this.#bring(agent));
  }

  add(receipts: readonly Receipt[]): void {
    this.#waiting.push(...receipts);
    this.#changed();
  }

  /** Brings receipts at once, each over a connection of its own; resolves when all of these stand. */
  async knock(receipts: readonly Receipt[]): Promise<void> {
    const agent = new Agent();
    this.#agents.push(agent);
    const knocks = receipts.map(async (receipt) => {
      const out = this.#request(agent);
      const brought = post(out, receipt.body).then((came) => this.#take(receipt, came));
      this.#ended.push(brought);
      const [socket] = (await once(out, 'socket')) as [Socket];
      await Promise.race([once(socket, 'connect'), brought]);
    });
    await Promise.all(knocks);
  }

  /** Resolves when so many are answered, or something is wrong. */
  async brought(count: number): Promise<void> {
    while (this.answered.size < count && this.wrong.length === 0) await this.#change.promise;
  }

  /** Cuts what is out. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOver = true;
    this.#changed();
    for (const agent of this.#agents) agent.destroy();
    await Promise.all(this.#ended);
  }

  async #bring(agent: Agent): Promise<void> {
    while (!this.#isOver) {
      const receipt = this.#waiting.shift();
      if (receipt === undefined) await this.#change.promise;
      else this.#take(receipt, await post(this.#request(agent), receipt.body));
    }
  }

  #request(agent: Agent): ClientRequest {
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    const place = { host: '127.0.0.1', port: this.#port, path: '/receipts' };
    return request({ ...place, agent, method: 'POST', headers });
  }

  #take(receipt: Receipt, came: number | string): void {
    if (came === 200) this.answered.add(receipt.clientRef);
    else {
      if (came !== 503 && !CUT.includes(String(came))) this.wrong.push(came);
      this.#waiting.unshift(receipt);
    }
    this.#changed();
  }

  #changed(): void {
    this.#change.resolve(undefined);
    this.#change = Promise.withResolvers<undefined>();
  }
}

/** Receipts that were answered by a daemon that has ended, and are not on disk. */
function lostBy(trial: Trial, program: Program, stream: Stream): readonly string[] {
  const kept = new Set(trial.left(program).kept);
  return [...stream.answered].filter((clientRef) => !kept.has(clientRef));
}

it(
  'restarted under a stream of receipts, refuses no connection and loses no receipt',
  async () => {
    const messages = RECEIPTS;
    await using trial = await Trial.begin({ messages, receipts: 'sent', sending: null });
    let program = trial.start();
    await trial.until(program, ['await-receipt']);
    const receipts = trial.sandbox.ledger.entries().map(receiptOf);
    await using stream = new Stream(trial.receiptsPort);
    stream.add(receipts.splice(0, STRETCH));
    let goal = 0;
    for (const signal of SIGNALS) {
      goal += STRETCH;
      await stream.brought(goal - STRETCH / 2);
      program.kill(signal);
      const ended = await program.end();

      expect(ended).toEqual(
        signal === 'SIGKILL' ? { code: null, signal } : { code: 0, signal: null },
      );
      expect(lostBy(trial, program, stream)).toEqual([]);
      /* Nobody is there who could take these. */
      await stream.knock(receipts.splice(0, CONNECTIONS));
      stream.add(receipts.splice(0, STRETCH - CONNECTIONS));
      expect(stream.wrong).toEqual([]);
      program = trial.start();
    }
    stream.add(receipts);
    await stream.brought(RECEIPTS);
    expect(stream.wrong).toEqual([]);
    program.kill('SIGKILL');
    await trial.died(program);
    expect(await trial.finish()).toMatchObject({ complaints: [], states: { delivered: RECEIPTS } });
  },
  TIMEOUT_MS,
);
