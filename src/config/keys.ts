/**
 * Lists every key of the configuration with its unit, its range and what holds when it is left out.
 *
 * Always holds: this is the only list. config/sms-spoold.toml is its commented form, which a test compares. Keys of
 * features that are not built are not here: they are refused and not ignored.
 */
import {
  DEFAULT_RECEIPTS_PATH,
  checkAccounts,
  checkCredentials,
  checkDelays,
  checkGroups,
  checkListeners,
  checkNotify,
  checkQuiet,
  checkTimeout,
} from './checks.ts';
import type { Route } from '../core/answer/verdict.ts';
import { SIGNATURE_METHODS } from '../gateway/signature.ts';
import { duration, durationOrNever } from './duration-values.ts';
import {
  API_KEY,
  HOST_NAMES,
  RATES,
  TIME_OF_DAY,
  ZONE,
  apiKey,
  baseUrl,
  flag,
  nameOf,
  hostName,
  integer,
  listen,
  number,
  oneOf,
  path,
  prefix,
  rates,
  recipientLimit,
  sender,
  statusCode,
  timeOfDay,
  urlPath,
  webhookUrl,
  zone,
} from './values.ts';
import { secret, secrets } from './secrets.ts';
import {
  listKeys,
  listOf,
  namedBy,
  optional,
  optionalList,
  required,
  tableOf,
  tablesOf,
  withDefault,
  type Key,
  type Kind,
} from './tables.ts';

const signatureMethod = oneOf(SIGNATURE_METHODS);
const GROUP = 'a list of senders in quotes, such as ["12015550123", "12015550124"]';
const RESEND_CODES = 'the err-codes that lead to another send, such as [2, 7, 8]';
const route: Kind<Route> = oneOf(
  ['retry', 'permanent-failure', 'uncertain'],
  ' (a refusal cannot be made an acceptance)',
);

const spool = tableOf({
  path: withDefault(path, '/var/lib/sms-spoold/spool.db'),
  /** The daemon's own folder; null = the default place (src/spool/file/own-folder.ts). */
  own: optional(path),
  retention: withDefault(durationOrNever('1s'), '30d'),
  keys_for: withDefault(duration('1s'), '90d'),
  forget_text_after: withDefault(durationOrNever('0s'), 'never'),
});

const signature = tableOf({
  method: withDefault(signatureMethod, 'sha256'),
  secret: required(secret, 'the signature secret of the account'),
});

const per = oneOf(['request', 'part']);

const group = tableOf({
  senders: required(listOf(sender, GROUP), GROUP),
  rate: required(rates, RATES),
  per: optional(per),
  zone: optional(zone),
});

const account = tableOf(
  {
    default: withDefault(flag, false),
    api_key: required(apiKey, API_KEY),
    /** Null only when requests are signed. */
    api_secret: optional(secret),
    signature: optional(signature),
    base_url: withDefault(baseUrl, 'https://rest.nexmo.com'),
    /** The sender of messages that name none; null = such messages cannot be sent. */
    sender: optional(sender),
    rate: optional(rates),
    per: withDefault(per, 'request'),
    zone: withDefault(zone, 'UTC'),
    concurrency: withDefault(integer(1, 1000), 10),
    timeout: withDefault(duration('10ms', '10m'), '30s'),
    senders: withDefault(
      namedBy(sender, tableOf({ rate: optional(rates), per: optional(per) })),
      {},
    ),
    groups: withDefault(namedBy(nameOf('a group'), group, checkGroups), {}),
  },
  checkCredentials,
);

const resend = tableOf({
  codes: required(listOf(integer(1, 999), 'a list of err-codes, such as [2, 7, 8]'), RESEND_CODES),
  after: withDefault(duration('1s'), '15m'),
  times: withDefault(integer(1, 100), 1),
});

const receipts = tableOf(
  {
    listen: withDefault(listen, '127.0.0.1:8026'),
    path: withDefault(urlPath, DEFAULT_RECEIPTS_PATH),
    expect: withDefault(flag, true),
    /** Any of them may sign; empty = receipts come unsigned. */
    signature_secret: optionalList(secrets),
    signature_method: withDefault(signatureMethod, 'sha256'),
    timeout: withDefault(duration('1ms'), '76h'),
    /** Prefixes of recipients whose carriers say no more than `accepted`. */
    accepted_is_enough: withDefault(listOf(prefix, 'a list of prefixes, such as ["1"]'), []),
    resend: optional(resend),
  },
  checkTimeout,
);

const reconcile = tableOf({
  /** Whether the Reports API (paid) is asked where a receipt is missing. */
  reports: withDefault(flag, false),
  base_url: withDefault(baseUrl, 'https://api.nexmo.com'),
});

const notify = tableOf(
  {
    url: optional(webhookUrl),
    secret: optional(secret),
    timeout: withDefault(duration('10ms', '10m'), '10s'),
  },
  checkNotify,
);

const admin = tableOf({
  listen: withDefault(listen, '127.0.0.1:8027'),
  hosts: withDefault(listOf(hostName, HOST_NAMES), []),
});

const quiet = tableOf(
  {
    from: required(timeOfDay, TIME_OF_DAY),
    to: required(timeOfDay, TIME_OF_DAY),
    zone: required(zone, ZONE),
    prefixes: withDefault(listOf(prefix, 'a list of prefixes, such as ["44"]'), []),
    below_priority: withDefault(integer(1, 10), 7),
  },
  checkQuiet,
);

/** Money is EUR an account, from midnight to midnight in `zone`; null = no limit. */
const safety = tableOf({
  per_recipient: optional(recipientLimit),
  collapse: optional(duration('1s', '30d')),
  spend_per_day: optional(number(0.01, 1_000_000)),
  zone: withDefault(zone, 'UTC'),
  min_balance: optional(number(0.01, 1_000_000)),
  only_prefixes: optional(listOf(prefix, 'a list of prefixes, such as ["4477"]')),
  only_senders: optional(listOf(sender, 'a list of senders, such as ["AcmeInc"]')),
  max_parts: optional(integer(1, 255)),
  binary: withDefault(flag, true),
});

/** The share of an account's permits for lower priorities than the highest that waits. */
const fairness = tableOf({ reserve: withDefault(number(0, 0.5), 0.1) });

/** Sources (sender and campaign of an account) whose rows may be in memory at a time. */
const limits = tableOf({ lanes: withDefault(integer(100, 1_000_000), 5_000) });

const messages = tableOf({
  validity: withDefault(duration('1s'), '24h'),
  on_uncertain: withDefault(oneOf(['resend', 'hold']), 'resend'),
  uncertain_after: withDefault(duration('1ms'), '5m'),
});

const retry = tableOf(
  {
    max_attempts: withDefault(integer(1, 1000), 8),
    first_delay: withDefault(duration('1ms'), '5s'),
    factor: withDefault(number(1, 1000), 3),
    max_delay: withDefault(duration('1ms'), '30m'),
  },
  checkDelays,
);

const log = tableOf({
  level: withDefault(oneOf(['debug', 'info', 'warn', 'error']), 'info'),
  file: optional(path),
  recipients: withDefault(oneOf(['masked', 'full']), 'masked'),
});

export const KEYS = {
  spool: withDefault(spool, {}),
  accounts: withDefault(namedBy(nameOf('an account'), account, checkAccounts), {}),
  receipts: withDefault(receipts, {}),
  reconcile: withDefault(reconcile, {}),
  notify: withDefault(notify, {}),
  suppress: withDefault(tableOf({ automatic: withDefault(flag, true) }), {}),
  admin: withDefault(admin, {}),
  quiet: optionalList(tablesOf(quiet)),
  safety: withDefault(safety, {}),
  limits: withDefault(limits, {}),
  messages: withDefault(messages, {}),
  fairness: withDefault(fairness, {}),
  retry: withDefault(retry, {}),
  classify: withDefault(namedBy(statusCode, route), {}),
  log: withDefault(log, {}),
} as const satisfies Record<string, Key<unknown>>;

export const DOCUMENT = tableOf(KEYS, checkListeners);

/** Every key, dotted, `*` where the operator chooses a name. */
export const KEY_NAMES = listKeys(KEYS);

/** What KEYS makes of a document. */
export type ConfigValues = typeof DOCUMENT extends Kind<infer T> ? T : never;
export type AccountValues =
  ConfigValues['accounts'] extends ReadonlyMap<string, infer T> ? T : never;
