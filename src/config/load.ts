/**
 * Loads the configuration: finds the document, reads it against the keys, and turns it into a Config.
 *
 * Always holds: either a whole Config comes out, or a ConfigError with every problem. Only files that the configuration
 * names are read, and nothing is written. Secrets that are left are ''.
 */
import { ConfigError, type Problem } from './errors.ts';
import { nestedRulesOf, type NestedRules, type Rates } from '../core/window/rate-limits.ts';
import { ENVIRONMENT_KEYS, findDocument, type Document, type Where } from './find.ts';
import { DOCUMENT, KEY_NAMES, type AccountValues, type ConfigValues } from './keys.ts';
import type { ConfigReading, Secrets } from './reading.ts';
import type { AccountConfig, Config } from './config.ts';

export interface LoadOptions extends Where {
  /** Default `read`. Whoever sends nothing leaves them: a secret that is out of reach is no problem then. */
  readonly secrets?: Secrets;
}

/** The configuration by the search order of CONTRACT.md §17. Throws ConfigError. */
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
  const reading: ConfigReading = {
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
  const values = DOCUMENT.read(document.raw, { key: '', reading });
  if (values === null || reading.problems.length > 0) {
    const problems = [...reading.problems, ...reading.unreadSecrets];
    throw new ConfigError('bad-values', document.file, nameProblems(document, problems));
  }
  const unreadSecrets = nameProblems(document, reading.unreadSecrets);
  return { config: assemble(document, values.value, reading), unreadSecrets };
}

/** What came from the environment is called by its variable. */
function nameProblems({ file }: Document, problems: readonly Problem[]): readonly Problem[] {
  if (file !== null) return problems;
  return problems.map((problem) => ({
    ...problem,
    key: ENVIRONMENT_KEYS[problem.key] ?? problem.key,
  }));
}

function assemble({ file }: Document, values: ConfigValues, reading: ConfigReading): Config {
  const { resend } = values.receipts;
  const { url, secret, timeoutMs } = values.notify;
  const accounts = [...values.accounts].map(([name, account]) => makeAccount(name, account));
  return {
    ...values,
    file,
    accounts,
    defaultAccount: chooseDefault(values.accounts),
    receipts: { ...values.receipts, resend: resend && { ...resend, codes: new Set(resend.codes) } },
    notify: url === null || secret === null ? null : { url, secret, timeoutMs },
    warnings: [...reading.warnings, ...tooManyLanes(accounts, values.limits.lanes)],
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

function makeAccount(name: string, account: AccountValues): AccountConfig {
  const { apiKey, apiSecret, signature, baseUrl, sender, concurrency, timeoutMs } = account;
  return {
    ...{ name, apiKey, apiSecret, signature, baseUrl, sender, concurrency, timeoutMs },
    rate: account.rate?.perSecond ?? null,
    senders: new Map(
      [...account.senders].map(([named, { rate }]) => [named, { rate: rate?.perSecond ?? null }]),
    ),
    nested: makeNested(account),
  };
}

function makeNested({ rate, per, zone, senders, groups }: AccountValues): NestedRules | null {
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

function chooseDefault(accounts: ConfigValues['accounts']): string | null {
  const names = [...accounts.keys()];
  const marked = names.find((name) => accounts.get(name)?.default === true);
  return marked ?? names[0] ?? null;
}
