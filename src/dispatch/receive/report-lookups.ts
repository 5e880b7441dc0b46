/**
 * Asks the gateway's reports for the receipts of uncertain messages and of messages about to lapse.
 *
 * Always holds: the questions that wait and those that are remembered are bounded; a message is held up for an hour at
 * most. Nothing is kept over a restart. An empty report is no proof that a message was not accepted.
 */
import type { Clock } from '../../clock.ts';
import type { Receipt } from '../../core/receipt/receipt.ts';
import type { ReportAnswer, ReportWindow } from '../../gateway/reports-api.ts';
import { Questions, type ReportRequest, type ReportSubject } from './report-questions.ts';

/** Seconds after a message became uncertain. How soon a record shows is not documented, so it is asked three times. */
const ASK_AFTER_S = [60, 300, 900] as const;
/** The gateway's clock may be 60 s behind or ahead, and the request may arrive up to 60 s after its attempt began. */
const WINDOW_BEFORE_S = 60;
const WINDOW_AFTER_S = 120;
/** Questions of all accounts that wait, and when to come again with one more. */
const WAITING_MAX = 10_000;
const FULL_S = 300;
/** Questions that are over and remembered, for longer than the time between two about one message. */
const REMEMBERED_MAX = 20_000;
const REMEMBERED_S = 3_600;
/** The time until a message whose question waits is looked at again. */
const AGAIN_MIN_S = 1;
const AGAIN_MAX_S = 60;
/** A clock that was set is noticed after this time. */
const TICK_MS = 1_000;

export interface Sought {
  readonly id: number;
  readonly account: string;
  readonly recipient: string;
  /** When its unanswered attempt began (Unix seconds). */
  readonly beganAt: number;
  /** When it became uncertain (Unix seconds). */
  readonly since: number;
}

/** An accepted message that is about to end without a final receipt. */
export interface Lapsing {
  readonly id: number;
  readonly account: string;
  /** Of the parts to ask for. */
  readonly gatewayIds: readonly string[];
}

export interface LookupsParts {
  /** Called with at most 20 ids; a failure is a value. */
  readonly byIds: (account: string, ids: readonly string[]) => Promise<ReportAnswer>;
  readonly byRecipient: (account: string, window: ReportWindow) => Promise<ReportAnswer>;
  readonly clock: Clock;
  /** Gets all receipts that were found, also those of messages that nobody asked about. */
  readonly onReceipts: (receipts: readonly Receipt[]) => void;
  readonly onAnswered: () => void;
  /** Questions of this account are given up; `detail` is a clause that says why. May come often, and from
   *  within a call: it must not throw. */
  readonly onTrouble: (account: string, detail: string) => void;
}

/** When a question was asked last (Unix seconds; Infinity = it cannot be asked), and was over. */
interface Over {
  readonly askedAt: number;
  readonly at: number;
}

interface Wanted {
  readonly account: string;
  readonly key: string;
  readonly now: number;
}

export class Lookups {
  readonly #parts: LookupsParts;
  readonly #accounts = new Map<string, Questions>();
  /** By key; the latest comes last. */
  readonly #over = new Map<string, Over>();
  #timer: NodeJS.Timeout | null = null;
  #isStopped = false;

  constructor(parts: LookupsParts) {
    this.#parts = parts;
  }

  /**
   * Returns when to call again for this message (Unix seconds, later than `now`); null = nothing more will be asked,
   * and `on_uncertain` may decide. What is due is asked after this call, never within it. `onReceipts` has got all
   * that was found before the message counts as answered; the caller applies it before it calls again. Null is
   * returned for an hour, so that a transaction may be rolled back; after that the message is asked about again.
   */
  uncertain({ id, account, recipient, beganAt, since }: Sought, now: number): number | null {
    const key = `to/${id}/${beganAt}/${since}`;
    this.#endOverdue(account, key);
    const at = nextAskAt(since, this.#askedAt(key));
    if (at === null || at > now) return at;
    const [from, until] = [beganAt - WINDOW_BEFORE_S, beganAt + WINDOW_AFTER_S];
    return this.#wait({ account, key, now }, { window: { recipient, from, until }, ids: [] });
  }

  /**
   * The same for a message that is about to end as `unconfirmed`: its parts are asked for once. Null = it may lapse,
   * because the question is answered or given up, or there is nothing to ask for.
   */
  lapsing({ id, account, gatewayIds }: Lapsing, now: number): number | null {
    const key = `ids/${id}/${gatewayIds.join()}`;
    this.#endOverdue(account, key);
    if (gatewayIds.length === 0 || this.#askedAt(key) !== null) return null;
    return this.#wait({ account, key, now }, { window: null, ids: gatewayIds });
  }

  /** Asks nothing more, and ignores the answer to what was asked. */
  stop(): void {
    this.#isStopped = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
  }

  /* Adds the question if it does not wait yet; returns when to look again. */
  #wait({ account, key, now }: Wanted, subject: ReportSubject): number {
    const questions = this.#accounts.get(account) ?? new Questions();
    this.#accounts.set(account, questions);
    const nowMs = this.#parts.clock.monotonicMs();
    if (!questions.has(key)) {
      if (this.#size >= WAITING_MAX) return now + FULL_S;
      questions.add(key, subject, nowMs);
    }
    this.#arm(0);
    const waitS = questions.waitMs(key, nowMs) / 1000;
    return now + Math.min(Math.max(waitS, AGAIN_MIN_S), AGAIN_MAX_S);
  }

  get #size(): number {
    let size = 0;
    for (const questions of this.#accounts.values()) size += questions.size;
    return size;
  }

  #arm(delayMs: number): void {
    if (this.#isStopped) return;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#tick(), Math.min(delayMs, TICK_MS));
    /* A daemon that is leaving is not kept alive by it. */
    this.#timer.unref();
  }

  #tick(): void {
    const nowMs = this.#parts.clock.monotonicMs();
    for (const [account, questions] of this.#accounts) {
      const asked = questions.next(nowMs);
      if (asked === null) continue;
      this.#ask(account, questions, asked).catch((error: unknown) => {
        /* A question that breaks is a bug: it must not be lost, nor be repeated without end. */
        this.#end(questions.broke(asked), this.#parts.clock.now());
        throw error;
      });
    }
    const idleMs = [...this.#accounts.values()].flatMap((one) => one.idleMs(nowMs) ?? []);
    if (idleMs.length > 0) this.#arm(Math.min(...idleMs));
  }

  async #ask(account: string, questions: Questions, asked: ReportRequest): Promise<void> {
    const { byIds, byRecipient, clock, onReceipts, onTrouble } = this.#parts;
    const askedAt = clock.now();
    const { ids, window } = asked;
    const answer = await (window === null ? byIds(account, ids) : byRecipient(account, window));
    if (this.#isStopped) return;
    if (answer.ok) {
      if (answer.receipts.length > 0) onReceipts(answer.receipts);
      this.#end(questions.answered(asked), askedAt);
      return;
    }
    const over = questions.failed(asked, answer, clock.monotonicMs());
    if (over.length > 0) onTrouble(account, answer.detail);
    this.#end(over, answer.reason === 'no-credentials' ? Infinity : clock.now());
  }

  #endOverdue(account: string, key: string): void {
    const { clock, onTrouble } = this.#parts;
    const isOverdue = this.#accounts.get(account)?.giveUp(key, clock.monotonicMs()) === true;
    if (!isOverdue) return;
    onTrouble(account, 'the reports gave no answer within an hour');
    this.#remember([key], clock.now());
  }

  #end(keys: readonly string[], askedAt: number): void {
    this.#remember(keys, askedAt);
    if (keys.length > 0) this.#parts.onAnswered();
    this.#arm(0);
  }

  /* Null = never, or not remembered any more. */
  #askedAt(key: string): number | null {
    const over = this.#over.get(key);
    const isFresh = over !== undefined && over.at > this.#parts.clock.now() - REMEMBERED_S;
    return isFresh ? over.askedAt : null;
  }

  #remember(keys: readonly string[], askedAt: number): void {
    const at = this.#parts.clock.now();
    for (const key of keys) {
      this.#over.delete(key);
      this.#over.set(key, { askedAt, at });
    }
    for (const [key, over] of this.#over) {
      if (this.#over.size <= REMEMBERED_MAX && over.at > at - REMEMBERED_S) break;
      this.#over.delete(key);
    }
  }
}

/* A question answers all that was due by its time. */
function nextAskAt(since: number, askedAt: number | null): number | null {
  const afterS = ASK_AFTER_S.find((seconds) => askedAt === null || since + seconds > askedAt);
  return afterS === undefined ? null : since + afterS;
}
