/**
 * Ends the demo early: after a signal, at its time limit, or when the daemon cannot go on. The scenes ask now and then.
 * If they do not, or the end itself hangs, the process leaves with code 1.
 */
import { CommandError, EXIT } from '../terminal/exit-codes.ts';
import { say } from '../terminal/print.ts';

/** Time after the limit for open requests and for the daemon to stop. */
const LEAVE_MS = 4_000;
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

export class DemoEnd implements Disposable {
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

  /** Whether the time is up. Throws any other cause: a signal, as CommandError, or the daemon's error. */
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
  say('sms-spoold: the demo did not end in time and was stopped');
  process.exit(EXIT.failed);
}
