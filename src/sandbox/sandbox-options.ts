/**
 * Declares the options of a sandbox, at the start and while it runs, with every default and unit.
 *
 * The same shapes are used in the process (`startSandbox`, `configure`) and as the JSON body of `POST /control`. Both go
 * through `checkChanges`: an error names the key, the expectation and the value, before anything is changed. Secrets are
 * never repeated.
 */
import type { ChaosOption } from './chaos.ts';
import { checkChaos } from './chaos.ts';
import type { ValueCheck } from './sandbox-check.ts';
import {
  ABOVE_ZERO,
  AMOUNT,
  FLAG,
  SECRET,
  checkFields,
  fail,
  isLoopback,
  isRecord,
  oneOf,
  orNull,
  wholeFrom,
  wholeWithin,
} from './sandbox-check.ts';
import type { ReceiptOptions } from './receipt-options.ts';
import { checkReceipts } from './receipt-options.ts';
import type { ReportOptions } from './report-options.ts';
import { checkReports } from './report-options.ts';
import { SIGNATURE_METHODS, type SignatureMethod } from '../gateway/signature.ts';

export const DEFAULT_API_KEY = 'sandbox1';
export const DEFAULT_API_SECRET = 'sandbox-secret';

/** The models of an account's limit. */
export const LIMIT_MODELS = ['window', 'sliding', 'bucket'] as const;
export type LimitModel = (typeof LIMIT_MODELS)[number];

export interface AccountOptions {
  /** Default `sandbox-secret`. */
  readonly secret?: string;
  /** Checks `sig`; null (default) = every signed request is answered 14. */
  readonly signatureSecret?: string | null;
  /** Default `sha256`; `md5hash` is the plain MD5, `md5` the HMAC. */
  readonly signatureMethod?: SignatureMethod;
  /** EUR; default 100. Parts that were accepted are taken from it. */
  readonly balance?: number;
  /** EUR per part; default 0.05. */
  readonly price?: number;
  /** Repeated by get-balance, nothing else: a higher `balance` is the top-up. Default false. */
  readonly autoReload?: boolean;
  /** Requests (not parts) per second, a whole number; default 30; null = no limit. */
  readonly rate?: number | null;
  /** `window` (default): a fixed second of the wall clock. `sliding`: any second. `bucket`: tokens refilled evenly. */
  readonly model?: LimitModel;
  /** Tokens that a full bucket holds; null (default) = a tenth of the rate, at least 1. */
  readonly depth?: number | null;
  /** Refused requests count in a sliding second, and cost the bucket a token, down to −depth. Default false. */
  readonly countRefused?: boolean;
  /** `limit` (default): the text that names the limit; `plain`: the one that only says to back off. */
  readonly throttleText?: 'limit' | 'plain';
}

export type SandboxAccountSettings = Required<AccountOptions>;

export const ACCOUNT_DEFAULTS: SandboxAccountSettings = {
  secret: DEFAULT_API_SECRET,
  signatureSecret: null,
  signatureMethod: 'sha256',
  balance: 100,
  price: 0.05,
  autoReload: false,
  rate: 30,
  model: 'window',
  depth: null,
  countRefused: false,
  throttleText: 'limit',
};

/** Changes while the sandbox runs; keys that are left out keep their values. */
export interface SandboxChanges {
  /** API key → its changes; null removes the account. */
  readonly accounts?: Readonly<Record<string, AccountOptions | null>>;
  /** Sender → messages per second, for each account of its own; null = no limit of its own. */
  readonly senders?: Readonly<Record<string, { readonly rate: number } | null>>;
  /** Delay of an answer, ms; default 0. The message is accepted before it. */
  readonly latencyMs?: number;
  /** Most of an additional random delay, ms; default 0. */
  readonly jitterMs?: number;
  /** Faults of all requests, or of some; default `ok`. A list is played in order. */
  readonly chaos?: ChaosOption;
  /** Delivery receipts; none are sent until there is a `url`. */
  readonly receipts?: ReceiptOptions;
  /** `GET /v2/reports/records`. */
  readonly reports?: ReportOptions;
}

export interface SandboxOptions extends SandboxChanges {
  /** 0 (default) = any free port. */
  readonly port?: number;
  /** Loopback only; default 127.0.0.1. */
  readonly host?: string;
  /** Accepted messages that the ledger remembers one by one; default 200,000. Counters never forget. */
  readonly ledgerSize?: number;
  /** Unix milliseconds, for limits, ledger and reports; default the wall clock. Waits are of real time. */
  readonly now?: () => number;
  /** 0 ≤ n < 1, for probabilities, jitter and order. */
  readonly random?: () => number;
}

const ACCOUNT_FIELDS: Readonly<Record<keyof AccountOptions, ValueCheck>> = {
  secret: SECRET,
  signatureSecret: orNull(SECRET),
  signatureMethod: oneOf(SIGNATURE_METHODS),
  balance: AMOUNT,
  price: AMOUNT,
  autoReload: FLAG,
  rate: orNull(wholeFrom(1)),
  model: oneOf(LIMIT_MODELS),
  depth: orNull(wholeFrom(1)),
  countRefused: FLAG,
  throttleText: oneOf(['limit', 'plain']),
};

const ANY: ValueCheck = { expected: 'anything', accepts: () => true };

const CHANGE_FIELDS: Readonly<Record<keyof SandboxChanges, ValueCheck>> = {
  accounts: ANY,
  senders: ANY,
  latencyMs: AMOUNT,
  jitterMs: AMOUNT,
  chaos: ANY,
  receipts: ANY,
  reports: ANY,
};

function checkEach(path: string, value: unknown, check: (path: string, item: unknown) => void) {
  if (!isRecord(value)) fail(path, 'an object', value);
  for (const [key, item] of Object.entries(value)) {
    if (item !== null) check(`${path}.${key}`, item);
  }
}

function checkInside(changes: Readonly<Record<string, unknown>>): void {
  if (changes['accounts'] !== undefined) {
    checkEach('accounts', changes['accounts'], (path, item) => {
      checkFields(path, item, ACCOUNT_FIELDS);
    });
  }
  if (changes['senders'] !== undefined) {
    checkEach('senders', changes['senders'], (path, item) => {
      const sender = checkFields(path, item, { rate: ABOVE_ZERO });
      if (sender['rate'] === undefined) fail(`${path}.rate`, ABOVE_ZERO.expected, undefined);
    });
  }
  if (changes['chaos'] !== undefined) checkChaos('chaos', changes['chaos']);
  if (changes['receipts'] !== undefined) checkReceipts('receipts', changes['receipts']);
  if (changes['reports'] !== undefined) checkReports('reports', changes['reports']);
}

/** Returns the value once all of it is checked. Throws SandboxOptionError. */
export function checkChanges(value: unknown): SandboxChanges {
  const changes = checkFields('', value, CHANGE_FIELDS);
  checkInside(changes);
  return changes;
}

const START_FIELDS: Readonly<Record<keyof SandboxOptions, ValueCheck>> = {
  ...CHANGE_FIELDS,
  port: { ...wholeWithin(0, 65_535), expected: 'a port, 0 to 65535' },
  host: {
    expected: 'a loopback address (127.0.0.1, ::1, localhost)',
    accepts: (value) => typeof value === 'string' && isLoopback(value),
  },
  ledgerSize: wholeFrom(1),
  now: ANY,
  random: ANY,
};

/** Throws SandboxOptionError, also for a host that other machines could reach. */
export function checkStart(options: SandboxOptions): void {
  checkInside(checkFields('', options, START_FIELDS));
}
