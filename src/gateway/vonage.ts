/**
 * Speaks `POST /sms/json` over a pool of kept-alive connections, one request at a time on each.
 *
 * Always holds: connect, headers, body and the whole exchange have a time limit; at most 64 KiB of an answer
 * are read; redirects are not followed; Basic auth or a signature, never both (status 32). A request that
 * undici never began to write never left; anything later that is not a whole answer is unanswered.
 */
import { Pool, type Dispatcher } from 'undici';
import type { Claim } from '../core/claim.ts';
import type { Observation } from '../core/observation.ts';
import { readAnswer } from '../core/read-answer.ts';
import { causeOf } from '../causes.ts';
import { encodeForm, fieldsOf, type Signer } from './form.ts';
import type { Gateway } from './gateway.ts';

const BODY_MAX = 65_536;
/** Connecting may take this long at most, whatever the request may. */
const CONNECT_MAX_MS = 10_000;
/** How often exchanges that outlast their time are looked for. */
const SWEEP_MS = 1_000;

export interface VonageOptions {
  readonly baseUrl: string;
  readonly apiKey: string;
  /** Null only with a signature. */
  readonly apiSecret: string | null;
  readonly signature: Pick<Signer, 'method' | 'secret'> | null;
  readonly concurrency: number;
  readonly timeoutMs: number;
  /** Unix seconds. */
  readonly now: () => number;
}

type Done = (observation: Observation) => void;

export class VonageGateway implements Gateway {
  #way: Way;
  /** Pools that nothing more is sent through, until what is open on them has ended. */
  readonly #leaving = new Set<Pool>();
  readonly #now: () => number;
  readonly #open = new Set<Exchange>();
  readonly #sweep: NodeJS.Timeout;

  constructor(options: VonageOptions) {
    this.#now = options.now;
    this.#way = wayOf(options);
    this.#sweep = setInterval(() => this.#breakOffLate(), SWEEP_MS);
    this.#sweep.unref();
  }

  /** From the next request on; what is open ends as it began. */
  adopt(options: Omit<VonageOptions, 'now'>): void {
    const { pool } = this.#way;
    this.#way = wayOf(options);
    this.#leaving.add(pool);
    pool.close(() => this.#leaving.delete(pool));
  }

  send(claim: Claim, ttlMs: number, done: Done): void {
    const { pool, path, headers, signer, timeoutMs } = this.#way;
    const exchange = new Exchange(this.#now, performance.now() + timeoutMs, (observation) => {
      this.#open.delete(exchange);
      done(observation);
    });
    this.#open.add(exchange);
    pool.dispatch(
      {
        path,
        method: 'POST',
        headers: headers as string[],
        body: encodeForm(fieldsOf(claim, ttlMs), signer, this.#now()),
      },
      exchange,
    );
  }

  async close(): Promise<void> {
    clearInterval(this.#sweep);
    await Promise.all([this.#way.pool, ...this.#leaving].map((pool) => pool.destroy()));
  }

  /* headersTimeout and bodyTimeout start anew with every byte; this one does not. */
  #breakOffLate(): void {
    const now = performance.now();
    for (const exchange of this.#open) {
      if (exchange.endsAt <= now) exchange.breakOff();
    }
  }
}

/** How requests go: to whom, as whom, and how long they may take. */
interface Way {
  readonly pool: Pool;
  readonly path: string;
  readonly headers: readonly string[];
  readonly signer: Signer | null;
  readonly timeoutMs: number;
}

function wayOf(options: Omit<VonageOptions, 'now'>): Way {
  const { apiKey, signature, timeoutMs } = options;
  const { origin, pathname } = new URL(options.baseUrl);
  const pool = new Pool(origin, {
    connections: options.concurrency,
    pipelining: 1,
    maxResponseSize: BODY_MAX,
    headersTimeout: timeoutMs,
    bodyTimeout: timeoutMs,
    connect: { timeout: Math.min(timeoutMs, CONNECT_MAX_MS) },
  });
  const path = `${pathname.replace(/\/$/, '')}/sms/json`;
  const signer = signature && { apiKey, ...signature };
  return { pool, path, headers: headersOf(options), signer, timeoutMs };
}

function headersOf(options: Omit<VonageOptions, 'now'>): readonly string[] {
  const headers = [
    'content-type',
    'application/x-www-form-urlencoded',
    'accept',
    'application/json',
  ];
  if (options.signature !== null) return headers;
  const credentials = Buffer.from(`${options.apiKey}:${options.apiSecret ?? ''}`).toString(
    'base64',
  );
  return [...headers, 'authorization', `Basic ${credentials}`];
}

/** One request and its answer, as undici tells of it. */
class Exchange implements Dispatcher.DispatchHandler {
  readonly endsAt: number;
  readonly #now: () => number;
  readonly #done: Done;
  #controller: Dispatcher.DispatchController | null = null;
  #httpStatus: number | null = null;
  #retryAfter: string | null = null;
  #traceId: string | null = null;
  #chunks: Buffer[] = [];
  #isOver = false;

  constructor(now: () => number, endsAt: number, done: Done) {
    this.#now = now;
    this.endsAt = endsAt;
    this.#done = done;
  }

  /* Called as the request is about to be written: from here on it may have left. */
  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    statusCode: number,
    headers: Record<string, string | string[] | undefined>,
  ): void {
    this.#httpStatus = statusCode;
    this.#retryAfter = first(headers['retry-after']);
    this.#traceId = first(headers['x-nexmo-trace-id']);
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#chunks.push(chunk);
  }

  onResponseEnd(): void {
    const [only] = this.#chunks;
    const body = this.#chunks.length === 1 && only ? only : Buffer.concat(this.#chunks);
    this.#finish(
      readAnswer({
        httpStatus: this.#httpStatus ?? 0,
        body: body.toString('utf8'),
        retryAfter: this.#retryAfter,
        traceId: this.#traceId,
        now: this.#now(),
      }),
    );
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    const cause = causeOf(error);
    if (this.#controller === null) {
      this.#finish({ kind: 'never-left', cause });
      return;
    }
    this.#finish({
      kind: 'unanswered',
      cause,
      httpStatus: this.#httpStatus,
      traceId: this.#traceId,
    });
  }

  breakOff(): void {
    this.#controller?.abort(Object.assign(new Error('took too long'), { code: 'TIMEOUT' }));
  }

  #finish(observation: Observation): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#done(observation);
  }
}

function first(value: string | string[] | undefined): string | null {
  return (Array.isArray(value) ? value[0] : value) ?? null;
}
