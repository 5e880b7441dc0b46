/**
 * Counts what the daemon has done since it started: moves by lane and state, answers by account and code, receipts,
 * how long each stage took, how much each second, and the latest failures. Each number is added to when what
 * it counts is on disk; reading costs what is read, however many messages there were.
 *
 * Always holds: names come from a list of bounded length; a code, a receipt's status or a reason that nobody
 * has listed is `other`. No clock: instants are arguments.
 */
import { noStates } from './message-counts.ts';
import { Histogram, LONG_S, SHORT_S } from './histogram.ts';
import { IGNORED_REASONS, type IgnoredReason } from './ignored.ts';
import { OTHER, type LaneName, type LaneNames } from './lane-names.ts';
import type { State } from './message.ts';
import { PerSecond } from './per-second.ts';
import { RECEIPT_STATUSES } from './receipt.ts';
import { STATUS_CODES } from './status-codes.ts';

/** Failures that are remembered. */
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

/** The end of a request. */
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
  /** Receipts that were kept, by their status. */
  readonly receipts = new Map<string, number>();
  /** Receipts that changed nothing or were refused, by why. */
  readonly ignored = new Map<string, number>();
  /** Messages that were accepted twice. */
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
    /* A series that begins above zero would hide its first step from whoever looks for increases. */
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
