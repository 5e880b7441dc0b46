/** Says that the disk is full, once a minute: a step that found it so is tried again and loses nothing. */
import type { Clock } from '../clock.ts';
import type { StatusLog } from '../status-log.ts';

const SAID_EVERY_MS = 60_000;

export class FullDisk {
  readonly #clock: Clock;
  readonly #log: StatusLog;
  #saidAtMs = -Infinity;

  constructor(clock: Clock, log: StatusLog) {
    this.#clock = clock;
    this.#log = log;
  }

  /** `waiting` outcomes are in memory and not on disk. */
  say(waiting: number): void {
    const nowMs = this.#clock.monotonicMs();
    if (nowMs - this.#saidAtMs < SAID_EVERY_MS) return;
    this.#saidAtMs = nowMs;
    this.#log.say('error', 'daemon.disk-full', {
      remedy: 'make room where the spool is; nothing is lost, and nothing is sent meanwhile',
      waiting,
    });
  }
}
