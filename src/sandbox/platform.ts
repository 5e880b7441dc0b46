/**
 * Decides about one message: credentials, account limit, its fields, sender limit, its scene, credit; then makes an
 * answer in the API's words, a line in the ledger, and receipts.
 *
 * The order is the API's, whose edge counts a request before it reads it. A message refused by its account's limit costs
 * nothing; one refused later has counted against the account's limit, but not its sender's. Synchronous and without I/O:
 * an accepted message was accepted at once, however late its answer comes.
 */
import { Account } from './sandbox-account.ts';
import { authenticate, ownerOf } from './authenticate.ts';
import type { Chaos } from './chaos.ts';
import type { Fault, Reply } from './faults.ts';
import { httpFault } from './faults.ts';
import type { RequestFields } from './request-fields.ts';
import { NETWORK, type SandboxLedger, type Throttle } from './sandbox-ledger.ts';
import { SenderLimit } from './sandbox-limits.ts';
import type { Scene } from './magic-recipients.ts';
import { MagicRecipients, sceneOfCode } from './magic-recipients.ts';
import type { SandboxChanges } from './sandbox-options.ts';
import type { Element, Order, SmsOutcome } from './outcome.ts';
import {
  NOT_TAKEN,
  elementOf,
  entryOf,
  messageIdsOf,
  moneyOf,
  partsOf,
  refusal,
} from './outcome.ts';
import type { ReceiptSchedule } from './receipt-schedule.ts';
import type { PartStatus } from './status-texts.ts';
import { statusOf, waitText } from './status-texts.ts';
import { validate } from './validate.ts';

export interface SmsRequest {
  readonly fields: RequestFields;
  readonly authorization: string | undefined;
  /** The fault of this request; null = none. */
  readonly chaos: Chaos | null;
}

/** The fault of a step of chaos; null = another step, or none. */
export function faultOf(chaos: Chaos | null): Fault | null {
  if (chaos === null) return null;
  switch (chaos.kind) {
    case 'ok':
    case 'refuse':
    case 'drop':
    case 'code':
    case 'wrong-credentials':
      return null;
    case 'http':
      return httpFault(chaos.status ?? 503, chaos.retryAfter ?? null);
    case 'blank':
    case 'cut':
    case 'empty':
    case 'garbage':
    case 'hang':
    case 'huge':
    case 'redirect':
    case 'reset':
    case 'stall':
      return { kind: chaos.kind };
  }
}

/** `status-report-req` is true by default; older clients write 0 for false. */
function isReported(fields: RequestFields): boolean {
  return !/^(0|false)$/i.test(fields.get('status-report-req') ?? '');
}

export class Platform {
  readonly #accounts = new Map<string, Account>();
  readonly #senderRates = new Map<string, number>();
  readonly #senderLimits = new Map<string, SenderLimit>();
  readonly #recipients = new MagicRecipients();
  readonly #ledger: SandboxLedger;
  readonly #receipts: ReceiptSchedule;
  readonly #now: () => number;

  constructor(ledger: SandboxLedger, receipts: ReceiptSchedule, now: () => number) {
    this.#ledger = ledger;
    this.#receipts = receipts;
    this.#now = now;
  }

  get accounts(): ReadonlyMap<string, Account> {
    return this.#accounts;
  }

  get senderRates(): ReadonlyMap<string, number> {
    return this.#senderRates;
  }

  change({ accounts = {}, senders = {} }: SandboxChanges): void {
    for (const [apiKey, options] of Object.entries(accounts)) {
      const present = this.#accounts.get(apiKey);
      if (options === null) this.#accounts.delete(apiKey);
      else if (present === undefined) this.#accounts.set(apiKey, new Account(apiKey, options));
      else present.change(options);
    }
    for (const [sender, options] of Object.entries(senders)) {
      if (options === null) this.#senderRates.delete(sender);
      else this.#senderRates.set(sender, options.rate);
      for (const apiKey of this.#accounts.keys()) this.#senderLimits.delete(`${apiKey} ${sender}`);
    }
  }

  /** Forgets the counts of magic recipients. */
  forgetRecipients(): void {
    this.#recipients.clear();
  }

  /** The account of these credentials; null = none, or chaos denies it. */
  owner({ fields, authorization, chaos }: SmsRequest): Account | null {
    if (chaos?.kind === 'wrong-credentials') return null;
    return ownerOf(this.#accounts, fields, authorization);
  }

  /** Decides about one message and makes its answer. */
  submit(request: SmsRequest): Reply {
    this.#ledger.count('requests');
    const fault = faultOf(request.chaos);
    const isSpared = fault === null || request.chaos?.accept === true;
    const outcome = isSpared ? this.#decide(request, fault) : this.#notTaken(fault);
    if (outcome.fault !== null) this.#ledger.fault(outcome.fault.kind);
    const { elements, delayMs, early } = outcome;
    const body = JSON.stringify({ 'message-count': String(elements.length), messages: elements });
    return { httpStatus: 200, body, fault: outcome.fault, delayMs, early };
  }

  /** `fault` spoils the answer, whatever it is; null = the scene decides. */
  #decide(request: SmsRequest, fault: Fault | null): SmsOutcome {
    const outcome = this.#admit(request, fault);
    return fault === null ? outcome : { ...outcome, fault };
  }

  #admit({ fields, authorization, chaos }: SmsRequest, fault: Fault | null): SmsOutcome {
    const account =
      chaos?.kind === 'wrong-credentials'
        ? statusOf(4)
        : authenticate(this.#accounts, fields, authorization);
    if (!(account instanceof Account)) return this.#refuse(fields, account);

    const now = this.#now();
    const throttleText = account.take(now);
    if (throttleText !== null) return this.#throttle(fields, 'account', throttleText);
    const wrong = validate(fields);
    if (wrong !== null) return this.#refuse(fields, wrong);
    const sender = this.#senderLimit(account, fields.get('from') ?? '');
    const waitMs = sender?.waitMs(now) ?? null;
    if (waitMs !== null) return this.#throttle(fields, 'sender', waitText(waitMs));

    const scene =
      chaos?.kind === 'code'
        ? sceneOfCode(chaos.code ?? 5)
        : this.#recipients.next(fields.get('to') ?? '');
    return this.#play({ account, fields, sender, now, seq: this.#ledger.nextSeq }, scene, fault);
  }

  #play(order: Order, scene: Scene, fault: Fault | null): SmsOutcome {
    const { account, fields } = order;
    if (!scene.isTaken) return this.#notTaken(scene.fault);
    const count = Math.max(scene.leastParts, partsOf(fields));
    const statuses = Array.from({ length: count }, (_, part) =>
      part === 0 ? scene.first : scene.rest,
    );
    const accepted = statuses.filter(({ code }) => code === 0).length;
    if (accepted === 0) return this.#refuse(fields, scene.first);
    if (!account.canPay(accepted)) return this.#refuse(fields, statusOf(9), moneyOf(account));

    order.sender?.accept(order.now);
    const elements = statuses.map((status) => elementOf(order, status));
    const isAnswered = fault === null && scene.fault === null;
    const words = this.#receipts.wordsFor(scene.last, messageIdsOf(elements).length);
    const entry = entryOf(order, elements, { isAnswered, ...words });
    this.#ledger.accept(entry);
    const early = isReported(fields) ? this.#receipts.take(entry) : null;
    return { elements, fault: scene.fault, delayMs: scene.delayMs, early };
  }

  #senderLimit(account: Account, from: string): SenderLimit | null {
    const sender = from.replaceAll(' ', '');
    const rate = this.#senderRates.get(sender);
    if (rate === undefined) return null;
    const key = `${account.apiKey} ${sender}`;
    const limit = this.#senderLimits.get(key) ?? new SenderLimit(rate);
    this.#senderLimits.set(key, limit);
    return limit;
  }

  #refuse(fields: RequestFields, status: PartStatus, extra: Element = {}): SmsOutcome {
    this.#ledger.refuse(status.code);
    return refusal(fields, status, extra);
  }

  #throttle(fields: RequestFields, by: Throttle, text: string): SmsOutcome {
    this.#ledger.throttle(by);
    return refusal(fields, statusOf(1, text), by === 'sender' ? { network: NETWORK } : {});
  }

  #notTaken(fault: Fault | null): SmsOutcome {
    this.#ledger.count('notTaken');
    return { elements: NOT_TAKEN, fault, delayMs: 0, early: null };
  }
}
