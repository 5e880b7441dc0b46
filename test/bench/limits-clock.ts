/**
 * Simulated time: an event queue that takes the place of the process's timers and of `Date.now`, so that
 * Bottleneck and p-queue run on it as they are. Timers behave as Node's do: whole milliseconds, at least
 * one, and up to one late.
 */
import TinyQueue from 'tinyqueue';

interface Event {
  readonly at: number;
  readonly order: number;
  readonly run: () => void;
  /** Promises may hang on it: they are settled before time goes on. */
  readonly isSettling: boolean;
}

interface Timer {
  isCleared: boolean;
  readonly unref: () => Timer;
  readonly ref: () => Timer;
}

const EPOCH_MS = 1_800_000_000_000;
const realImmediate = globalThis.setImmediate;

export class SimulatedTime {
  readonly #events = new TinyQueue<Event>([], (a, b) => a.at - b.at || a.order - b.order);
  readonly #random: () => number;
  #order = 0;
  #now = 0;
  #steppedMs = 0;

  constructor(random: () => number) {
    this.#random = random;
  }

  /** Milliseconds since the run began. */
  readonly monotonicMs = (): number => this.#now;

  /** The machine runs all the while: only processes die. */
  readonly boot = { id: 'simulated', aheadMs: 0 };

  /** Unix seconds. */
  readonly now = (): number => this.#wallMs() / 1000;

  /** The wall clock is set forward, or back; nothing that waits takes notice. */
  stepWall(stepMs: number): void {
    this.#steppedMs += stepMs;
  }

  /** The process does not run for so long: what was due meanwhile is late. */
  stall(forMs: number): void {
    this.#now += forMs;
  }

  /** Something pure happens after so long. */
  after(waitMs: number, run: () => void): void {
    this.#push(waitMs, run, false);
  }

  /** The same, where promises are waited for. */
  afterSettling(waitMs: number, run: () => void): void {
    this.#push(waitMs, run, true);
  }

  /** Runs `body` and then all that happens until then, with the process's timers replaced. */
  async play(untilMs: number, body: () => void): Promise<void> {
    const restore = this.#install();
    try {
      body();
      await settled();
      for (let next = this.#events.peek(); next !== undefined; next = this.#events.peek()) {
        if (next.at > untilMs) break;
        this.#events.pop();
        this.#now = Math.max(this.#now, next.at);
        next.run();
        if (next.isSettling) await settled();
      }
    } finally {
      restore();
    }
  }

  #wallMs(): number {
    return EPOCH_MS + this.#now + this.#steppedMs;
  }

  #push(waitMs: number, run: () => void, isSettling: boolean): void {
    this.#order += 1;
    const at = this.#now + Math.max(0, waitMs);
    this.#events.push({ at, order: this.#order, run, isSettling });
  }

  #timer(run: () => void, waitMs: number, every: boolean): Timer {
    const timer: Timer = { isCleared: false, unref: () => timer, ref: () => timer };
    const whole = waitMs >= 1 ? Math.trunc(waitMs) : 1;
    const fire = (): void => {
      if (timer.isCleared) return;
      run();
      if (every) this.afterSettling(whole + this.#random(), fire);
    };
    this.afterSettling(whole + this.#random(), fire);
    return timer;
  }

  #install(): () => void {
    const { setTimeout, setInterval, clearTimeout, clearInterval } = globalThis;
    const dateNow = Date.now;
    const clear = (timer?: Timer | null): void => {
      if (timer) timer.isCleared = true;
    };
    const start =
      (every: boolean) =>
      (run: (...args: unknown[]) => void, waitMs = 0, ...args: unknown[]): Timer =>
        this.#timer(() => run(...args), waitMs, every);
    Object.assign(globalThis, {
      setTimeout: start(false),
      setInterval: start(true),
      clearTimeout: clear,
      clearInterval: clear,
    });
    Date.now = () => Math.floor(this.#wallMs());
    return () => {
      Object.assign(globalThis, { setTimeout, setInterval, clearTimeout, clearInterval });
      Date.now = dateNow;
    };
  }
}

/** All promises that can be are settled. */
function settled(): Promise<void> {
  return new Promise((resolve) => realImmediate(resolve));
}

/** A generator of numbers in [0, 1) that a seed repeats (mulberry32). */
export function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A normal variate. */
export function normal(random: () => number, mean: number, deviation: number): number {
  const radius = Math.sqrt(-2 * Math.log(1 - random()));
  return mean + deviation * radius * Math.cos(2 * Math.PI * random());
}
