/**
 * Tells people what happens while the demo runs, from the daemon's own status log: one line for each event, a sentence
 * of explanation for the first of its kind, one line a second for ordinary messages, and what is waited for when nothing
 * happens.
 *
 * Its only source is the log, which `--json` shows unchanged.
 */
import type { Output } from '../log/status-log.ts';
import { joined, ourOwn, safeLines, type Safe } from '../terminal/safe.ts';
import { lineOf, remark, type LogEntry } from './event-line.ts';
import { isOrdinary } from './samples.ts';
import { RECEIPT_TIMEOUT_MS, UNCERTAIN_AFTER_MS } from './setting.ts';

export type Speaker = 'application' | 'gateway';

/** Output of the demo. */
export interface Voice extends Output {
  /** An action of the application or the gateway, which is not in the log. */
  say(who: Speaker, text: string): void;
  /** Called several times a second; prints `waiting` after a silence. */
  tick(waiting: () => string): void;
}

/** Ordinary messages are shown one by one up to this number, then counted each second. */
const ORDINARY_SHOWN = 2;
const ORDINARY_EVERY_MS = 1_000;
const SILENCE_MS = 2_000;

type Ordinary = 'accepted' | 'delivered';

/** Event and reason, event and state before, or event alone → its meaning, shown once. */
const EXPLANATIONS: Readonly<Record<string, string>> = {
  'message.await-receipt accepted':
    'the gateway accepted it; a receipt will say whether it was delivered',
  'message.await-receipt accepted-in-part':
    'one part was accepted, the rest refused: never sent again whole',
  'message.queued throttled': 'back in its queue: being throttled costs no attempt',
  'message.queued not-sent': 'back in its queue: its sender must wait, so it was not sent',
  'account.suspended unknown-account': 'on purpose: one message names an account without settings',
  'message.retry resend': 'no receipt came in time: sent again, marked as a possible duplicate',
  'message.retry': 'refused for now: tried again, after a longer wait each time',
  'message.uncertain': `no answer, perhaps accepted: waits ${UNCERTAIN_AFTER_MS / 1000} s for a receipt to settle it`,
  'message.delivered from uncertain': 'settled by its receipt: accepted after all, no second send',
  'message.delivered': 'the receipt of each part says: delivered',
  'message.undelivered accepted-in-part': 'the accepted parts arrived, the rest was refused',
  'message.undelivered illegal-number':
    'not delivered: its recipient opted out, and is suppressed from now on',
  'message.undelivered': 'its receipt says: not delivered, and why (err-code)',
  'message.duplicate': 'a late receipt: the first attempt had been accepted as well',
  'message.unconfirmed unanswered': `held: not sent again, and no receipt came in ${RECEIPT_TIMEOUT_MS / 1000} s`,
  'message.unconfirmed': `accepted, and no final receipt came in ${RECEIPT_TIMEOUT_MS / 1000} s`,
  'message.permanent-failure suppressed': 'its recipient opted out: refused before it costs money',
  'message.permanent-failure': 'refused for good: sending again would not help',
  'message.expired': 'its validity ended before its turn came: not sent',
  'message.cancelled': 'cancelled through the control table: not sent',
};

export class Narrator implements Voice {
  readonly #print: (text: Safe) => void;
  readonly #now: () => number;
  readonly #startedAtMs: number;
  readonly #explained = new Set<string>();
  readonly #seen = { accepted: 0, delivered: 0 };
  readonly #unshown = { accepted: 0, delivered: 0 };
  #unshownSinceMs: number | null = null;
  #spokeAtMs: number;

  /** `print` takes whole lines; `now` is in milliseconds. */
  constructor(print: (text: Safe) => void, now: () => number) {
    this.#print = print;
    this.#now = now;
    this.#startedAtMs = now();
    this.#spokeAtMs = this.#startedAtMs;
  }

  /** Lines of the status log. */
  write(lines: string): void {
    for (const line of lines.trimEnd().split('\n')) this.#tell(JSON.parse(line) as LogEntry);
  }

  say(who: Speaker, text: string): void {
    this.#line(remark(`${who}: ${text}`, this.#seconds(), 'cyan'));
  }

  tick(waiting: () => string): void {
    const nowMs = this.#now();
    const isDue = nowMs - (this.#unshownSinceMs ?? Infinity) >= ORDINARY_EVERY_MS;
    if (isDue) this.#tellOrdinary();
    if (nowMs - this.#spokeAtMs >= SILENCE_MS) {
      this.#line(remark(`… ${waiting()}`, this.#seconds(), 'dim'));
    }
  }

  #tell(entry: LogEntry): void {
    if (entry.event === 'daemon.draining') this.#tellOrdinary();
    const ordinary = ordinaryOf(entry);
    if (ordinary !== null && this.#isCounted(ordinary)) return;
    this.#line(lineOf(entry, this.#seconds()));
    const { event, reason = '', from = '' } = entry;
    for (const key of [`${event} ${reason}`, `${event} from ${from}`, event]) {
      const text = EXPLANATIONS[key];
      if (text === undefined) continue;
      if (!this.#explained.has(key)) this.#line(remark(`└ ${text}`, null, 'dim'));
      this.#explained.add(key);
      return;
    }
  }

  /* The first ones are shown instead. */
  #isCounted(what: Ordinary): boolean {
    this.#seen[what] += 1;
    if (this.#seen[what] <= ORDINARY_SHOWN) return false;
    this.#unshownSinceMs ??= this.#now();
    this.#unshown[what] += 1;
    return true;
  }

  #tellOrdinary(): void {
    if (this.#unshownSinceMs === null) return;
    const words = (['accepted', 'delivered'] as const)
      .filter((what) => this.#unshown[what] > 0)
      .map((what) => `${this.#unshown[what]} ${what}`);
    this.#unshown.accepted = 0;
    this.#unshown.delivered = 0;
    this.#unshownSinceMs = null;
    this.#line(remark(`ordinary messages: ${words.join(', ')}`, this.#seconds(), 'green'));
  }

  #line(text: Safe): void {
    this.#spokeAtMs = this.#now();
    this.#print(joined([text, ourOwn('\n')]));
  }

  #seconds(): number {
    return (this.#now() - this.#startedAtMs) / 1000;
  }
}

/* A success at the first attempt, of one of many like messages. */
function ordinaryOf({ event, reference = '', reason, from, attempt }: LogEntry): Ordinary | null {
  if (attempt !== 1) return null;
  const isAccepted = event === 'message.await-receipt' && reason === 'accepted';
  if (isAccepted && isOrdinary(reference, 'accepted')) return 'accepted';
  const isDelivered = event === 'message.delivered' && from === 'await-receipt';
  return isDelivered && isOrdinary(reference, 'delivered') ? 'delivered' : null;
}

/** Prints the status log unchanged, and nothing else. */
export function rawVoice(print: (text: Safe) => void): Voice {
  return { write: (lines) => print(safeLines(lines)), say: () => undefined, tick: () => undefined };
}
