/**
 * The dispatcher's step on a real spool, with nothing that sends: a test claims rows, says what the gateway
 * answered, brings receipts, and decides when a step runs, is rolled back, or is the last thing before a
 * crash. Time stands still unless it is moved.
 */
import { join } from 'node:path';
import { expect, onTestFinished } from 'vitest';
import type { Instant } from '../../src/core/window/usage-window.ts';
import type { Claim } from '../../src/core/message/claim.ts';
import type { IgnoredReason, Receipt } from '../../src/core/receipt/receipt.ts';
import { NEXT, type State } from '../../src/core/message/message.ts';
import type { AnswerPart } from '../../src/core/answer/observation.ts';
import type { AccountQueue } from '../../src/dispatch/schedule/account-queue.ts';
import { LoopStep } from '../../src/dispatch/loop/transaction.ts';
import type { Policy, ReceiptPolicy } from '../../src/core/account/policy.ts';
import { policyWith } from '../support/policy.ts';
import type { SettlePolicy } from '../../src/core/answer/settle.ts';
import type { DropRow } from '../../src/spool/write/insert.ts';
import { Spool } from '../../src/spool/spool.ts';
import { StatusLog } from '../../src/log/status-log.ts';
import type { Capabilities } from '../../src/gateway/gateway.ts';
import { makeQueue } from '../support/account-queue.ts';
import { silentGateway } from '../support/gateway.ts';
import { makeFolder, openHandle, type Handle, type Row } from '../support/spool.ts';
import { claimOf, KEEP_ALL, NOW, POLICY } from '../support/verdicts.ts';

export const RECIPIENT = '447700900000';
export const KEY = 'abcd1234';
export const VALIDITY_S = 86_400;

export interface BenchOptions {
  readonly settle?: Partial<SettlePolicy>;
  readonly receipts?: Partial<ReceiptPolicy>;
  readonly keep?: Partial<Policy['keep']>;
  /** Account → its API key. */
  readonly apiKeys?: ReadonlyMap<string, string>;
  readonly isSigned?: boolean;
  /** Where the spool is; left out = in a folder of its own. */
  readonly folder?: string;
  /** Left out = the gateway can do everything. */
  readonly capabilities?: Partial<Capabilities>;
  /** Whether somebody else has committed since this was last asked; left out = nobody ever. */
  readonly takeNews?: () => boolean;
}

/** A receipt that was brought; `isStored` null = whoever brought it still waits. */
export interface Brought {
  readonly receipt: Receipt;
  isStored: boolean | null;
}

/** What breaks the next transaction, once. */
type Fault = 'roll-back' | 'crash-after-commit';

class Broken extends Error {}

export const PART: AnswerPart = {
  status: 0,
  gatewayId: 'part-1',
  price: null,
  network: null,
  errorText: null,
  balance: null,
};

/** A receipt as the listener hands it on: ours by its key, delivered, unless it says otherwise. */
export function receiptOf(over: Partial<Receipt> = {}): Receipt {
  const whole = {
    receivedAt: NOW,
    gatewayId: 'part-1',
    clientRef: null,
    recipient: RECIPIENT,
    apiKey: KEY,
    status: 'delivered',
    code: null,
    price: null,
    network: null,
    raw: '{}',
    ...over,
  };
  const { gatewayId, clientRef, recipient, apiKey, status, code, price } = whole;
  const said = [gatewayId, clientRef, recipient, apiKey, status, code, price];
  return { ...whole, digest: over.digest ?? JSON.stringify(said) };
}

export class Bench {
  readonly path: string;
  readonly other: Handle;
  readonly ignored: IgnoredReason[] = [];
  /** Lines of the status log that stand for no row of `events`: something went wrong. */
  readonly warnings: string[] = [];
  /** Lines that stand for a row of `events`, at the levels that are logged. */
  readonly lines: string[] = [];
  readonly #options: BenchOptions;
  #at = NOW;
  #spool: Spool;
  #queue: AccountQueue;
  #step: LoopStep;
  #fault: Fault | null = null;
  #kicks = 0;

  constructor(options: BenchOptions = {}) {
    this.#options = options;
    this.path = join(options.folder ?? makeFolder(), 'spool.db');
    this.other = openHandle(this.path);
    this.#spool = this.#open();
    this.#queue = this.#makeQueue();
    this.#step = this.#makeStep();
    onTestFinished(async () => {
      this.#spool.close();
      await this.#queue.stop();
    });
  }

  get now(): number {
    return this.#at;
  }

  get spool(): Spool {
    return this.#spool;
  }

  /** What the daemon has counted since it started. */
  get counters(): LoopStep['stats']['counters'] {
    return this.#step.stats.counters;
  }

  get inbox(): LoopStep['inbox'] {
    return this.#step.inbox;
  }

  /** How often a step was asked for. */
  get kicks(): number {
    return this.#kicks;
  }

  advance(seconds: number): void {
    this.#at += seconds;
  }

  drop(row: DropRow = {}): number {
    const id = this.other.drop({ recipient: RECIPIENT, ...row });
    const dated =
      'UPDATE messages SET revision = revision + 1, created_at = ?, updated_at = ? WHERE id = ?';
    this.other.db.prepare(dated).run(this.#at, this.#at, id);
    return id;
  }

  /** Claims the message as the dispatcher does; null = it is not among the rows that may go. */
  claim(id: number): Claim | null {
    const source = this.other.all(
      'SELECT account, sender, campaign FROM messages WHERE id = ?',
      id,
    );
    const key = source[0] as Pick<Claim['row'], 'account' | 'sender' | 'campaign'>;
    return this.commit(() => {
      const row = this.#spool.claims.peek(key, 1_000, 0).find((one) => one.id === id);
      if (row === undefined) return null;
      const number = row.lastAttempt + 1;
      const claim = claimOf({
        ...row,
        number,
        clientRef: this.#spool.claims.clientRef(id, number),
        row,
        account: row.account ?? 'main',
        sender: row.sender ?? 'AcmeInc',
        from: row.state,
        claimedAt: this.#at,
        deadline: row.expiresAt ?? row.createdAt + VALIDITY_S,
        attempts: row.attempts + 1,
        hasUnanswered: this.#spool.due.isUnanswered(row),
      });
      this.#spool.claims.write([claim], this.#at);
      return claim;
    });
  }

  /** Drops a message and claims it. */
  claimNew(row: DropRow = {}): Claim {
    return this.claimAgain(this.drop(row));
  }

  claimAgain(id: number): Claim {
    const claim = this.claim(id);
    if (claim === null) throw new Error(`message ${id} is not ready: ${this.state(id)}`);
    return claim;
  }

  /** The gateway answered: each part's status, or more of it. On disk with the next step. */
  answer(claim: Claim, parts: readonly (number | Partial<AnswerPart>)[] = [0]): void {
    const whole = parts.map((part, index) => {
      const gatewayId = `${claim.id}-${claim.number}-${index + 1}`;
      if (typeof part !== 'number') return { ...PART, gatewayId, ...part };
      return { ...PART, status: part, gatewayId: part === 0 ? gatewayId : null };
    });
    const rest = { httpStatus: 200, retryAfterMs: null, traceId: null } as const;
    const answered = { kind: 'answered', parts: whole, ...rest } as const;
    this.#step.outcomes.observed(this.#queue, claim, answered, this.#clock.monotonicMs());
  }

  /** The request left, and no answer came. */
  lose(claim: Claim): void {
    const lost = { kind: 'unanswered', cause: 'timeout', httpStatus: null, traceId: null } as const;
    this.#step.outcomes.observed(this.#queue, claim, lost, this.#clock.monotonicMs());
  }

  /** The request never left. */
  giveBack(claim: Claim): void {
    this.#step.outcomes.returned(this.#queue, claim);
  }

  /** A receipt about a part of this attempt, with its client-ref unless it says otherwise. */
  receipt({ id, number, clientRef, recipient }: Claim, over: Partial<Receipt> = {}): Receipt {
    const gatewayId = `${id}-${number}-1`;
    const digits = recipient.replace('+', '');
    return receiptOf({ gatewayId, clientRef, recipient: digits, receivedAt: this.#at, ...over });
  }

  bring(receipt: Receipt): Brought {
    const brought: Brought = { receipt, isStored: null };
    void this.#step.inbox.take(receipt).then((isStored) => {
      brought.isStored = isStored;
    });
    return brought;
  }

  /** Brings receipts about this attempt, one a step. */
  async hear(claim: Claim, ...overs: readonly Partial<Receipt>[]): Promise<void> {
    for (const over of overs) {
      this.bring(this.receipt(claim, over));
      await this.step();
    }
  }

  /** One step of the dispatcher that claims nothing; whoever was told of it has been told. */
  async step(): Promise<'done' | 'busy'> {
    const done = this.#step.run(false);
    await told();
    return done === 'busy' ? 'busy' : 'done';
  }

  /** One step of the dispatcher, once there is a permit; gives the ids of what it claims. */
  async stepAndClaim(): Promise<readonly number[]> {
    this.advance(0.01);
    while (this.#queue.limits.account.available(this.#instant) < 1) await told();
    const claims = this.#step.run(true);
    if (claims === 'busy') throw new Error('the spool was locked');
    return [...claims.values()].flat().map(({ id }) => id);
  }

  /** Whether attempts that ended are all that a step would write. */
  get hasOutcomesAlone(): boolean {
    return this.#step.hasOutcomesAlone;
  }

  /** A step in which something throws after the work: it is rolled back. */
  async brokenStep(): Promise<void> {
    this.#fault = 'roll-back';
    try {
      this.#step.run(false);
    } catch (error) {
      if (!(error instanceof Broken)) throw error;
    } finally {
      this.#fault = null;
    }
    await told();
  }

  /** Power fails: what is in memory is gone, and another daemon starts on what is on disk. */
  crash(): void {
    this.#spool.close();
    void this.#queue.stop();
    this.#spool = this.#open();
    this.#queue = this.#makeQueue();
    this.#step = this.#makeStep();
    let rescued: number | 'busy';
    do rescued = this.#step.rescue();
    while (rescued !== 0);
  }

  /** Power fails right after a commit, before anybody was told of it. */
  crashAfterCommit(): void {
    this.#fault = 'crash-after-commit';
    try {
      this.#step.run(false);
    } catch (error) {
      if (!(error instanceof Broken)) throw error;
    } finally {
      this.#fault = null;
    }
    this.crash();
  }

  /** Asks as an operator does, and lets the daemon answer; gives the row of `control`. */
  async ask(verb: 'cancel' | 'requeue', messageId: number): Promise<Row> {
    const insert = this.other.db.prepare('INSERT INTO control (verb, message_id) VALUES (?, ?)');
    const { lastInsertRowid: id } = insert.run(verb, messageId);
    await this.step();
    return this.other.all('SELECT * FROM control WHERE id = ?', id)[0] ?? {};
  }

  /** One write transaction of the daemon's connection. */
  commit<T>(work: () => T): T {
    const result = this.#spool.transaction(work);
    if (result === 'busy') throw new Error('the spool was locked');
    return result;
  }

  message(id: number): Row {
    return this.other.message(id);
  }

  state(id: number): string {
    return String(this.message(id)['state']);
  }

  /** Moves and confessions of a message, oldest first, as "from>to reason". */
  events(id: number): readonly Row[] {
    return this.other.all('SELECT * FROM events WHERE message_id = ? ORDER BY seq', id);
  }

  duplicates(id: number): number {
    return this.events(id).filter((row) => row['event'] === 'message.duplicate').length;
  }

  receipts(where = '1'): readonly Row[] {
    return this.other.all(`SELECT * FROM receipts WHERE ${where} ORDER BY id`);
  }

  readonly #clock = {
    now: (): number => this.#at,
    monotonicMs: (): number => (this.#at - NOW) * 1_000,
  };

  get #instant(): Instant {
    return { now: this.#at, nowMs: this.#clock.monotonicMs() };
  }

  #open(): Spool {
    const spool = Spool.open(this.path);
    const commit = spool.transaction.bind(spool);
    spool.transaction = <T>(work: () => T): T | 'busy' => {
      const fault = this.#fault;
      const result = commit(() => {
        const done = work();
        if (fault === 'roll-back') throw new Broken('in the middle of a step');
        return done;
      });
      if (fault === 'crash-after-commit') throw new Broken('after the commit');
      return result;
    };
    return spool;
  }

  #makeQueue(): AccountQueue {
    return makeQueue({
      ...{ clock: this.#clock, concurrency: 10 },
      gateway: silentGateway(this.#options.capabilities),
    });
  }

  #makeStep(): LoopStep {
    const parts = {
      spool: this.#spool,
      queues: new Map([['main', this.#queue]]),
      limits: new Map([['main', { configuredRate: null, ceiling: null, concurrency: 10 }]]),
      policy: this.#policy(),
      clock: this.#clock,
      random: () => 0.5,
      log: new StatusLog({
        ...({ level: 'warn', recipients: 'masked', file: null } as const),
        output: { write: (lines) => this.#note(lines) },
      }),
      receipts: {
        onIgnored: (reason: IgnoredReason) => void this.ignored.push(reason),
        lookups: null,
        since: () => NOW,
      },
      onEvents: () => undefined,
      opening: [],
    };
    return new LoopStep(parts, {
      onCircuit: () => undefined,
      kick: () => (this.#kicks += 1),
      takeNews: () => this.#options.takeNews?.() ?? false,
    });
  }

  #note(lines: string): number {
    for (const line of lines.split('\n').filter((one) => one !== '')) {
      (line.includes('"seq":') ? this.lines : this.warnings).push(line);
    }
    return lines.length;
  }

  #policy(): () => Policy {
    const { settle, receipts } = this.#options;
    const { apiKeys = new Map([['main', KEY]]), isSigned = false } = this.#options;
    const none = {
      ...{ acceptedIsEnough: [], resend: null, suppressAutomatically: true },
      ...{ apiKeys, isSigned },
    };
    return policyWith({
      settle: { ...POLICY, ...settle },
      validityMs: VALIDITY_S * 1_000,
      defaultSenders: new Map([['main', 'AcmeInc']]),
      receipts: { ...none, ...receipts },
      keep: { ...KEEP_ALL, ...this.#options.keep },
    });
  }
}

/** Promises that were resolved by now have told their listeners. */
function told(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

export const UNCERTAIN_AFTER_S = POLICY.uncertainAfterMs / 1_000;
export const TIMEOUT_S = POLICY.receipts.timeoutMs / 1_000;
/** As many characters as make so many parts. */
export const TEXTS = ['', 'x', 'x'.repeat(200), 'x'.repeat(400)] as const;

export const failed = (code: number | null = 8): Partial<Receipt> => ({ status: 'failed', code });
export const ACCEPTED: Partial<Receipt> = { status: 'accepted' };
export const DELIVERED: Partial<Receipt> = { status: 'delivered' };

/** The n-th part of an attempt, as its answer or a receipt names it. */
export const partId = ({ id, number }: Claim, part: number): string => `${id}-${number}-${part}`;

/** An attempt that nobody answered, and its message uncertain. */
export async function unanswered(bench: Bench, row: DropRow = {}): Promise<Claim> {
  const claim = bench.claimNew(row);
  bench.lose(claim);
  await bench.step();
  expect(bench.state(claim.id)).toBe('uncertain');
  return claim;
}

/** The time to be uncertain is over, and the message is claimed again. */
export async function resent(bench: Bench, first: Claim): Promise<Claim> {
  bench.advance(UNCERTAIN_AFTER_S);
  await bench.step();
  expect(bench.state(first.id)).toBe('retry');
  return bench.claimAgain(first.id);
}

/** The moves of a message are ones that NEXT has, each from where the last one led. */
export function expectLawful(bench: Bench, id: number): void {
  let state = 'queued';
  for (const { event, from_state: from, to_state: to } of bench.events(id)) {
    if (event === 'message.duplicate') continue;
    const wasClaimed = from === 'sending' && (state === 'queued' || state === 'retry');
    expect(wasClaimed ? state : from).toBe(state);
    expect(NEXT[from as State] as readonly unknown[]).toContain(to);
    state = String(to);
  }
  expect(bench.state(id)).toBe(state);
}
