/**
 * A gateway on simulated time: four models of one limit, another client on the same account, senders with a
 * limit of their own, and a way there and back that takes normal(40 ms) each. It counts what it accepts.
 */
import { normal, type SimulatedTime } from './limits-clock.ts';

/** A: sliding second counting accepted. B: sliding second where refused calls count. C: fixed second. */
export type Model = 'A' | 'B' | 'C' | 'bucket';

export interface GatewayOptions {
  readonly model: Model;
  /** Requests per second at an instant (seconds since the start). */
  readonly limit: (second: number) => number;
  /** Of the bucket. */
  readonly depth: number;
  readonly latencySd: number;
  /** Whether the text of a refusal names limit and window. */
  readonly isNamed: boolean;
  /** What another client sends (requests per second); it does not retry. */
  readonly neighbour: ((second: number) => number) | null;
  /** Each sender's own limit (messages per second); null = none. */
  readonly senderRate: number | null;
}

export interface Answer {
  readonly isAccepted: boolean;
  /** Of a refusal. */
  readonly text: string;
}

const LATENCY_MS = 40;
const LATENCY_MIN_MS = 1;
const PHASE_MS = 377;
const PLAIN =
  'You have exceeded the submission capacity allowed on this account, please back-off and retry';

export class SimulatedGateway {
  /** Requests accepted and refused in each second, ours and the neighbour's. */
  readonly accepted: number[] = [];
  readonly refused: number[] = [];
  readonly theirs: number[] = [];
  readonly #options: GatewayOptions;
  readonly #time: SimulatedTime;
  readonly #random: () => number;
  readonly #window: number[] = [];
  #windowFrom = 0;
  #fixed = { start: -1, count: 0 };
  #bucket = { tokens: 0, at: 0 };
  readonly #senders = new Map<string, number>();

  constructor(options: GatewayOptions, time: SimulatedTime, random: () => number) {
    this.#options = options;
    this.#time = time;
    this.#random = random;
    this.#bucket.tokens = options.depth;
    if (options.neighbour !== null) this.#neighbour(options.neighbour);
  }

  /** A request leaves now; `onAnswer` hears of it once its answer is back. */
  send(sender: string, onAnswer: (answer: Answer) => void): void {
    this.#time.after(this.#way(), () => {
      const answer = this.#answer(sender);
      this.#time.afterSettling(this.#way(), () => onAnswer(answer));
    });
  }

  #way(): number {
    return Math.max(LATENCY_MIN_MS, normal(this.#random, LATENCY_MS, this.#options.latencySd));
  }

  #answer(sender: string): Answer {
    const now = this.#time.monotonicMs();
    const { senderRate } = this.#options;
    const isOver = !this.#take(now);
    const since = now - (this.#senders.get(sender) ?? -Infinity);
    const isSenderOver = !isOver && senderRate !== null && since < 1000 / senderRate;
    const isAccepted = !isOver && !isSenderOver;
    if (isAccepted) this.#senders.set(sender, now);
    bump(isAccepted ? this.accepted : this.refused, now);
    if (!isSenderOver) return { isAccepted, text: this.#text(now) };
    const waitMs = Math.ceil(1000 / senderRate - since);
    return { isAccepted, text: `Throughput Rate Exceeded - please wait [ ${waitMs} ] and retry` };
  }

  #text(now: number): string {
    if (!this.#options.isNamed) return PLAIN;
    const limit = this.#limit(now);
    const into = Math.floor((now + PHASE_MS) % 1000);
    return (
      `Exceeded maximum MT throughput[ MAX [ ${limit} ] INTERVAL [ 1000 ] COUNT [ ${limit} ] ` +
      `LAST INT-START [ ${Math.floor(now - into)} ] TIME_SINCE_LAST_INTERVAL_START [ ${into} ]  ]`
    );
  }

  #limit(now: number): number {
    return this.#options.limit(now / 1000);
  }

  #take(now: number): boolean {
    const { model } = this.#options;
    if (model === 'C') return this.#takeFixed(now);
    return model === 'bucket' ? this.#takeToken(now) : this.#takeSliding(now, model === 'B');
  }

  #takeSliding(now: number, areRefusedCounted: boolean): boolean {
    const window = this.#window;
    while (this.#windowFrom < window.length && (window[this.#windowFrom] ?? 0) <= now - 1000) {
      this.#windowFrom += 1;
    }
    const isFree = window.length - this.#windowFrom < this.#limit(now);
    if (isFree || areRefusedCounted) window.push(now);
    return isFree;
  }

  #takeFixed(now: number): boolean {
    const start = Math.floor((now + PHASE_MS) / 1000);
    if (this.#fixed.start !== start) this.#fixed = { start, count: 0 };
    if (this.#fixed.count >= this.#limit(now)) return false;
    this.#fixed.count += 1;
    return true;
  }

  #takeToken(now: number): boolean {
    const { tokens, at } = this.#bucket;
    const filled = Math.min(this.#options.depth, tokens + ((now - at) * this.#limit(now)) / 1000);
    const isFree = filled >= 1;
    this.#bucket = { tokens: isFree ? filled - 1 : filled, at: now };
    return isFree;
  }

  #neighbour(rate: (second: number) => number): void {
    const stepMs = 10;
    let owed = 0;
    const step = (): void => {
      const now = this.#time.monotonicMs();
      owed += (rate(now / 1000) * stepMs) / 1000;
      for (; owed >= 1; owed -= 1) {
        this.#time.after(this.#way(), () => {
          const at = this.#time.monotonicMs();
          if (this.#take(at)) bump(this.theirs, at);
        });
      }
      this.#time.after(stepMs, step);
    };
    this.#time.after(0, step);
  }
}

function bump(series: number[], nowMs: number): void {
  const second = Math.floor(nowMs / 1000);
  while (series.length <= second) series.push(0);
  series[second] = (series[second] ?? 0) + 1;
}
