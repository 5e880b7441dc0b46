/**
 * The configuration as the program uses it: every default filled in, every unit turned into seconds or
 * milliseconds (names end in Ms), every secret read (or '', where it was left), every path absolute. Nothing
 * here is optional; absent features are null.
 */
import type { NestedRules } from '../core/window/rate-limits.ts';
import type { Route } from '../core/answer/verdict.ts';
import type { ResendPolicy } from '../core/receipt/receipt.ts';
import type { QuietRule } from '../core/time/quiet-hours.ts';
import type { AllowRules } from '../core/message/row-check.ts';
import type { RecipientLimit } from '../core/account/safety.ts';
import type { UncertainPolicy } from '../core/message/message.ts';
import type { SignatureMethod } from '../gateway/signature.ts';
import type { SecretOrigin } from '../core/text/secret-origin.ts';

export interface SenderConfig {
  /** Messages per second this sender allows; null = no limit of its own. */
  readonly rate: number | null;
}

export interface AccountConfig {
  readonly name: string;
  readonly apiKey: string;
  /** Null only when requests are signed. */
  readonly apiSecret: string | null;
  readonly signature: { readonly method: SignatureMethod; readonly secret: string } | null;
  /** https, or http on loopback; without a trailing slash. */
  readonly baseUrl: string;
  /** The sender of messages that name none; null = such messages cannot be sent. */
  readonly sender: string | null;
  /** Requests per second; null = asked from the account, else 30. */
  readonly rate: number | null;
  /** Requests open at a time. */
  readonly concurrency: number;
  /** One request. */
  readonly timeoutMs: number;
  readonly senders: ReadonlyMap<string, SenderConfig>;
  /** Windows longer than a second, groups, and what is counted in parts; null = there is none of it. */
  readonly nested: NestedRules | null;
}

export interface Config {
  /** The file it was read from; null = environment and defaults alone. */
  readonly file: string | null;
  readonly spool: {
    readonly path: string;
    /** The daemon's own folder; null = the default place (src/spool/file/own-folder.ts). */
    readonly own: string | null;
    readonly retentionMs: number | null;
    readonly keysForMs: number;
    readonly forgetTextAfterMs: number | null;
  };
  /** In the order of the file; empty when nothing is configured. */
  readonly accounts: readonly AccountConfig[];
  /** Name of the account that messages without one use; null when there is none. */
  readonly defaultAccount: string | null;
  readonly receipts: {
    readonly listen: string;
    readonly path: string;
    readonly expect: boolean;
    /** Any of them may sign; empty = receipts come unsigned. */
    readonly signatureSecrets: readonly string[];
    readonly signatureMethod: SignatureMethod;
    readonly timeoutMs: number;
    /** Prefixes of recipients whose carriers say no more than `accepted`. */
    readonly acceptedIsEnough: readonly string[];
    /** Null = a message that was not delivered is never sent again. */
    readonly resend: ResendPolicy | null;
  };
  readonly reconcile: {
    /** Whether the Reports API (paid) is asked where a receipt is missing. */
    readonly reports: boolean;
    readonly baseUrl: string;
  };
  /** Null = nobody is told. */
  readonly notify: {
    readonly url: string;
    readonly secret: string;
    readonly timeoutMs: number;
  } | null;
  readonly suppress: {
    /** Whether a recipient that can never be reached is suppressed by itself. */
    readonly automatic: boolean;
  };
  /** Empty = there are no quiet hours. */
  readonly quiet: readonly QuietRule[];
  /** What is allowed beyond what the gateway does; null = anything. */
  readonly safety: AllowRules & {
    readonly perRecipient: RecipientLimit | null;
    readonly collapseMs: number | null;
    /** EUR, per account, from midnight to midnight in `zone`. */
    readonly spendPerDay: number | null;
    readonly zone: string;
    /** EUR. */
    readonly minBalance: number | null;
  };
  readonly admin: {
    readonly listen: string;
    /** Host names that requests may use, in addition to `localhost` and IP addresses. */
    readonly hosts: readonly string[];
  };
  readonly messages: {
    readonly validityMs: number;
    readonly onUncertain: UncertainPolicy;
    readonly uncertainAfterMs: number;
  };
  readonly fairness: {
    /** The share of an account's permits for lower priorities than the highest that waits, 0 to 0.5. */
    readonly reserve: number;
  };
  readonly limits: {
    /** Sources (sender and campaign of an account) whose rows may be in memory at a time. */
    readonly lanes: number;
  };
  readonly retry: {
    readonly maxAttempts: number;
    readonly firstDelayMs: number;
    readonly factor: number;
    readonly maxDelayMs: number;
  };
  /** Gateway code → the route it leads to instead of the built-in one. */
  readonly classify: ReadonlyMap<number, Route>;
  readonly log: {
    readonly level: 'debug' | 'info' | 'warn' | 'error';
    readonly file: string | null;
    readonly recipients: 'masked' | 'full';
  };
  /** Things that work but should be known, each a sentence (a secret in the file, say). */
  readonly warnings: readonly string[];
  /** Every file that a secret was read from, the configuration itself perhaps; absolute. */
  readonly secretFiles: readonly string[];
  /** Key, such as `accounts.main.api_secret` → where its secret comes from. */
  readonly secretOrigins: ReadonlyMap<string, SecretOrigin>;
}
