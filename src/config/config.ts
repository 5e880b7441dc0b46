/**
 * Describes the configuration as the program uses it: the values of keys.ts, every default filled in, every secret read
 * (or '', where it was left), every path absolute. Nothing here is optional; absent features are null.
 */
import type { NestedRules } from '../core/window/rate-limits.ts';
import type { ResendPolicy } from '../core/receipt/receipt.ts';
import type { SecretOrigin } from '../core/text/secret-origin.ts';
import type { AccountValues, ConfigValues } from './keys.ts';

export interface AccountConfig extends Omit<
  AccountValues,
  'default' | 'rate' | 'per' | 'zone' | 'senders' | 'groups'
> {
  readonly name: string;
  /** Requests per second; null = asked from the account, else 30. */
  readonly rate: number | null;
  /** Sender → messages per second that it allows; null = no limit of its own. */
  readonly senders: ReadonlyMap<string, { readonly rate: number | null }>;
  /** Windows longer than a second, groups, and what is counted in parts; null = there is none of it. */
  readonly nested: NestedRules | null;
}

export interface Config extends Omit<ConfigValues, 'accounts' | 'receipts' | 'notify'> {
  /** The file it was read from; null = environment and defaults alone. */
  readonly file: string | null;
  /** In the order of the file; empty when nothing is configured. */
  readonly accounts: readonly AccountConfig[];
  /** Name of the account that messages without one use; null when there is none. */
  readonly defaultAccount: string | null;
  readonly receipts: Omit<ConfigValues['receipts'], 'resend'> & {
    /** Null = a message that was not delivered is never sent again. */
    readonly resend: ResendPolicy | null;
  };
  /** Null = no web-hook. */
  readonly notify: {
    readonly url: string;
    readonly secret: string;
    readonly timeoutMs: number;
  } | null;
  /** Things that work but should be known, each a sentence (a secret in the file, say). */
  readonly warnings: readonly string[];
  /** Every file that a secret was read from, the configuration itself perhaps; absolute. */
  readonly secretFiles: readonly string[];
  /** Key, such as `accounts.main.api_secret` → where its secret comes from. */
  readonly secretOrigins: ReadonlyMap<string, SecretOrigin>;
}
