/**
 * Asks one of the gateway's own endpoints (account, reports) with Basic auth and reads its JSON answer.
 *
 * Always holds: the whole exchange ends within its time limit; at most `bodyMax` bytes of an answer are read; redirects
 * are not followed. Whatever the peer does is a value.
 */
import { Agent, request } from 'undici';
import { explainCause } from './failure-causes.ts';
import { parseJson } from '../core/answer/read-answer.ts';
import { readText } from './answer-body.ts';
import { connectorOf } from './skip-continue.ts';

/** An account, and where the API is. */
export interface ApiTarget {
  /** Without a trailing slash. */
  readonly baseUrl: string;
  readonly apiKey: string;
  /** Null when requests are only signed: other endpoints take Basic auth alone. */
  readonly apiSecret: string | null;
  /** For the whole exchange. */
  readonly timeoutMs: number;
}

interface JsonQuestion {
  readonly method: 'GET' | 'POST';
  /** With its query. */
  readonly path: string;
  /** The longest answer that is read (bytes). */
  readonly bodyMax: number;
}

export type JsonFields = Readonly<Record<string, unknown>>;

/** An answer of the peer. */
interface JsonAnswer {
  readonly httpStatus: number;
  /** The header as it came; null = absent. */
  readonly retryAfter: string | null;
  /** Null = the body is no JSON object. */
  readonly fields: JsonFields | null;
}

/** No answer. `detail` is a clause for an operator, never the peer's own text. */
interface NoAnswer {
  readonly httpStatus: null;
  readonly reason: 'no-secret' | 'unreachable';
  readonly detail: string;
}

/** Asks once. Never throws for what the peer does. */
export async function askJson(
  { apiKey, apiSecret, baseUrl, timeoutMs }: ApiTarget,
  { method, path, bodyMax }: JsonQuestion,
): Promise<JsonAnswer | NoAnswer> {
  if (apiSecret === null) {
    const detail = 'this needs api_secret; only a signature is configured';
    return { httpStatus: null, reason: 'no-secret', detail };
  }
  /* An agent of its own: questions are rare, and an idle connection would keep a command alive. */
  const agent = new Agent({ maxResponseSize: bodyMax, connect: connectorOf(timeoutMs) });
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
    const { statusCode, headers } = response;
    const retryAfter = headers['retry-after'];
    return {
      httpStatus: statusCode,
      retryAfter: typeof retryAfter === 'string' ? retryAfter : null,
      fields: jsonObjectIn(await readText(response)),
    };
  } catch (error) {
    return { httpStatus: null, reason: 'unreachable', detail: explainCause(error) };
  } finally {
    await agent.destroy();
  }
}

/** A JSON object, which a list is not. */
export function isJsonObject(value: unknown): value is JsonFields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function jsonObjectIn(text: string): JsonFields | null {
  try {
    const value = parseJson(text);
    return isJsonObject(value) ? value : null;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}
