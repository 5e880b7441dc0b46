/** Says that the disk is full, once a minute: a step that found it so is tried again and loses nothing. */
import type { Clock } from '../clock.ts';
import { remedyOfSpool } from '../core/stop-reasons.ts';
import type { StatusLog } from '../status-log.ts';

const SAID_EVERY_MS = 60_000;

export class FullDisk {
  readonly #clock: Clock;
  readonly #log: StatusLog;
  readonly #spool: string;
  #saidAtMs = -Infinity;

  /** `spool` is the path of the spool. */
  constructor(clock: Clock, log: StatusLog, spool: string) {
    this.#clock = clock;
    this.#log = log;
    this.#spool = spool;
  }

  /** `waiting` outcomes are in memory and not on disk. */
  say(waiting: number): void {
    const nowMs = this.#clock.monotonicMs();
    if (nowMs - this.#saidAtMs < SAID_EVERY_MS) return;
    this.#saidAtMs = nowMs;
    const remedy = remedyOfSpool('disk-full', this.#spool);
    this.#log.say('error', 'daemon.disk-full', { remedy, waiting });
  }
}
