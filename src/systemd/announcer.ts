/**
 * What the service manager is told: ready, reloading, stopping, one line of status, and that the loop goes
 * round (sd_notify(3)). Without a service manager it says nothing.
 *
 * Always holds: a message is one datagram, so its words arrive together; nothing in them can add an
 * assignment.
 */
import { escapeText } from '../core/escape.ts';
import { openChannel, type Channel, type ChannelParts } from './channel.ts';

export class Announcer implements Disposable {
  /** A loop that was silent for so long is killed; null = nobody watches. */
  readonly watchdogMs: number | null;
  readonly #channel: Channel | null;

  constructor(parts: ChannelParts) {
    this.#channel = openChannel(parts);
    this.watchdogMs = this.#channel === null ? null : watchdogOf(parts);
  }

  /** Whether anybody listens. */
  get isHeard(): boolean {
    return this.#channel !== null;
  }

  ready(status: string): void {
    this.#send('READY=1', statusOf(status));
  }

  stopping(status: string): void {
    this.#send('STOPPING=1', statusOf(status));
  }

  /** The loop went round, and this is how things are. */
  alive(status: string): void {
    this.#send('WATCHDOG=1', statusOf(status));
  }

  status(status: string): void {
    this.#send(statusOf(status));
  }

  /** Announces a reload, does it, and announces its end whatever came of it. Rethrows. */
  async reload<T>(work: () => T | Promise<T>): Promise<T> {
    /* CLOCK_MONOTONIC: by it a notify-reload service knows that this answers its own signal. */
    this.#send('RELOADING=1', `MONOTONIC_USEC=${process.hrtime.bigint() / 1_000n}`);
    try {
      return await work();
    } finally {
      this.#send('READY=1');
    }
  }

  [Symbol.dispose](): void {
    this.#channel?.[Symbol.dispose]();
  }

  #send(...assignments: readonly string[]): void {
    this.#channel?.send(assignments);
  }
}

function watchdogOf({ env, pid }: ChannelParts): number | null {
  const { WATCHDOG_PID = String(pid), WATCHDOG_USEC } = env;
  const watchdogMs = Number(WATCHDOG_USEC) / 1_000;
  return WATCHDOG_PID === String(pid) && watchdogMs > 0 ? watchdogMs : null;
}

function statusOf(text: string): string {
  return `STATUS=${escapeText(text)}`;
}
