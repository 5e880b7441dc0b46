/**
 * Counts what the daemon has done since it started: moves by lane and state, answers by account and code, receipts,
 * how long each stage took, how much each second, and the latest failures. Each number is added to when what
 * it counts is on disk; reading costs what is read, however many messages there were.
 *
 * Always holds: names come from a list of bounded length; an unlisted code, status of a receipt or reason is
 * `other`. No clock: instants are arguments.
 */
import { noStates } from './message-counts.ts';
import { IGNORED_REASONS, RECEIPT_STATUSES, type IgnoredReason } from '../receipt/receipt.ts';
import { OTHER, type LaneName, type LaneNames } from '../message/lane-names.ts';
import type { State } from '../message/message.ts';
import { STATUS_CODES } from '../codes/status-codes.ts';

export const FAILURES_MAX = 50;
/** The code of a request that got no answer. */
const NO_ANSWER = 'none';

const CODES: ReadonlySet<number> = new Set(STATUS_CODES.map(({ code }) => code));
const WORDS: ReadonlySet<string> = new Set<string>(RECEIPT_STATUSES);

const IS_FAILURE: Readonly<Record<State, boolean>> = {
  ...{ queued: false, retry: true, sending: false, uncertain: true, 'await-receipt': false },
  ...{ delivered: false, undelivered: true, unconfirmed: true, 'permanent-failure': true },
  ...{ expired: true, cancelled: false },
};

/** Whether a message that came into this state has failed, for now or for good. */
export function isFailure(state: State): boolean {
  return IS_FAILURE[state];
}

export interface EndedRequest {
  readonly account: string;
  /** The gateway's code; null = there was none. */
  readonly code: number | null;
  readonly isAccepted: boolean;
  readonly queuedMs: number;
  readonly limiterMs: number;
  readonly gatewayMs: number;
}

/** A failure as it was written to the status log. */
export interface MessageFailure {
  /** Unix seconds. */
  readonly at: number;
  readonly id: number;
  readonly account: string | null;
  readonly sender: string | null;
  /** In full. */
  readonly recipient: string;
  readonly to: State;
  readonly reason: string;
  readonly code: number | null;
}

export class Counters {
  readonly names: LaneNames;
  readonly queued = new Histogram(LONG_S);
  readonly limiter = new Histogram(LONG_S);
  readonly gateway = new Histogram(SHORT_S);
  readonly receiptDelay = new Histogram(LONG_S);
  /** Moves into each state, by lane. */
  readonly entered = new Map<LaneName, Record<State, number>>();
  /** Requests that ended, by account and code. */
  readonly codes = new Map<string, Map<string, number>>();
  /** Requests that ended in each of the last seconds, by account. */
  readonly answered = new Map<string, PerSecond>();
  /** Of those, the ones that were accepted, all accounts together. */
  readonly accepted = new PerSecond();
  /** What is left in each account (EUR), as the gateway said last. An account that never heard it is absent. */
  readonly balances = new Map<string, number>();
  readonly receipts = new Map<string, number>();
  /** Receipts that changed nothing or were refused, by why. */
  readonly ignored = new Map<string, number>();
  duplicates = 0;
  readonly #failures: MessageFailure[] = [];

  constructor(names: LaneNames) {
    this.names = names;
    this.configured();
    for (const status of [...RECEIPT_STATUSES, OTHER]) this.receipts.set(status, 0);
    for (const reason of [...IGNORED_REASONS, OTHER]) this.ignored.set(reason, 0);
  }

  /** Accounts have come to the names. */
  configured(): void {
    /* A series that begins above zero would hide its first step from a query for increases. */
    for (const account of this.names.accounts) {
      if (this.answered.has(account)) continue;
      this.answered.set(account, new PerSecond());
      this.codes.set(account, new Map(['0', '1', NO_ANSWER].map((code) => [code, 0])));
    }
  }

  /** The latest failures, the newest first. */
  get failures(): readonly MessageFailure[] {
    return this.#failures.toReversed();
  }

  moved(account: string | null, sender: string | null, to: State): void {
    const name = this.names.of(account, sender);
    const states = this.entered.get(name) ?? noStates();
    states[to] += 1;
    this.entered.set(name, states);
  }

  answer(answer: EndedRequest, nowMs: number): void {
    const codes = this.codes.get(answer.account) ?? new Map<string, number>();
    this.codes.set(answer.account, codes);
    add(codes, codeOf(answer.code));
    this.queued.note(answer.queuedMs);
    this.limiter.note(answer.limiterMs);
    this.gateway.note(answer.gatewayMs);
    this.answered.get(answer.account)?.note(nowMs, 1);
    if (answer.isAccepted) this.accepted.note(nowMs, 1);
  }

  balance(account: string, euros: number): void {
    this.balances.set(account, euros);
  }

  failed(failure: MessageFailure): void {
    this.#failures.push(failure);
    if (this.#failures.length > FAILURES_MAX) this.#failures.shift();
  }

  doubled(): void {
    this.duplicates += 1;
  }

  receipt(status: string | null): void {
    add(this.receipts, status !== null && WORDS.has(status) ? status : OTHER);
  }

  ignore(reason: IgnoredReason): void {
    add(this.ignored, this.ignored.has(reason) ? reason : OTHER);
  }
}

function codeOf(code: number | null): string {
  if (code === null) return NO_ANSWER;
  return CODES.has(code) ? String(code) : OTHER;
}

function add(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

/** Upper bounds in seconds, for what takes from milliseconds to a minute. */
const SHORT_S = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60,
] as const;
/** For what takes from milliseconds to days: the wait in the queue, the way of a receipt. */
const LONG_S = [
  0.005, 0.025, 0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1_800, 7_200, 28_800, 86_400, 259_200,
] as const;

/** What a histogram holds: `counts` by bound, each without the ones before, and last what is above all. */
export interface HistogramCounts {
  readonly bounds: readonly number[];
  readonly counts: readonly number[];
  readonly sumSeconds: number;
  readonly total: number;
}

/** How long something took, in the sense of Prometheus: counts up to each bound, a sum, a total. */
export class Histogram {
  readonly #bounds: readonly number[];
  readonly #counts: number[];
  #sumMs = 0;

  constructor(bounds: readonly number[]) {
    this.#bounds = bounds;
    this.#counts = new Array<number>(bounds.length + 1).fill(0);
  }

  note(durationMs: number): void {
    const seconds = Math.max(0, durationMs) / 1000;
    const bounds = this.#bounds;
    let index = 0;
    while (index < bounds.length && seconds > (bounds[index] ?? Infinity)) index += 1;
    this.#counts[index] = (this.#counts[index] ?? 0) + 1;
    this.#sumMs += Math.max(0, durationMs);
  }

  counts(): HistogramCounts {
    const counts = [...this.#counts];
    const total = counts.reduce((sum, count) => sum + count, 0);
    return { bounds: this.#bounds, counts, sumSeconds: this.#sumMs / 1000, total };
  }
}

export const SECONDS_KEPT = 300;
/** A present rate is the mean of this number of whole seconds. */
const PRESENT_S = 5;

/** How often something happened in each of the last seconds. Instants are monotonic milliseconds. */
export class PerSecond {
  readonly #counts = new Array<number>(SECONDS_KEPT + 1).fill(0);
  #second = 0;

  note(nowMs: number, count: number): void {
    this.#advance(nowMs);
    const index = this.#second % this.#counts.length;
    this.#counts[index] = (this.#counts[index] ?? 0) + count;
  }

  /** The last whole seconds, the oldest first. */
  seconds(nowMs: number): readonly number[] {
    this.#advance(nowMs);
    const { length } = this.#counts;
    return Array.from(
      { length: SECONDS_KEPT },
      (_, index) => this.#counts[(this.#second + 1 + index) % length] ?? 0,
    );
  }

  rate(nowMs: number): number {
    return this.seconds(nowMs)
      .slice(-PRESENT_S)
      .reduce((sum, count) => sum + count / PRESENT_S, 0);
  }

  #advance(nowMs: number): void {
    const second = Math.floor(nowMs / 1000);
    const from = Math.max(this.#second + 1, second - this.#counts.length + 1);
    for (let at = from; at <= second; at += 1) this.#counts[at % this.#counts.length] = 0;
    this.#second = Math.max(this.#second, second);
  }
}
