/**
 * Checks secrets: whether their text is odd, and whether the running daemon has read their files since these changed.
 * A secret itself is never shown.
 */
import { statSync } from 'node:fs';
import type { Config } from '../../config/config.ts';
import { takeUpCommand, type SecretOrigin } from '../../core/text/secret-origin.ts';
import type { LastRun } from '../../spool/file/run-memory.ts';
import { localTime } from '../../terminal/times.ts';
import { warn, type Finding } from './finding.ts';

/** Continues "the secret …"; null = it looks right. */
export function oddityOf(secret: string): string | null {
  if (/^(["'`])[^]*\1$/.test(secret) && secret.length > 1) return 'begins and ends with quotes';
  if (/^["'`]/.test(secret)) return 'begins with a quote';
  if (/["'`]$/.test(secret)) return 'ends with a quote';
  if (/^\s/.test(secret)) return 'begins with a blank';
  if (/\s$/.test(secret)) return 'ends with a blank';
  if (/[\p{Cf}\p{Zl}\p{Zp}]/u.test(secret)) return 'holds an invisible character';
  if (/\s/.test(secret)) return 'holds a blank';
  return null;
}

export function checkSecrets(config: Config): readonly Finding[] {
  const { accounts, receipts, notify, secretOrigins } = config;
  const named: readonly (readonly [key: string, secret: string | null])[] = [
    ...accounts.flatMap(({ name, apiSecret, signature }) => [
      [`accounts.${name}.api_secret`, apiSecret] as const,
      [`accounts.${name}.signature.secret`, signature?.secret ?? null] as const,
    ]),
    ...receipts.signatureSecrets.map((one) => ['receipts.signature_secret', one] as const),
    ['notify.secret', notify?.secret ?? null],
  ];
  return named.flatMap(([key, secret]) => {
    const oddity = secret === null ? null : oddityOf(secret);
    if (oddity === null) return [];
    const command = takeUpCommand(secretOrigins.get(key) ?? null);
    const remedy =
      `Remove that if it is no part of the secret (docker --env-file keeps quotes, echo and editors ` +
      `leave blanks). Then: ${command}`;
    return [warn('secrets', `${key} ${oddity}`, remedy)];
  });
}

/** One finding for each secret whose file has changed since the running daemon read it. */
export function checkTakenUp(
  { secretOrigins }: Config,
  { beganAt, readAt }: LastRun,
): readonly Finding[] {
  return [...secretOrigins].flatMap(([key, origin]) => {
    const at = origin.from === 'credential' ? beganAt : readAt;
    const changedAt = origin.from === 'configuration' ? null : changeOf(origin);
    if (at === null || changedAt === null || changedAt <= at) return [];
    const found =
      `${key}: ${origin.path ?? ''} changed ${localTime(changedAt)}, and the daemon read it ${localTime(at)}; ` +
      `it still has what was there before`;
    return [warn('secrets', found, takeUpCommand(origin))];
  });
}

/* When the file last changed: its content, its name, or its mode (Unix seconds). */
function changeOf({ path }: SecretOrigin): number | null {
  if (path === null) return null;
  try {
    const found = statSync(path, { throwIfNoEntry: false });
    return found === undefined ? null : Math.max(found.mtimeMs, found.ctimeMs) / 1000;
  } catch (error) {
    if (error instanceof Error && 'syscall' in error) return null;
    throw error;
  }
}

const PROXIES = ['HTTPS_PROXY', 'HTTP_PROXY', 'ALL_PROXY'];

/** A proxy in the environment is not used; whoever set one expects that it is. */
export function checkProxy(env: NodeJS.ProcessEnv): readonly Finding[] {
  const names = PROXIES.flatMap((name) => [name, name.toLowerCase()]);
  const name = names.find((one) => (env[one] ?? '') !== '');
  if (name === undefined) return [];
  const remedy =
    'Let this machine reach base_url directly (TCP port 443), or set base_url to a reverse proxy of yours ' +
    'that forwards to the API.';
  return [warn('proxy', `${name} is set; sms-spoold uses no proxy from the environment`, remedy)];
}
