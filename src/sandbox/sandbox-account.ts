/**
 * Keeps one account of the sandbox: its settings, its money and its limit.
 *
 * Money is kept in whole hundred-millionths of a euro, the API's last decimal place: a hundred times 0.05 is then
 * exactly 5.
 */
import type { RequestLimit } from './sandbox-limits.ts';
import { BucketLimit, SlidingLimit, WindowLimit } from './sandbox-limits.ts';
import type { AccountOptions, SandboxAccountSettings } from './sandbox-options.ts';
import { ACCOUNT_DEFAULTS } from './sandbox-options.ts';
import { BACK_OFF_TEXT, limitText } from './status-texts.ts';

const UNITS_PER_EURO = 100_000_000;

function toUnits(euros: number): number {
  return Math.round(euros * UNITS_PER_EURO);
}

function toText(units: number): string {
  return (units / UNITS_PER_EURO).toFixed(8);
}

function limitOf({
  rate,
  model,
  depth,
  countRefused,
}: SandboxAccountSettings): RequestLimit | null {
  if (rate === null) return null;
  if (model === 'window') return new WindowLimit(rate);
  if (model === 'sliding') return new SlidingLimit(rate, countRefused);
  return new BucketLimit(rate, depth ?? Math.max(1, Math.round(rate / 10)), countRefused);
}

/** The URLs for receipts and incoming messages, by the names that set them. */
export type AccountUrl = 'drCallBackUrl' | 'moCallBackUrl';

const LIMIT_KEYS = ['rate', 'model', 'depth', 'countRefused'] as const;

export class Account {
  readonly apiKey: string;
  #settings: SandboxAccountSettings = ACCOUNT_DEFAULTS;
  #limit = limitOf(ACCOUNT_DEFAULTS);
  #units = toUnits(ACCOUNT_DEFAULTS.balance);
  readonly #urls = new Map<AccountUrl, string>();

  constructor(apiKey: string, options: AccountOptions) {
    this.apiKey = apiKey;
    this.change(options);
  }

  get settings(): SandboxAccountSettings {
    return this.#settings;
  }

  /** EUR. */
  get balance(): number {
    return this.#units / UNITS_PER_EURO;
  }

  get balanceText(): string {
    return toText(this.#units);
  }

  get priceText(): string {
    return toText(toUnits(this.#settings.price));
  }

  /** A changed limit starts from zero; any other change keeps its state. */
  change(options: AccountOptions): void {
    const before = this.#settings;
    this.#settings = { ...before, ...options };
    if (options.balance !== undefined) this.#units = toUnits(options.balance);
    if (LIMIT_KEYS.some((key) => before[key] !== this.#settings[key])) {
      this.#limit = limitOf(this.#settings);
    }
  }

  /** Empty when none is set. */
  url(name: AccountUrl): string {
    return this.#urls.get(name) ?? '';
  }

  setUrl(name: AccountUrl, url: string): void {
    this.#urls.set(name, url);
  }

  /** Counts one request against the limit; null = admitted, else the text of the refusal. */
  take(now: number): string | null {
    const refused = this.#limit?.take(now) ?? null;
    if (refused === null) return null;
    return this.#settings.throttleText === 'plain' ? BACK_OFF_TEXT : limitText(refused);
  }

  canPay(parts: number): boolean {
    return toUnits(this.#settings.price) * parts <= this.#units;
  }

  /** Takes the price of one part. */
  charge(): void {
    this.#units -= toUnits(this.#settings.price);
  }
}
