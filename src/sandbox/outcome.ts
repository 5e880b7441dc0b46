/**
 * Makes the elements of an answer's `messages[]` as the API writes them, numbers as text, and the ledger's entry of an
 * accepted message. Decides nothing.
 */
import { hash, randomUUID } from 'node:crypto';
import { predictParts } from '../core/message/parts.ts';
import type { Account } from './sandbox-account.ts';
import type { Fault } from './faults.ts';
import type { RequestFields } from './request-fields.ts';
import { NETWORK, type NewEntry, type ReceiptWords } from './sandbox-ledger.ts';
import type { SenderLimit } from './sandbox-limits.ts';
import type { PartStatus } from './status-texts.ts';

export type Element = Readonly<Record<string, string>>;

/** The answer to a client, and how it is sent. */
export interface SmsOutcome {
  readonly elements: readonly Element[];
  readonly fault: Fault | null;
  readonly delayMs: number;
  /** The answer waits for this; null = for nothing. */
  readonly early: Promise<void> | null;
}

/** A message that every check has passed. */
export interface Order {
  readonly account: Account;
  readonly fields: RequestFields;
  /** Null = the sender has no limit of its own. */
  readonly sender: SenderLimit | null;
  /** Unix ms. */
  readonly now: number;
  /** That of its entry in the ledger, if it is accepted. */
  readonly seq: number;
}

/** The answer of which a client gets nothing, or half. */
export const NOT_TAKEN: readonly Element[] = [{ status: '5', 'error-text': 'Internal error' }];

/** A message id carries the `seq` of its entry in its last twelve digits: no index is needed to find it. */
function messageIdOf(seq: number): string {
  return randomUUID().slice(0, -12) + seq.toString(16).padStart(12, '0');
}

/** The `seq` in a message id; NaN = it is not ours. */
export function seqOf(messageId: string): number {
  return Number(`0x${messageId.slice(-12)}`);
}

function echo(fields: RequestFields): Record<string, string> {
  const element: Record<string, string> = {};
  for (const key of ['to', 'client-ref', 'account-ref']) {
    const value = fields.get(key);
    if (value !== undefined) element[key] = value;
  }
  return element;
}

/** A message refused whole has one element, however many parts it would have had. */
export function refusal(fields: RequestFields, status: PartStatus, extra: Element): SmsOutcome {
  const refused = { status: String(status.code), 'error-text': status.text };
  return {
    elements: [{ ...echo(fields), ...refused, ...extra }],
    fault: null,
    delayMs: 0,
    early: null,
  };
}

/** Balance, price of a part and network, as in accepted parts and status 9. */
export function moneyOf(account: Account): Element {
  return {
    'remaining-balance': account.balanceText,
    'message-price': account.priceText,
    network: NETWORK,
  };
}

/** One part's element; an accepted one is charged and gets an id. */
export function elementOf({ account, fields, seq }: Order, status: PartStatus): Element {
  if (status.code !== 0) {
    return { ...echo(fields), status: String(status.code), 'error-text': status.text };
  }
  account.charge();
  return { ...echo(fields), status: '0', 'message-id': messageIdOf(seq), ...moneyOf(account) };
}

/** How many parts a message is sent in; `type` is taken as it came, `text` when it did not. */
export function partsOf(fields: RequestFields): number {
  const type = fields.get('type');
  return predictParts({
    type: type === 'unicode' || type === 'binary' ? type : 'text',
    text: fields.get('text') ?? null,
    body: fields.get('body') ?? null,
    udh: fields.get('udh') ?? null,
  });
}

function contentOf(fields: RequestFields): string {
  if (fields.get('type') !== 'binary') return fields.get('text') ?? '';
  return `${fields.get('udh') ?? ''}${fields.get('body') ?? ''}`;
}

/** The ids of the parts that were accepted. */
export function messageIdsOf(elements: readonly Element[]): readonly string[] {
  return elements.flatMap((element) => element['message-id'] ?? []);
}

/** The ledger's entry of an accepted message. */
export function entryOf(
  { account, fields }: Order,
  elements: readonly Element[],
  more: ReceiptWords & Pick<NewEntry, 'isAnswered'>,
): NewEntry {
  const ttl = fields.get('ttl');
  const messageIds = messageIdsOf(elements);
  return {
    account: account.apiKey,
    clientRef: fields.get('client-ref') ?? null,
    to: fields.get('to') ?? '',
    from: fields.get('from') ?? '',
    type: fields.get('type') ?? 'text',
    ttlMs: ttl === undefined ? null : Number(ttl),
    textHash: hash('sha256', contentOf(fields)).slice(0, 16),
    parts: messageIds.length,
    partsRefused: elements.length - messageIds.length,
    messageIds,
    accountRef: fields.get('account-ref') ?? null,
    price: account.priceText,
    ...more,
  };
}
