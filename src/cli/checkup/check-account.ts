/** Checks an account by asking the gateway: credentials, balance and limit. */
import type { AccountConfig } from '../../config/config.ts';
import { takeUpCommand, type SecretOrigin } from '../../core/text/secret-origin.ts';
import { fetchBalance, fetchLimit, type Unasked } from '../../gateway/account-api.ts';
import { oddityOf } from './check-secrets.ts';
import { fail, pass, warn, type Finding } from './finding.ts';

const TIMEOUT_MS = 10_000;
/** EUR; a message costs some cents. */
const BALANCE_LOW = 1;

export async function checkAccount(
  account: AccountConfig,
  origin: SecretOrigin | null,
): Promise<readonly Finding[]> {
  const { baseUrl, apiKey, apiSecret, name } = account;
  if (apiSecret === '') {
    const remedy = 'Make its secret readable for this user (see above), then run check again.';
    return [warn(`account ${name}`, 'not asked: its secret could not be read', remedy)];
  }
  const target = { baseUrl, apiKey, apiSecret, timeoutMs: TIMEOUT_MS };
  const [balance, limit] = await Promise.all([fetchBalance(target), fetchLimit(target)]);
  if (!balance.ok) return [checkUnasked(account, balance, origin)];
  return [
    pass(`account ${name}`, `${baseUrl} takes the credentials`),
    checkBalance(name, balance.balance, balance.autoReload),
    limit.ok ? checkRate(account, limit.rate) : unknownLimit(name, limit),
  ];
}

function checkUnasked(
  { name, baseUrl, apiSecret }: AccountConfig,
  { reason, detail }: Unasked,
  origin: SecretOrigin | null,
): Finding {
  const subject = `account ${name}`;
  const found = `${baseUrl}: ${detail}`;
  switch (reason) {
    case 'no-secret':
      return warn(subject, `cannot be asked: ${detail}`, 'Set api_secret too to have it asked.');
    case 'wrong-credentials':
      return fail(subject, detail, remedyForCredentials(apiSecret ?? '', origin));
    case 'refused':
    case 'unreadable':
      return fail(subject, found, 'Check base_url.');
    case 'unreachable':
      return fail(subject, found, 'Check base_url, the name server and the firewall.');
  }
}

/* An odd secret is the likeliest reason. */
function remedyForCredentials(secret: string, origin: SecretOrigin | null): string {
  const oddity = oddityOf(secret);
  const first =
    oddity === null
      ? 'Compare api_key and api_secret with the Vonage dashboard'
      : `The secret ${oddity}: remove that, if the dashboard shows it without`;
  return `${first}. After a change: ${takeUpCommand(origin)}`;
}

function checkBalance(name: string, balance: number, autoReload: boolean | null): Finding {
  const words = `${balance.toFixed(2)} EUR${autoReload === true ? ', reloads itself' : ''}`;
  const subject = `balance of ${name}`;
  if (balance >= BALANCE_LOW || autoReload === true) return pass(subject, words);
  const remedy = 'Top up the account; messages wait until then.';
  return balance <= 0 ? fail(subject, words, remedy) : warn(subject, words, remedy);
}

function checkRate({ name, rate }: AccountConfig, allowed: number): Finding {
  const subject = `limit of ${name}`;
  if (rate === null) return pass(subject, `${allowed} requests/s, as the account says`);
  if (rate <= allowed) return pass(subject, `${rate} requests/s of ${allowed} allowed`);
  const found = `rate is ${rate}, but the account allows ${allowed} requests/s`;
  return warn(subject, found, `Set rate = ${allowed} in [accounts.${name}], or leave it out.`);
}

function unknownLimit(name: string, { detail }: Unasked): Finding {
  const remedy = `Set rate in [accounts.${name}]; without it the daemon keeps to 30 requests/s.`;
  return warn(`limit of ${name}`, `cannot be asked: ${detail}`, remedy);
}
