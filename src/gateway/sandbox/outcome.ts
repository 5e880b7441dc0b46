/**
 * The words of an answer: the elements of `messages[]` as the API writes them, numbers as text, and the
 * ledger's line about an accepted message. Decides nothing.
 */
import { hash, randomUUID } from 'node:crypto';
import { predictParts } from '../../core/parts.ts';
import type { Account } from './account.ts';
import type { Fault } from './faults.ts';
import type { Fields } from './fields.ts';
import type { NewEntry } from './ledger.ts';
import type { SenderLimit } from './limits.ts';
import type { Status } from './status-texts.ts';

export type Element = Readonly<Record<string, string>>;

/** What a client is told, and how that leaves. */
export interface Outcome {
  readonly elements: readonly Element[];
  readonly fault: Fault | null;
  readonly delayMs: number;
}

/** A message that every check has passed. */
export interface Order {
  readonly account: Account;
  readonly fields: Fields;
  /** Null = the sender has no limit of its own. */
  readonly sender: SenderLimit | null;
  /** Unix ms. */
  readonly now: number;
}

/** MCC and MNC that every number is said to belong to. */
export const NETWORK = '23410';

/** What a client would have been told that is told nothing, or half of it. */
export const NOT_TAKEN: readonly Element[] = [{ status: '5', 'error-text': 'Internal error' }];

function echo(fields: Fields): Record<string, string> {
  const element: Record<string, string> = {};
  for (const key of ['to', 'client-ref', 'account-ref']) {
    const value = fields.get(key);
    if (value !== undefined) element[key] = value;
  }
  return element;
}

/** A message refused whole has one element, however many parts it would have had. */
export function refusal(fields: Fields, status: Status, extra: Element): Outcome {
  const refused = { status: String(status.code), 'error-text': status.text };
  return { elements: [{ ...echo(fields), ...refused, ...extra }], fault: null, delayMs: 0 };
}

/** What is left, the price of a part and the network, as accepted parts and status 9 carry them. */
export function moneyOf(account: Account): Element {
  return {
    'remaining-balance': account.balanceText,
    'message-price': account.priceText,
    network: NETWORK,
  };
}

/** One part's element; an accepted one is charged and gets an id. */
export function elementOf({ account, fields }: Order, status: Status): Element {
  if (status.code !== 0) {
    return { ...echo(fields), status: String(status.code), 'error-text': status.text };
  }
  account.charge();
  return { ...echo(fields), status: '0', 'message-id': randomUUID(), ...moneyOf(account) };
}

/** How many parts a message is sent in; `type` is taken as it came, `text` when it did not. */
export function partsOf(fields: Fields): number {
  const type = fields.get('type');
  return predictParts({
    type: type === 'unicode' || type === 'binary' ? type : 'text',
    text: fields.get('text') ?? null,
    body: fields.get('body') ?? null,
    udh: fields.get('udh') ?? null,
  });
}

function contentOf(fields: Fields): string {
  if (fields.get('type') !== 'binary') return fields.get('text') ?? '';
  return `${fields.get('udh') ?? ''}${fields.get('body') ?? ''}`;
}

export function entryOf(order: Order, elements: readonly Element[], isAnswered: boolean): NewEntry {
  const { account, fields } = order;
  const ttl = fields.get('ttl');
  const messageIds = elements.flatMap((element) => element['message-id'] ?? []);
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
    isAnswered,
  };
}
