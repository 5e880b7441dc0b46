/**
 * Tells what happens while the demo runs, from the daemon's own status log: one line an event, a sentence of
 * explanation where something happens for the first time, one line a second for the backlog, and a word
 * about what is waited for when nothing happens.
 *
 * It adds nothing of its own: everything it knows is in the log, which `--json` shows as it is.
 */
import { BULK_REFERENCE } from './samples.ts';
import { lineOf, remark, type LogEntry } from './line.ts';
import type { Output } from '../status-log.ts';

/** What the demo speaks through. */
export interface Voice extends Output {
  /** Something that the application did. */
  say(text: string): void;
  /** Called several times a second; `waiting` is said when nothing was for a while. */
  tick(waiting: () => string): void;
}

/** The backlog's messages are told one by one up to here, then by the second. */
const BULK_SHOWN = 2;
const BULK_EVERY_MS = 1_000;
const SILENCE_MS = 2_000;

/** Event and reason, or event alone → what it means, said once. */
const EXPLANATIONS: Readonly<Record<string, string>> = {
  'message.await-receipt accepted':
    'accepted; a receipt would tell if it is delivered, the demo has none',
  'message.await-receipt accepted-in-part':
    'one part was accepted, the rest refused: never sent again whole',
  'message.queued throttled': 'back in its lane: being throttled costs it no attempt',
  'message.retry': 'refused for now: tried again, later each time',
  'message.uncertain': 'no answer, perhaps accepted: sent again in 4 s and marked, unless held',
  'message.permanent-failure': 'refused for good: sending again would not help',
  'message.expired': 'its validity passed before its turn came: not sent',
  'message.cancelled': 'taken back through the control table: not sent',
};

export class Narrator implements Voice {
  readonly #print: (text: string) => void;
  readonly #now: () => number;
  readonly #startedAtMs: number;
  readonly #explained = new Set<string>();
  #bulkSeen = 0;
  #bulkUntold = 0;
  #bulkToldAtMs = 0;
  #spokeAtMs: number;

  /** `print` takes whole lines; `now` is in milliseconds. */
  constructor(print: (text: string) => void, now: () => number) {
    this.#print = print;
    this.#now = now;
    this.#startedAtMs = now();
    this.#spokeAtMs = this.#startedAtMs;
  }

  /** Lines of the status log. */
  write(lines: string): void {
    for (const line of lines.trimEnd().split('\n')) this.#tell(JSON.parse(line) as LogEntry);
  }

  say(text: string): void {
    this.#line(remark(`application: ${text}`, this.#seconds(), 'cyan'));
  }

  tick(waiting: () => string): void {
    const nowMs = this.#now();
    if (this.#bulkUntold > 0 && nowMs - this.#bulkToldAtMs >= BULK_EVERY_MS) this.#tellBulk();
    if (nowMs - this.#spokeAtMs >= SILENCE_MS) {
      this.#line(remark(`… ${waiting()}`, this.#seconds(), 'dim'));
    }
  }

  #tell(entry: LogEntry): void {
    if (this.#isBulk(entry)) return;
    this.#line(lineOf(entry, this.#seconds()));
    const { event, reason = '' } = entry;
    for (const key of [`${event} ${reason}`, event]) {
      const text = EXPLANATIONS[key];
      if (text === undefined) continue;
      if (!this.#explained.has(key)) this.#line(remark(`└ ${text}`, null, 'dim'));
      this.#explained.add(key);
      return;
    }
  }

  /* Accepted at once, and one of many: counted instead of told. */
  #isBulk({ reference = '', reason, attempt }: LogEntry): boolean {
    if (!reference.startsWith(BULK_REFERENCE) || reason !== 'accepted' || attempt !== 1)
      return false;
    this.#bulkSeen += 1;
    if (this.#bulkSeen <= BULK_SHOWN) return false;
    if (this.#bulkUntold === 0) this.#bulkToldAtMs = this.#now();
    this.#bulkUntold += 1;
    return true;
  }

  #tellBulk(): void {
    const count = this.#bulkUntold;
    this.#bulkUntold = 0;
    this.#line(remark(`${count} more of the newsletter accepted`, this.#seconds(), 'green'));
  }

  #line(text: string): void {
    this.#spokeAtMs = this.#now();
    this.#print(`${text}\n`);
  }

  #seconds(): number {
    return (this.#now() - this.#startedAtMs) / 1000;
  }
}

/** The status log as it is, and nothing else. */
export function rawVoice(print: (text: string) => void): Voice {
  return { write: print, say: () => undefined, tick: () => undefined };
}
