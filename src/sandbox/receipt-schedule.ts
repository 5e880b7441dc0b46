/**
 * Schedules the delivery receipts of accepted messages: their content and time, their order, which are lost and which
 * are repeated on purpose. The pusher sends them.
 *
 * Content and time are decided when the message is accepted, whether receipts are sent or not, because reports show
 * them, too. At most `mostPending` are pending; receipts of a message above that are abandoned.
 */
import { ReceiptPusher } from './receipt-pusher.ts';
import type { Parcel } from './receipt-pusher.ts';
import type { SandboxLedger, NewEntry, ReceiptWords } from './sandbox-ledger.ts';
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

export class ReceiptSchedule {
  readonly #ledger: SandboxLedger;
  readonly #random: () => number;
  readonly #mostPending: number;
  readonly #pusher: ReceiptPusher;
  #settings = RECEIPT_DEFAULTS;

  constructor(ledger: SandboxLedger, { now, random, mostPending }: ReceiptsOptions) {
    this.#ledger = ledger;
    this.#random = random;
    this.#mostPending = mostPending;
    this.#pusher = new ReceiptPusher(ledger, now, this.#settings);
  }

  get settings(): ReceiptSettings {
    return this.#settings;
  }

  change(options: ReceiptOptions): void {
    this.#settings = { ...this.#settings, ...options };
    this.#pusher.change(this.#settings);
  }

  /** Resolves when no receipt is pending. */
  idle(): Promise<void> {
    return this.#pusher.idle();
  }

  close(): Promise<void> {
    return this.#pusher.close();
  }

  /** The content of the receipts of each part, by the present settings. */
  wordsFor({ word, code }: LastWord, parts: number): ReceiptWords {
    const words = word === null ? [] : [...this.#settings.steps, word];
    const dueMs = Array.from({ length: parts }, () => words.map(() => this.#drawDueMs()));
    return { words, code, dueMs };
  }

  /**
   * Sends the receipts of an accepted message when they are due. Null = its answer does not wait for them; else resolves
   * when each was tried once.
   */
  take(entry: NewEntry): Promise<void> | null {
    const { url, early, order, jitterMs } = this.#settings;
    if (url === null) return null;
    const parcels = this.#draw(entry);
    if (parcels.length === 0 || this.#isFull(parcels.length)) return null;
    const isInTurn = order !== 'shuffled' && (early || jitterMs === 0);
    const runs = isInTurn ? [parcels] : parcels.map((parcel) => [parcel]);
    const sent = Promise.all(runs.map((run) => this.#pusher.send(run, dueMsOf(run))));
    return early ? sent.then(() => undefined) : null;
  }

  #drawDueMs(): number {
    const { early, delayMs, jitterMs } = this.#settings;
    if (early) return 0;
    return jitterMs === 0 ? delayMs : Math.round(delayMs + jitterMs * this.#random());
  }

  /** The receipts to be sent, in their order. */
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
