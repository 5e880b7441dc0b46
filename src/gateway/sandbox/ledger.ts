/**
 * What the sandbox accepted and turned away: the witness that tests of duplicates, losses and limits ask.
 *
 * Counters are exact for ever; entries (one per accepted request) are kept up to a number, the oldest go
 * first; the series per second covers the last ten minutes. A text is never kept, only its hash: the first
 * 16 hexadecimal digits of its SHA-256 in UTF-8 (of `udh` and `body` as they came, for binary).
 */

export interface LedgerEntry {
  /** Counts accepted requests from 1; gaps are entries that were forgotten. */
  readonly seq: number;
  /** Unix seconds with three decimals. */
  readonly at: number;
  readonly account: string;
  readonly clientRef: string | null;
  readonly to: string;
  readonly from: string;
  readonly type: string;
  readonly ttlMs: number | null;
  readonly textHash: string;
  /** Parts accepted, each with an id, and parts refused in the same answer. */
  readonly parts: number;
  readonly partsRefused: number;
  readonly messageIds: readonly string[];
  /** False: the client was not told (a fault instead of the answer). */
  readonly isAnswered: boolean;
}

export interface LedgerSecond {
  /** Unix seconds. */
  readonly at: number;
  readonly accepted: number;
  readonly throttled: number;
  readonly refused: number;
}

/** All since the start or the last clearing. Requests = accepted + throttled… + refused + notTaken. */
export interface LedgerCounters {
  /** Messages that came to /sms/json, whole. */
  readonly requests: number;
  readonly accepted: number;
  readonly acceptedParts: number;
  /** Accepted requests of which a part was refused. */
  readonly acceptedInPart: number;
  /** Accepted requests whose answer was spoiled on purpose. */
  readonly acceptedUnanswered: number;
  readonly throttledByAccount: number;
  readonly throttledBySender: number;
  /** Status → requests refused whole, the real throttles not among them. */
  readonly refused: Readonly<Record<string, number>>;
  /** Met with a fault before anything was accepted. */
  readonly notTaken: number;
  /** Kind of fault → how often, on every endpoint. */
  readonly faults: Readonly<Record<string, number>>;
  readonly balanceRequests: number;
  readonly settingsRequests: number;
  /** Account URLs that a settings request set, or cleared with an empty text. */
  readonly urlsSet: number;
  readonly urlsCleared: number;
  /** Messages at one time on which the sandbox had not answered yet: now, and at most. */
  readonly open: number;
  readonly mostOpen: number;
}

export type NewEntry = Omit<LedgerEntry, 'seq' | 'at'>;
export type Throttle = 'account' | 'sender';

type Counts = {
  -readonly [K in keyof LedgerCounters]: LedgerCounters[K] extends number ? number : Counted;
};
type Counted = Record<string, number>;
type Second = { -readonly [K in keyof LedgerSecond]: number };

const SERIES_SECONDS = 600;
/** What an entry may take on average; messages of many parts take more, and are remembered less long. */
const ENTRY_CHARACTERS = 400;

function zero(): Counts {
  return {
    requests: 0,
    accepted: 0,
    acceptedParts: 0,
    acceptedInPart: 0,
    acceptedUnanswered: 0,
    throttledByAccount: 0,
    throttledBySender: 0,
    refused: {},
    notTaken: 0,
    faults: {},
    balanceRequests: 0,
    settingsRequests: 0,
    urlsSet: 0,
    urlsCleared: 0,
    open: 0,
    mostOpen: 0,
  };
}

function increment(counted: Counted, key: string): void {
  counted[key] = (counted[key] ?? 0) + 1;
}

export class Ledger {
  readonly #size: number;
  readonly #now: () => number;
  #counts = zero();
  // As JSON: a flat text takes a tenth of the memory of an object whose texts hold on to request bodies.
  #lines: string[] = [];
  #characters = 0;
  /** The last `seq` that is no longer remembered. */
  #forgotten = 0;
  #series: Second[] = [];

  /** Remembers up to `size` entries; `now` is Unix ms. */
  constructor(size: number, now: () => number) {
    this.#size = size;
    this.#now = now;
  }

  get counters(): LedgerCounters {
    return structuredClone(this.#counts);
  }

  /** Entries that are remembered with a `seq` above `since`, oldest first. */
  entries(since = 0): readonly LedgerEntry[] {
    return this.lines(since).map((line) => JSON.parse(line) as LedgerEntry);
  }

  /** The same, each as the JSON of a LedgerEntry. */
  lines(since = 0): readonly string[] {
    const lines: string[] = [];
    for (let seq = Math.max(since, this.#forgotten) + 1; seq <= this.#counts.accepted; seq += 1) {
      lines.push(this.#lines[seq % this.#size] ?? '');
    }
    return lines;
  }

  /** Seconds of the last ten minutes in which anything happened, oldest first. */
  series(): readonly LedgerSecond[] {
    const since = this.#now() / 1000 - SERIES_SECONDS;
    const seconds = this.#series.filter(({ at }) => at > since);
    return seconds.map((second) => ({ ...second })).sort((a, b) => a.at - b.at);
  }

  /** Forgets everything but the requests that are open now. */
  clear(): void {
    const { open } = this.#counts;
    this.#counts = { ...zero(), open, mostOpen: open };
    this.#lines = [];
    this.#characters = 0;
    this.#forgotten = 0;
    this.#series = [];
  }

  accept(entry: NewEntry): void {
    const counts = this.#counts;
    counts.accepted += 1;
    counts.acceptedParts += entry.parts;
    if (entry.partsRefused > 0) counts.acceptedInPart += 1;
    if (!entry.isAnswered) counts.acceptedUnanswered += 1;
    this.#second().accepted += 1;
    const at = Math.round(this.#now()) / 1000;
    this.#remember(counts.accepted, { seq: counts.accepted, at, ...entry });
  }

  throttle(by: Throttle): void {
    if (by === 'account') this.#counts.throttledByAccount += 1;
    else this.#counts.throttledBySender += 1;
    this.#second().throttled += 1;
  }

  refuse(code: number): void {
    increment(this.#counts.refused, String(code));
    this.#second().refused += 1;
  }

  fault(kind: string): void {
    increment(this.#counts.faults, kind);
  }

  count(what: 'requests' | 'notTaken' | 'balanceRequests' | 'settingsRequests'): void {
    this.#counts[what] += 1;
  }

  url(value: string): void {
    if (value === '') this.#counts.urlsCleared += 1;
    else this.#counts.urlsSet += 1;
  }

  begin(): void {
    this.#counts.open += 1;
    this.#counts.mostOpen = Math.max(this.#counts.mostOpen, this.#counts.open);
  }

  end(): void {
    this.#counts.open -= 1;
  }

  #remember(seq: number, entry: LedgerEntry): void {
    const line = JSON.stringify(entry);
    if (seq - this.#forgotten > this.#size) this.#forget();
    this.#lines[seq % this.#size] = line;
    this.#characters += line.length;
    while (this.#characters > this.#size * ENTRY_CHARACTERS) this.#forget();
  }

  #forget(): void {
    this.#forgotten += 1;
    const slot = this.#forgotten % this.#size;
    this.#characters -= this.#lines[slot]?.length ?? 0;
    this.#lines[slot] = '';
  }

  #second(): Second {
    const at = Math.floor(this.#now() / 1000);
    const slot = at % SERIES_SECONDS;
    const present = this.#series[slot];
    if (present?.at === at) return present;
    const fresh = { at, accepted: 0, throttled: 0, refused: 0 };
    this.#series[slot] = fresh;
    return fresh;
  }
}
