/**
 * Counts messages by state, lane and age, and what was done since the start. A count reads the spool a slice at a time.
 * From then on each committed step is added, and new rows are counted as they are seen. After a `prune` all is counted
 * again; the old numbers are shown until that is done.
 *
 * Always holds: a step that was rolled back is not counted. A row that was changed by hand is corrected by the next
 * count.
 */
import type { IgnoredReason } from '../../core/receipt/receipt.ts';
import type { Policy } from '../../core/account/policy.ts';
import type { Clock } from '../../clock.ts';
import { MessageCounts, sinceOf } from '../../core/stats/message-counts.ts';
import { Counters, isFailure } from '../../core/stats/counters.ts';
import { LaneNames, type NameDefaults } from '../../core/message/lane-names.ts';
import type { State } from '../../core/message/message.ts';
import type { EventEntry } from '../../log/event-lines.ts';
import type { CountSnapshot } from '../../spool/write/message-groups.ts';
import { isBusy } from '../../spool/file/open.ts';
import type { Spool } from '../../spool/spool.ts';
import type { Participant, Work } from '../work.ts';

/** Rows counted at once (about a millisecond), and the time before the next ones. */
const SLICE = 1_000;
const SLICE_EVERY_MS = 15;
/** New rows are looked for after this time. */
const LOOK_EVERY_MS = 1_000;
/** Everything is counted again after this time. */
const RECOUNT_MS = 3_600_000;

export class Stats implements Participant {
  readonly counters: Counters;
  readonly #spool: Spool;
  readonly #policy: () => Policy;
  readonly #clock: Clock;
  readonly #names: LaneNames;
  /** Complete except for rows that were not read yet; null = the first count is not done. */
  #counts: MessageCounts | null = null;
  /** The count that is not done; null = there is none. */
  #counting: MessageCounts | null;
  /** When the last count was done (monotonic ms). */
  #countedAtMs = 0;
  /** The deletions by `prune` that the counts include; null = nothing was counted yet. */
  #deletions: number | null = null;
  #timer: NodeJS.Timeout | null = null;
  #onFatal: (error: unknown) => void = () => undefined;

  constructor(spool: Spool, policy: () => Policy, clock: Clock) {
    this.#spool = spool;
    this.#policy = policy;
    this.#clock = clock;
    this.#names = new LaneNames(namesOf(policy()));
    this.counters = new Counters(this.#names);
    this.#counting = new MessageCounts(this.#names);
  }

  /** The latest count; the first one as far as it has come. */
  get counts(): MessageCounts {
    return this.#counts ?? this.#counting ?? new MessageCounts(this.#names);
  }

  get isComplete(): boolean {
    return this.#counts !== null;
  }

  /** Begins to count. `onFatal` is called when the spool cannot be read. */
  start(onFatal: (error: unknown) => void): void {
    this.#onFatal = onFatal;
    this.#timer ??= setTimeout(this.#look, 0);
  }

  stop(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }

  /** The configuration was read again: what NULL stands for may have changed, so all is counted again. */
  configure(): void {
    this.#names.configure(namesOf(this.#policy()));
    this.counters.configured();
    this.#counting = new MessageCounts(this.#names);
  }

  /** Counts what is new, if it is no more than a slice. */
  catchUp(): void {
    if (this.#counts !== null) this.#slice(this.#counts);
  }

  committed({ entries, held, removed, claims, kept, now, nowMs }: Work): void {
    for (const entry of entries) this.#entry(entry, now, nowMs);
    for (const { row, until } of held) {
      const since = sinceOf({ ...row, nextAttemptAt: until });
      this.#moved({ ...row, from: row.state, to: row.state, wasSince: sinceOf(row), since }, now);
    }
    for (const { id, account, sender, state } of removed) {
      this.#moved({ id, account, sender, from: state, to: null, wasSince: 0, since: 0 }, now);
    }
    for (const status of kept) this.counters.receipt(status);
    for (const { id, account, sender, from, waitedSinceAt: since } of claims) {
      this.counters.moved(account, sender, 'sending');
      this.#moved({ id, account, sender, from, to: 'sending', wasSince: since, since }, now);
    }
  }

  rolledBack(): void {
    /* Nothing was counted. */
  }

  ignored(reason: IgnoredReason): void {
    this.counters.ignore(reason);
  }

  #entry({ row, details, timing }: EventEntry, now: number, nowMs: number): void {
    const { messageId: id, account, sender } = row;
    if (row.event === 'message.duplicate') this.counters.doubled();
    if (id === null || timing === undefined || row.to === null || row.from === null) return;
    const from = row.from as State;
    const to = row.to as State;
    this.counters.moved(account, sender, to);
    this.#moved({ id, account, sender, from, to, ...timing }, now);
    const { gateway_ms: gatewayMs, queued_ms: queuedMs = 0, limiter_ms: limiterMs = 0 } = details;
    const code = details.status ?? null;
    if (from === 'sending' && gatewayMs !== undefined) {
      const isAccepted = to === 'await-receipt';
      const answer = { account: account ?? '', code, isAccepted, queuedMs, limiterMs, gatewayMs };
      this.counters.answer(answer, nowMs);
    }
    const isFinal = to === 'delivered' || to === 'undelivered';
    if (isFinal && from === 'await-receipt' && timing.enteredAt !== undefined) {
      this.counters.receiptDelay.note((row.at - timing.enteredAt) * 1000);
    }
    if (!isFailure(to)) return;
    const { recipient = '' } = details;
    const { at, reason } = row;
    const lane = { id, account, sender, recipient };
    this.counters.failed({ ...lane, at, to, reason: reason ?? '', code });
  }

  #moved(move: Parameters<MessageCounts['moved']>[0], now: number): void {
    this.#counts?.moved(move, now);
    this.#counting?.moved(move, now);
  }

  readonly #look = (): void => {
    this.#timer = setTimeout(this.#look, this.#count() ? SLICE_EVERY_MS : LOOK_EVERY_MS);
    this.#timer.unref();
  };

  /* Whether there is more to count soon. */
  #count(): boolean {
    const isBehind = this.#counts !== null && this.#slice(this.#counts);
    const nowMs = this.#clock.monotonicMs();
    if (this.#counting === null && nowMs - this.#countedAtMs >= RECOUNT_MS) {
      this.#counting = new MessageCounts(this.#names);
    }
    if (this.#counting === null) return isBehind;
    if (this.#slice(this.#counting)) return true;
    this.#counts = this.#counting;
    this.#counting = null;
    this.#countedAtMs = nowMs;
    return isBehind;
  }

  /* Whether there may be more. */
  #slice(counts: MessageCounts): boolean {
    const look = this.#read(counts.upTo);
    if (look === 'busy') return true;
    const { deletions, found } = look;
    const known = this.#deletions ?? deletions;
    this.#deletions = deletions;
    /* What was counted may be gone. */
    if (known !== deletions) {
      this.#counting = new MessageCounts(this.#names);
      return true;
    }
    if (found === null) return false;
    counts.count(found.rows, found.upTo, this.#clock.now());
    return found.read === SLICE;
  }

  #read(after: number): CountSnapshot | 'busy' {
    try {
      return this.#spool.messageGroups.look(after, SLICE);
    } catch (error) {
      /* Another program holds the whole file for a moment. */
      if (!isBusy(error)) this.#onFatal(error);
      return 'busy';
    }
  }
}

function namesOf({ defaultAccount, defaultSenders, senders }: Policy): NameDefaults {
  const accounts = [...defaultSenders].map(
    ([name, sender]) => [name, { sender, senders: senders.get(name) ?? [] }] as const,
  );
  return { accounts: new Map(accounts), defaultAccount };
}
