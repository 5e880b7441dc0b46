/**
 * Asks the account API for the balance and the limit of an account: `GET /account/get-balance` and
 * `POST /account/settings` with no fields, which changes nothing.
 *
 * Always holds: the whole exchange ends within its time limit; at most 64 KiB of an answer are read;
 * redirects are not followed; a failure is a value, never thrown. Both take Basic auth only, so an account
 * that has nothing but a signature cannot be asked. How often to ask is for the caller to say: the API
 * allows about 30 questions an hour.
 */
import { Agent, request, type Dispatcher } from 'undici';
import { parseJson } from '../core/read-answer.ts';
import { readText } from './answer-body.ts';
import { connectorOf } from './skip-continue.ts';

export interface AccountTarget {
  /** Without a trailing slash. */
  readonly baseUrl: string;
  readonly apiKey: string;
  /** Null when requests are only signed. */
  readonly apiSecret: string | null;
  /** For the whole exchange. */
  readonly timeoutMs: number;
}

/** Nothing was learned. `reason` is kebab-case; `detail` is a clause for an operator. */
export interface Unasked {
  readonly ok: false;
  readonly reason: 'no-secret' | 'wrong-credentials' | 'refused' | 'unreachable' | 'unreadable';
  readonly detail: string;
}

export interface Balance {
  readonly ok: true;
  /** EUR. */
  readonly balance: number;
  /** Null when the answer did not say. */
  readonly autoReload: boolean | null;
}

export interface Limit {
  readonly ok: true;
  /** Requests per second that the account may send (`max-outbound-request`). */
  readonly rate: number;
}

type Fields = Readonly<Record<string, unknown>>;
type Answer = { readonly ok: true; readonly fields: Fields } | Unasked;

const BODY_MAX = 65_536;

/** What is left on the account. Never throws. */
export async function fetchBalance(target: AccountTarget): Promise<Balance | Unasked> {
  const answer = await ask(target, 'GET', '/account/get-balance');
  if (!answer.ok) return answer;
  const balance = numberIn(answer.fields, 'value');
  if (balance === null) return unreadable('the answer holds no balance');
  const { autoReload } = answer.fields;
  return { ok: true, balance, autoReload: typeof autoReload === 'boolean' ? autoReload : null };
}

/** How many requests a second the account may send. Never throws. */
export async function fetchLimit(target: AccountTarget): Promise<Limit | Unasked> {
  const answer = await ask(target, 'POST', '/account/settings');
  if (!answer.ok) return answer;
  const rate = numberIn(answer.fields, 'max-outbound-request');
  if (rate === null || rate <= 0) return unreadable('the answer holds no limit');
  return { ok: true, rate };
}

async function ask(target: AccountTarget, method: 'GET' | 'POST', path: string): Promise<Answer> {
  const { apiKey, apiSecret, baseUrl, timeoutMs } = target;
  if (apiSecret === null) {
    const detail = 'these questions need api_secret; only a signature is configured';
    return { ok: false, reason: 'no-secret', detail };
  }
  // An agent of its own: a command must not be kept alive by an idle connection.
  const agent = new Agent({ maxResponseSize: BODY_MAX, connect: connectorOf(timeoutMs) });
  try {
    const credentials = Buffer.from(`${apiKey}:${apiSecret}`).toString('base64');
    const response = await request(`${baseUrl}${path}`, {
      method,
      dispatcher: agent,
      signal: AbortSignal.timeout(timeoutMs),
      headers: {
        accept: 'application/json',
        authorization: `Basic ${credentials}`,
        ...(method === 'POST' ? { 'content-type': 'application/x-www-form-urlencoded' } : {}),
      },
      body: method === 'POST' ? '' : null,
    });
    return await readAnswer(response);
  } catch (error) {
    return { ok: false, reason: 'unreachable', detail: causeOf(error) };
  } finally {
    await agent.destroy();
  }
}

async function readAnswer(response: Dispatcher.ResponseData): Promise<Answer> {
  const { statusCode } = response;
  const text = await readText(response);
  if (statusCode === 401 || statusCode === 403) {
    const detail = `the gateway refused the credentials (HTTP ${statusCode})`;
    return { ok: false, reason: 'wrong-credentials', detail };
  }
  if (statusCode < 200 || statusCode > 299) {
    return { ok: false, reason: 'refused', detail: `HTTP ${statusCode}` };
  }
  const fields = parse(text);
  return fields === null ? unreadable('the answer is no JSON object') : { ok: true, fields };
}

function parse(text: string): Fields | null {
  try {
    const value = parseJson(text);
    return typeof value === 'object' && value !== null ? (value as Fields) : null;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

/* Numbers come as JSON numbers or as decimal strings, depending on the age of the endpoint. */
function numberIn(fields: Fields, name: string): number | null {
  const value = fields[name];
  if (typeof value === 'number') return value;
  return typeof value === 'string' && /^-?\d+(\.\d+)?$/.test(value) ? Number(value) : null;
}

function unreadable(detail: string): Unasked {
  return { ok: false, reason: 'unreadable', detail };
}

/* The code of the failure, never the peer's own text. */
function causeOf(error: unknown): string {
  if (!(error instanceof Error)) throw error;
  if (error.name === 'TimeoutError') return 'no whole answer in time';
  const code = 'code' in error && typeof error.code === 'string' ? error.code : error.name;
  return CAUSES[code] ?? code;
}

const CAUSES: Readonly<Record<string, string>> = {
  UND_ERR_CONNECT_TIMEOUT: 'no connection in time',
  UND_ERR_RES_EXCEEDED_MAX_SIZE: 'the answer is longer than 64 KiB',
  UND_ERR_SOCKET: 'the connection was closed',
  ECONNREFUSED: 'the connection was refused',
  ECONNRESET: 'the connection was reset',
  ENOTFOUND: 'there is no such host',
  EAI_AGAIN: 'the name of the host cannot be looked up',
};
