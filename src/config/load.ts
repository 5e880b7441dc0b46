/**
 * Loads the configuration: finds the document, reads it against the keys, and turns it into a
 * Config.
 *
 * Always holds: either a whole Config comes out, or a ConfigError with every problem there is. Only
 * files that the configuration names are read, and nothing is written. Secrets that are left are ''.
 */
import { ConfigError, type Problem } from './errors.ts';
import { nestedRulesOf, type NestedRules, type Rates } from '../core/window/rate-limits.ts';
import { ENVIRONMENT_KEYS, findDocument, type Document, type Where } from './find.ts';
import { DOCUMENT, KEY_NAMES, type AccountSettings, type Settings } from './keys.ts';
import type { Reading, Secrets } from './reading.ts';
import type { AccountConfig, Config } from './config.ts';

export interface LoadOptions extends Where {
  /** Default `read`. Whoever sends nothing leaves them: a secret that is out of reach is no problem then. */
  readonly secrets?: Secrets;
}

/**
 * The configuration by the search order of CONTRACT.md §17: `file` (--config), $SMS_SPOOLD_CONFIG, the
 * working folder, /etc. With none of them the environment's account, or none at all. Throws
 * ConfigError.
 */
export function loadConfig(options: LoadOptions): Config {
  return load(options).config;
}

/** A configuration and the secrets that could not be read; each of them is then ''. Throws ConfigError. */
export function loadAsFarAsReadable(options: Omit<LoadOptions, 'secrets'>): Loaded {
  return load({ ...options, secrets: 'try' });
}

export interface Loaded {
  readonly config: Config;
  readonly unreadSecrets: readonly Problem[];
}

function load(options: LoadOptions): Loaded {
  const document = findDocument(options);
  const reading: Reading = {
    folder: document.folder,
    env: options.env,
    secrets: options.secrets ?? 'read',
    knownKeys: KEY_NAMES,
    problems: [],
    warnings: [],
    file: document.file,
    secretFiles: new Set(),
    secretOrigins: new Map(),
    unreadSecrets: [],
  };
  const settings = DOCUMENT.read(document.raw, { key: '', reading });
  if (settings === null || reading.problems.length > 0) {
    const problems = [...reading.problems, ...reading.unreadSecrets];
    throw new ConfigError('bad-values', document.file, nameProblems(document, problems));
  }
  const unreadSecrets = nameProblems(document, reading.unreadSecrets);
  return { config: assemble(document, settings.value, reading), unreadSecrets };
}

/** What came from the environment is called by its variable. */
function nameProblems({ file }: Document, problems: readonly Problem[]): readonly Problem[] {
  if (file !== null) return problems;
  return problems.map((problem) => ({
    ...problem,
    key: ENVIRONMENT_KEYS[problem.key] ?? problem.key,
  }));
}

function assemble({ file }: Document, settings: Settings, reading: Reading): Config {
  const { spool, messages, retry } = settings;
  const accounts = [...settings.accounts].map(([name, account]) => makeAccount(name, account));
  return {
    file,
    spool: {
      path: spool.path,
      own: spool.own,
      retentionMs: spool.retention,
      keysForMs: spool.keys_for,
      forgetTextAfterMs: spool.forget_text_after,
    },
    accounts,
    defaultAccount: chooseDefault(settings.accounts),
    receipts: makeReceipts(settings.receipts),
    reconcile: { reports: settings.reconcile.reports, baseUrl: settings.reconcile.base_url },
    notify: makeNotify(settings.notify),
    suppress: settings.suppress,
    quiet: makeQuiet(settings.quiet),
    safety: makeSafety(settings.safety),
    admin: settings.admin,
    messages: {
      validityMs: messages.validity,
      onUncertain: messages.on_uncertain,
      uncertainAfterMs: messages.uncertain_after,
    },
    fairness: settings.fairness,
    limits: settings.limits,
    retry: {
      maxAttempts: retry.max_attempts,
      firstDelayMs: retry.first_delay,
      factor: retry.factor,
      maxDelayMs: retry.max_delay,
    },
    classify: settings.classify,
    log: settings.log,
    warnings: [...reading.warnings, ...tooManyLanes(accounts, settings.limits.lanes)],
    secretFiles: [...reading.secretFiles],
    secretOrigins: reading.secretOrigins,
  };
}

function tooManyLanes(accounts: readonly AccountConfig[], lanes: number): readonly string[] {
  const count = accounts.reduce((sum, { senders }) => sum + Math.max(1, senders.size), 0);
  if (count <= lanes) return [];
  return [
    `${count} senders are configured, more than limits.lanes = ${lanes}. Senders beyond it wait until others have ` +
      `no rows left. Raise limits.lanes, and with it --max-old-space-size (about 16 MB for 1,000 senders)`,
  ];
}

function makeAccount(name: string, account: AccountSettings): AccountConfig {
  return {
    name,
    apiKey: account.api_key,
    apiSecret: account.api_secret,
    signature: account.signature,
    baseUrl: account.base_url,
    sender: account.sender,
    rate: account.rate?.perSecond ?? null,
    concurrency: account.concurrency,
    timeoutMs: account.timeout,
    senders: new Map(
      [...account.senders].map(([sender, { rate }]) => [sender, { rate: rate?.perSecond ?? null }]),
    ),
    nested: makeNested(account),
  };
}

function makeNested({ rate, per, zone, senders, groups }: AccountSettings): NestedRules | null {
  return nestedRulesOf({
    account: { ...(rate ?? NO_RATES), per, zone },
    senders: new Map(
      [...senders].map(([name, own]) => [
        name,
        { ...(own.rate ?? NO_RATES), per: own.per ?? 'request', zone },
      ]),
    ),
    groups: [...groups].map(([name, group]) => ({
      ...{ name, senders: group.senders, ...group.rate },
      ...{ per: group.per ?? 'request', zone: group.zone ?? zone },
    })),
  });
}

const NO_RATES: Rates = { perSecond: null, windows: [] };

function makeReceipts(receipts: Settings['receipts']): Config['receipts'] {
  const { resend } = receipts;
  return {
    listen: receipts.listen,
    path: receipts.path,
    expect: receipts.expect,
    signatureSecrets: receipts.signature_secret ?? [],
    signatureMethod: receipts.signature_method,
    timeoutMs: receipts.timeout,
    acceptedIsEnough: receipts.accepted_is_enough,
    resend: resend && { codes: new Set(resend.codes), afterMs: resend.after, times: resend.times },
  };
}

function makeQuiet(tables: Settings['quiet']): Config['quiet'] {
  return (tables ?? []).map(({ from, to, zone, prefixes, below_priority }) => ({
    fromMinutes: from,
    toMinutes: to,
    zone,
    prefixes,
    belowPriority: below_priority,
  }));
}

function makeSafety(safety: Settings['safety']): Config['safety'] {
  return {
    perRecipient: safety.per_recipient,
    collapseMs: safety.collapse,
    spendPerDay: safety.spend_per_day,
    zone: safety.zone,
    minBalance: safety.min_balance,
    onlyPrefixes: safety.only_prefixes,
    onlySenders: safety.only_senders,
    maxParts: safety.max_parts,
    binary: safety.binary,
  };
}

function makeNotify({ url, secret, timeout }: Settings['notify']): Config['notify'] {
  return url === null || secret === null ? null : { url, secret, timeoutMs: timeout };
}

function chooseDefault(accounts: Settings['accounts']): string | null {
  const names = [...accounts.keys()];
  const marked = names.find((name) => accounts.get(name)?.default === true);
  return marked ?? names[0] ?? null;
}
