/**
 * Why the demo ends before its time: a signal, its limit, or a daemon that cannot go on. Whoever plays asks
 * now and then. If nobody does, or the end itself hangs, the process leaves with code 1 all the same.
 */
import { CommandError, EXIT } from '../terminal/exit-codes.ts';
import { say } from '../terminal/print.ts';

/** After the limit, requests that are out have so long to come back, and the daemon to leave. */
const LEAVE_MS = 4_000;
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

export class Stop implements Disposable {
  readonly #limit: NodeJS.Timeout;
  readonly #end: NodeJS.Timeout;
  #isLate = false;
  #error: Error | null = null;

  constructor(limitMs: number) {
    this.#limit = setTimeout(() => (this.#isLate = true), limitMs);
    this.#end = setTimeout(leave, limitMs + LEAVE_MS);
    for (const signal of SIGNALS) process.on(signal, this.#onSignal);
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#limit);
    clearTimeout(this.#end);
    for (const signal of SIGNALS) process.off(signal, this.#onSignal);
  }

  /** The time is up. Throws what else ended the demo: a signal, as CommandError, or the daemon's error. */
  isLate(): boolean {
    if (this.#error !== null) throw this.#error;
    return this.#isLate;
  }

  /** The daemon cannot go on. */
  fail(error: unknown): void {
    this.#error ??= error instanceof Error ? error : new Error(String(error), { cause: error });
  }

  readonly #onSignal = (signal: NodeJS.Signals): void => {
    if (this.#error !== null) process.exit(EXIT.failed);
    this.fail(new CommandError(`stopped by ${signal} before the end`));
  };
}

function leave(): void {
  say('sms-spoold: the demo was to end, and did not: left at once');
  process.exit(EXIT.failed);
}
