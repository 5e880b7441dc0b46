/**
 * Sends `POST /sms/json` over a pool of kept-alive connections, one request at a time on each.
 *
 * Always holds: connect and the whole exchange have a time limit; at most 64 KiB of an answer are read; redirects are
 * not followed; Basic auth or a signature, never both (status 32). A request that undici never began to write never
 * left; any later failure is unanswered. After a stall of the event loop, no time-out is believed and no idle
 * connection is used before the sockets were read.
 */
import { Pool, type Dispatcher } from 'undici';
import type { Claim } from '../core/message/claim.ts';
import type { Observation } from '../core/answer/observation.ts';
import { readAnswer } from '../core/answer/read-answer.ts';
import { causeOf } from './failure-causes.ts';
import { textOfAnswer } from './answer-body.ts';
import { encodeForm, fieldsOf, type Signer } from './form.ts';
import type { Capabilities, Gateway } from './gateway.ts';
import type { LoopWatch } from './loop-watch.ts';
import type { ApiTarget } from './question.ts';
import { connectorOf } from './skip-continue.ts';

const BODY_MAX = 65_536;
/** Connecting may take this long at most, whatever the request may. */
const CONNECT_MAX_MS = 10_000;
/** How often exchanges are checked against their time limit. */
const SWEEP_MS = 500;
/** A sweep that is later than this shows that the loop stalled. */
const LATE_MS = 250;

export interface VonageOptions extends ApiTarget {
  /** Null = Basic auth. */
  readonly signature: Pick<Signer, 'method' | 'secret'> | null;
  readonly concurrency: number;
  /** Unix seconds. */
  readonly now: () => number;
  /** One for all gateways of a process. */
  readonly watch: LoopWatch;
}

/** A reload may change these. */
type VonageTarget = Omit<VonageOptions, 'now' | 'watch'>;

type Done = (observation: Observation) => void;

export class VonageGateway implements Gateway {
  readonly capabilities: Capabilities = { partsInAnswer: true, validity: true, binary: true };
  #destination: Destination;
  /** Former pools, until their open requests have ended. */
  readonly #leaving = new Set<Pool>();
  readonly #now: () => number;
  readonly #open = new Set<Exchange>();
  readonly #watch: LoopWatch;
  readonly #sweep: NodeJS.Timeout;
  #sweptAtMs = performance.now();
  /** How long the loop stalled so far: that time counts against no request. */
  #stalledMs = 0;

  constructor(options: VonageOptions) {
    this.#now = options.now;
    this.#watch = options.watch;
    this.#watch.start();
    this.#destination = destinationOf(options, this.#watch);
    this.#sweep = setInterval(() => this.#breakOffLate(), SWEEP_MS);
    this.#sweep.unref();
  }

  /** From the next request on; open requests end as they began. */
  adopt(options: VonageTarget): void {
    const { pool } = this.#destination;
    this.#destination = destinationOf(options, this.#watch);
    this.#leaving.add(pool);
    pool.close(() => this.#leaving.delete(pool));
  }

  send(claim: Claim, ttlMs: number | null, done: Done): void {
    const destination = this.#destination;
    const exchange = new Exchange({
      now: this.#now,
      watch: this.#watch,
      endsAtMs: performance.now() - this.#stalledMs + destination.timeoutMs,
      done: (observation) => {
        this.#open.delete(exchange);
        done(observation);
      },
      again: () => this.#watch.afterPoll(dispatch),
    });
    const body = encodeForm(fieldsOf(claim, ttlMs), destination.signer, this.#now());
    const { pool, path, headers } = destination;
    const dispatch = (): void => {
      pool.dispatch({ path, method: 'POST', headers, body }, exchange);
    };
    this.#open.add(exchange);
    if (this.#watch.hasJustPolled) dispatch();
    else this.#watch.afterPoll(dispatch);
  }

  async close(): Promise<void> {
    clearInterval(this.#sweep);
    this.#watch.stop();
    await Promise.all([this.#destination.pool, ...this.#leaving].map((pool) => pool.destroy()));
  }

  /* The only time limit of an exchange: those of undici restart with every byte, and do not read the socket. */
  #breakOffLate(): void {
    const nowMs = performance.now();
    const lateMs = nowMs - this.#sweptAtMs - SWEEP_MS;
    this.#sweptAtMs = nowMs;
    if (lateMs > LATE_MS) this.#stalledMs += lateMs;
    const ranMs = nowMs - this.#stalledMs;
    const late = [...this.#open].filter(({ endsAtMs }) => endsAtMs <= ranMs);
    if (late.length === 0) return;
    this.#watch.afterPoll(() => {
      for (const exchange of late) exchange.breakOff();
    });
  }
}

/** The destination, credentials and time limit of requests. */
interface Destination {
  readonly pool: Pool;
  readonly path: string;
  /** Name, value, name, value, …; undici does not change it. */
  readonly headers: string[];
  readonly signer: Signer | null;
  readonly timeoutMs: number;
}

function destinationOf(options: VonageTarget, watch: LoopWatch): Destination {
  const { apiKey, signature, timeoutMs } = options;
  const { origin, pathname } = new URL(options.baseUrl);
  const pool = new Pool(origin, {
    connections: options.concurrency,
    pipelining: 1,
    maxResponseSize: BODY_MAX,
    headersTimeout: 0,
    bodyTimeout: 0,
    connect: connectorOf(Math.min(timeoutMs, CONNECT_MAX_MS)),
  });
  pool.on('connect', () => watch.notePolled());
  const path = `${pathname.replace(/\/$/, '')}/sms/json`;
  const signer = signature && { apiKey, ...signature };
  return { pool, path, headers: headersOf(options), signer, timeoutMs };
}

function headersOf(options: VonageTarget): string[] {
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

interface ExchangeParts {
  readonly now: () => number;
  readonly watch: LoopWatch;
  /** By the clock that stands still while the loop stalls. */
  readonly endsAtMs: number;
  readonly done: Done;
  /** Sends the same request again: nothing of it was written. */
  readonly again: () => void;
}

/** One request and its answer, as undici reports them. */
class Exchange implements Dispatcher.DispatchHandler {
  readonly endsAtMs: number;
  readonly #parts: ExchangeParts;
  #controller: Dispatcher.DispatchController | null = null;
  #isStale = false;
  #httpStatus: number | null = null;
  #retryAfter: string | null = null;
  #traceId: string | null = null;
  #contentType: string | null = null;
  #chunks: Buffer[] = [];
  #isOver = false;

  constructor(parts: ExchangeParts) {
    this.#parts = parts;
    this.endsAtMs = parts.endsAtMs;
  }

  /* Called as the request is about to be written: from here on it may have left. An idle connection that was
     not looked at since a stall may be closed: it is given up, unwritten. */
  onRequestStart(controller: Dispatcher.DispatchController): void {
    if (this.#parts.watch.hasJustPolled) {
      this.#controller = controller;
      return;
    }
    this.#isStale = true;
    controller.abort(new Error('the event loop stalled'));
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    statusCode: number,
    headers: Record<string, string | string[] | undefined>,
  ): void {
    this.#httpStatus = statusCode;
    this.#retryAfter = first(headers['retry-after']);
    this.#traceId = first(headers['x-nexmo-trace-id']);
    this.#contentType = first(headers['content-type']);
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
        body: textOfAnswer(body, this.#contentType),
        retryAfter: this.#retryAfter,
        traceId: this.#traceId,
        now: this.#parts.now(),
      }),
    );
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    if (this.#isStale) {
      this.#isStale = false;
      this.#parts.again();
      return;
    }
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
    this.#parts.done(observation);
  }
}

function first(value: string | string[] | undefined): string | null {
  return (Array.isArray(value) ? value[0] : value) ?? null;
}
