/**
 * The delivery receipts of accepted messages: what they say and when, in which order they go, which are lost
 * and which are repeated on purpose. The courier does the sending.
 *
 * What the receipts of a message say, and when, is decided when it is accepted, whether they are sent or
 * not: reports tell it, too. No more than `mostPending` are pending; those of a message above it are abandoned.
 */
import { Courier } from './receipt-pusher.ts';
import type { Parcel } from './receipt-pusher.ts';
import type { Ledger, NewEntry, Words } from './sandbox-ledger.ts';
import type { LastWord } from './magic-recipients.ts';
import type { ReceiptOptions, ReceiptSettings } from './receipt-options.ts';
import { RECEIPT_DEFAULTS } from './receipt-options.ts';

interface ReceiptsOptions {
  /** Unix ms. */
  readonly now: () => number;
  readonly random: () => number;
  readonly mostPending: number;
}

function dueMsOf(parcels: readonly Parcel[]): number {
  const [first] = parcels;
  if (first === undefined) return 0;
  const { entry, part, word } = first.news;
  return entry.dueMs[part]?.[word] ?? 0;
}

export class Receipts {
  readonly #ledger: Ledger;
  readonly #random: () => number;
  readonly #mostPending: number;
  readonly #courier: Courier;
  #settings = RECEIPT_DEFAULTS;

  constructor(ledger: Ledger, { now, random, mostPending }: ReceiptsOptions) {
    this.#ledger = ledger;
    this.#random = random;
    this.#mostPending = mostPending;
    this.#courier = new Courier(ledger, now, this.#settings);
  }

  get settings(): ReceiptSettings {
    return this.#settings;
  }

  change(options: ReceiptOptions): void {
    this.#settings = { ...this.#settings, ...options };
    this.#courier.change(this.#settings);
  }

  /** Resolves when no receipt is pending. */
  idle(): Promise<void> {
    return this.#courier.idle();
  }

  close(): Promise<void> {
    return this.#courier.close();
  }

  /** What the receipts of each of so many parts are to say, by the settings of now. */
  wordsFor({ word, code }: LastWord, parts: number): Words {
    const words = word === null ? [] : [...this.#settings.steps, word];
    const dueMs = Array.from({ length: parts }, () => words.map(() => this.#drawDueMs()));
    return { words, code, dueMs };
  }

  /**
   * Sends the receipts of an accepted message in due time. Null = its answer need not wait for them; else
   * resolves when each has had its first try.
   */
  take(entry: NewEntry): Promise<void> | null {
    const { url, early, order, jitterMs } = this.#settings;
    if (url === null) return null;
    const parcels = this.#draw(entry);
    if (parcels.length === 0 || this.#isFull(parcels.length)) return null;
    const isInTurn = order !== 'shuffled' && (early || jitterMs === 0);
    const runs = isInTurn ? [parcels] : parcels.map((parcel) => [parcel]);
    const sent = Promise.all(runs.map((run) => this.#courier.send(run, dueMsOf(run))));
    return early ? sent.then(() => undefined) : null;
  }

  #drawDueMs(): number {
    const { early, delayMs, jitterMs } = this.#settings;
    if (early) return 0;
    return jitterMs === 0 ? delayMs : Math.round(delayMs + jitterMs * this.#random());
  }

  /** The receipts that are to be sent, in their order. */
  #draw(entry: NewEntry): readonly Parcel[] {
    const { order, loss, repeat } = this.#settings;
    const parcels: Parcel[] = [];
    for (const word of entry.words.keys()) {
      for (const part of entry.messageIds.keys()) {
        if (this.#happens(loss)) {
          this.#ledger.count('receiptsLost');
          continue;
        }
        const parcel = { news: { entry, part, word }, push: null };
        parcels.push(parcel);
        if (!this.#happens(repeat)) continue;
        this.#ledger.count('receiptsRepeated');
        parcels.push(parcel);
      }
    }
    if (order === 'reversed') parcels.reverse();
    if (order === 'shuffled') this.#shuffle(parcels);
    return parcels;
  }

  #happens(probability: number): boolean {
    return probability > 0 && this.#random() < probability;
  }

  #shuffle(parcels: Parcel[]): void {
    for (let last = parcels.length - 1; last > 0; last -= 1) {
      const other = Math.floor(this.#random() * (last + 1));
      const [a, b] = [parcels[last], parcels[other]];
      if (a !== undefined && b !== undefined) [parcels[last], parcels[other]] = [b, a];
    }
  }

  #isFull(count: number): boolean {
    if (this.#ledger.receiptsPending + count <= this.#mostPending) return false;
    for (let left = count; left > 0; left -= 1) this.#ledger.count('receiptsAbandoned');
    return true;
  }
}
