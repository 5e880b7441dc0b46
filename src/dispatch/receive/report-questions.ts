/**
 * Queues the questions to one account's reports. Joins questions that one request answers, and spaces the tries after a
 * failure. Times are monotonic milliseconds.
 *
 * Always holds: one request at a time, at most five a second; a question is tried a few times and is then over.
 * Questions go in the order they came, except for refused ones.
 */
import { comparedForm } from '../../core/text/recipient.ts';
import { REPORT_IDS_MAX, type ReportWindow, type Unreported } from '../../gateway/reports-api.ts';

/** Between two requests: the API allows ten a second, and others may use the account. */
const SPACING_MS = 200;
/** Between the tries of a question that failed. */
const BACKOFF_MS = [30_000, 60_000, 120_000] as const;
/** After a throttled answer, doubling while they go on. */
const THROTTLE_MS = 1_000;
const THROTTLE_MAX_MS = 120_000;
const RETRY_AFTER_MAX_MS = 900_000;
/** No question waits longer. */
const PATIENCE_MS = 3_600_000;
/** Overlapping windows share a request up to this length, so that the answer stays short. */
const WINDOW_MAX_S = 3_600;

/** What is asked: a window, or ids when that is null. */
export interface ReportSubject {
  readonly window: ReportWindow | null;
  readonly ids: readonly string[];
}

/** One request; pass it back to `answered`, `failed` or `broke`. */
export interface ReportRequest extends ReportSubject {
  readonly keys: readonly string[];
}

interface ReportQuestion extends ReportSubject {
  readonly key: string;
  /** Those that were not answered yet. */
  ids: readonly string[];
  readonly sinceMs: number;
  notBeforeMs: number;
  failures: number;
  /** It was refused: it might spoil a request for others. */
  isAlone: boolean;
}

export class Questions {
  readonly #waiting = new Map<string, ReportQuestion>();
  #isAsking = false;
  #failures = 0;
  #freeAtMs = 0;

  get size(): number {
    return this.#waiting.size;
  }

  has(key: string): boolean {
    return this.#waiting.has(key);
  }

  add(key: string, subject: ReportSubject, nowMs: number): void {
    const rest = { sinceMs: nowMs, notBeforeMs: nowMs, failures: 0, isAlone: false };
    this.#waiting.set(key, { ...subject, ...rest, key });
  }

  /** The longest time until this question is answered, about. */
  waitMs(key: string, nowMs: number): number {
    const notBeforeMs = this.#waiting.get(key)?.notBeforeMs ?? nowMs;
    return Math.max(this.#freeAtMs, notBeforeMs, nowMs) - nowMs + this.size * SPACING_MS;
  }

  /** Gives this question up if it has waited for too long; returns true if it did. */
  giveUp(key: string, nowMs: number): boolean {
    const question = this.#waiting.get(key);
    if (question === undefined || nowMs - question.sinceMs < PATIENCE_MS) return false;
    return this.#waiting.delete(key);
  }

  /** The time until `next` is worth a call; null = until something else happens. */
  idleMs(nowMs: number): number | null {
    if (this.#isAsking || this.size === 0) return null;
    return Math.max(this.#freeAtMs - nowMs, SPACING_MS);
  }

  /** The next request, to be sent now; null = not yet. */
  next(nowMs: number): ReportRequest | null {
    if (this.#isAsking || this.#freeAtMs > nowMs) return null;
    const [first, ...rest] = [...this.#waiting.values()].filter(
      ({ notBeforeMs }) => notBeforeMs <= nowMs,
    );
    if (first === undefined) return null;
    this.#isAsking = true;
    this.#freeAtMs = nowMs + SPACING_MS;
    const others = first.isAlone ? [] : rest.filter(({ isAlone }) => !isAlone);
    return first.window === null
      ? batchOf([first, ...others])
      : shareOf(first, first.window, others);
  }

  /** Returns the keys of those that are answered whole. */
  answered({ keys, ids }: ReportRequest): readonly string[] {
    this.#isAsking = false;
    this.#failures = 0;
    for (const question of this.#those(keys)) {
      question.ids = question.ids.filter((id) => !ids.includes(id));
    }
    return this.#end(this.#those(keys).filter((question) => question.ids.length === 0));
  }

  /**
   * Returns the keys of those that are given up. A refusal counts for the questions of the request, any other failure
   * for all that wait. Being throttled costs no try.
   */
  failed({ keys }: ReportRequest, answer: Unreported, nowMs: number): readonly string[] {
    this.#isAsking = false;
    const all = [...this.#waiting.values()];
    if (answer.reason === 'no-credentials') return this.#end(all);
    const leastMs = Math.min(answer.retryAfterMs ?? 0, RETRY_AFTER_MAX_MS);
    if (answer.reason === 'refused') {
      for (const question of this.#those(keys)) {
        question.failures += 1;
        question.isAlone = true;
        question.notBeforeMs = nowMs + Math.max(backoffMs(question.failures), leastMs);
      }
    } else {
      this.#failures += 1;
      const isThrottle = answer.reason === 'throttled';
      const waitMs = isThrottle ? throttleMs(this.#failures) : backoffMs(this.#failures);
      this.#freeAtMs = nowMs + Math.max(waitMs, leastMs);
      if (!isThrottle) for (const question of all) question.failures += 1;
    }
    return this.#end(all.filter(({ failures }) => failures > BACKOFF_MS.length));
  }

  /** The request broke by a bug: its questions are over, and returned. */
  broke({ keys }: ReportRequest): readonly string[] {
    this.#isAsking = false;
    return this.#end(this.#those(keys));
  }

  #those(keys: readonly string[]): readonly ReportQuestion[] {
    return keys.flatMap((key) => this.#waiting.get(key) ?? []);
  }

  #end(over: readonly ReportQuestion[]): readonly string[] {
    for (const { key } of over) this.#waiting.delete(key);
    return over.map(({ key }) => key);
  }
}

/* `failures` in a row, the latest included. */
function backoffMs(failures: number): number {
  return BACKOFF_MS[Math.min(failures, BACKOFF_MS.length) - 1] ?? BACKOFF_MS[0];
}

/* At least, whatever Retry-After says. */
function throttleMs(failures: number): number {
  return Math.min(THROTTLE_MS * 2 ** (failures - 1), THROTTLE_MAX_MS);
}

/* As many ids as one request may name; the rest of a question's goes with a later one. */
function batchOf(questions: readonly ReportQuestion[]): ReportRequest {
  const keys: string[] = [];
  const all: string[] = [];
  for (const { key, window, ids } of questions) {
    if (all.length === REPORT_IDS_MAX) break;
    if (window !== null) continue;
    keys.push(key);
    all.push(...ids.slice(0, REPORT_IDS_MAX - all.length));
  }
  return { keys, ids: all, window: null };
}

/* Those about the same recipient whose windows overlap, and a window that holds theirs. */
function shareOf(
  first: ReportQuestion,
  own: ReportWindow,
  others: readonly ReportQuestion[],
): ReportRequest {
  const keys = [first.key];
  let shared = own;
  for (const { key, window } of others) {
    if (window === null || comparedForm(window.recipient) !== comparedForm(own.recipient)) continue;
    if (window.from > shared.until || window.until < shared.from) continue;
    const from = Math.min(window.from, shared.from);
    const until = Math.max(window.until, shared.until);
    if (until - from > WINDOW_MAX_S) continue;
    shared = { ...own, from, until };
    keys.push(key);
  }
  return { keys, ids: [], window: shared };
}
