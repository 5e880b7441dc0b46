/**
 * Asks the account API for the balance and the limit of an account: `GET /account/get-balance` and
 * `POST /account/settings` with no fields, which changes nothing.
 *
 * Always holds: at most 64 KiB of an answer are read; a failure is a value, never thrown. Both take Basic auth only, so
 * an account that has nothing but a signature cannot be asked. How often to ask is for the caller to say: the API allows
 * about 30 questions an hour.
 */
import { askJson, type Fields, type QuestionTarget } from './question.ts';

export type AccountTarget = QuestionTarget;

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
  const { apiSecret } = target;
  if (apiSecret === null) {
    const detail = 'these questions need api_secret; only a signature is configured';
    return { ok: false, reason: 'no-secret', detail };
  }
  const answer = await askJson({ ...target, apiSecret }, { method, path, bodyMax: BODY_MAX });
  if (answer.httpStatus === null) {
    return { ok: false, reason: 'unreachable', detail: answer.detail };
  }
  const { httpStatus, fields } = answer;
  if (httpStatus === 401 || httpStatus === 403) {
    const detail = `the gateway refused the credentials (HTTP ${httpStatus})`;
    return { ok: false, reason: 'wrong-credentials', detail };
  }
  if (httpStatus < 200 || httpStatus > 299) {
    return { ok: false, reason: 'refused', detail: `HTTP ${httpStatus}` };
  }
  return fields === null ? unreadable('the answer is no JSON object') : { ok: true, fields };
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
