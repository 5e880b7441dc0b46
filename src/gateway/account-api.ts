/**
 * Asks the account API for the balance and the limit of an account: `GET /account/get-balance`, and
 * `POST /account/settings` without fields, which changes nothing.
 *
 * Always holds: a failure is a value, never thrown. Both take Basic auth only, so an account with only a signature
 * cannot be asked. The caller decides how often to ask: the API allows about 30 questions an hour.
 */
import { askJson, type JsonFields, type ApiTarget } from './question.ts';

/** No answer to the question. `reason` is kebab-case; `detail` is a clause for an operator. */
export interface Unasked {
  readonly ok: false;
  readonly reason: 'no-secret' | 'wrong-credentials' | 'refused' | 'unreachable' | 'unreadable';
  readonly detail: string;
}

const BODY_MAX = 65_536;

/** `balance` in EUR; `autoReload` null = the answer did not say. Never throws. */
export async function fetchBalance(
  target: ApiTarget,
): Promise<
  { readonly ok: true; readonly balance: number; readonly autoReload: boolean | null } | Unasked
> {
  const answer = await ask(target, 'GET', '/account/get-balance');
  if (!answer.ok) return answer;
  const balance = numberIn(answer.fields, 'value');
  if (balance === null) return unreadable('the answer holds no balance');
  const { autoReload } = answer.fields;
  return { ok: true, balance, autoReload: typeof autoReload === 'boolean' ? autoReload : null };
}

/** `rate`: requests per second that the account may send (`max-outbound-request`). Never throws. */
export async function fetchLimit(
  target: ApiTarget,
): Promise<{ readonly ok: true; readonly rate: number } | Unasked> {
  const answer = await ask(target, 'POST', '/account/settings');
  if (!answer.ok) return answer;
  const rate = numberIn(answer.fields, 'max-outbound-request');
  if (rate === null || rate <= 0) return unreadable('the answer holds no limit');
  return { ok: true, rate };
}

async function ask(
  target: ApiTarget,
  method: 'GET' | 'POST',
  path: string,
): Promise<{ readonly ok: true; readonly fields: JsonFields } | Unasked> {
  const answer = await askJson(target, { method, path, bodyMax: BODY_MAX });
  if (answer.httpStatus === null) {
    return { ok: false, reason: answer.reason, detail: answer.detail };
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
function numberIn(fields: JsonFields, name: string): number | null {
  const value = fields[name];
  if (typeof value === 'number') return value;
  return typeof value === 'string' && /^-?\d+(\.\d+)?$/.test(value) ? Number(value) : null;
}

function unreadable(detail: string): Unasked {
  return { ok: false, reason: 'unreadable', detail };
}
