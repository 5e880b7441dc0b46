/** Says why a request got no answer, from the codes of undici, fetch and the system: in one word, or in a clause. */
import type { Cause, RareCause } from '../core/codes/reasons.ts';

/** Code → the word. */
export const CAUSES: Readonly<Record<string, Cause>> = {
  TIMEOUT: 'timeout',
  TimeoutError: 'timeout',
  AbortError: 'broken-off',
  UND_ERR_HEADERS_TIMEOUT: 'timeout',
  UND_ERR_BODY_TIMEOUT: 'timeout',
  UND_ERR_CONNECT_TIMEOUT: 'connect-timeout',
  UND_ERR_RES_EXCEEDED_MAX_SIZE: 'answer-too-large',
  UND_ERR_SOCKET: 'connection-closed',
  UND_ERR_DESTROYED: 'broken-off',
  ECONNREFUSED: 'connection-refused',
  ECONNRESET: 'connection-reset',
  EPIPE: 'connection-reset',
  ETIMEDOUT: 'connect-timeout',
  ENOTFOUND: 'host-not-found',
  EAI_AGAIN: 'host-not-found',
  EHOSTUNREACH: 'host-unreachable',
  ENETUNREACH: 'network-unreachable',
};

/** `timeout`, `connection-reset`, `host-not-found`, …; never the peer's own text. */
export function causeOf(error: Error): Cause {
  /* fetch says "fetch failed" and keeps the reason in the cause. */
  const reason = error.cause instanceof Error ? error.cause : error;
  const code = 'code' in reason && typeof reason.code === 'string' ? reason.code : reason.name;
  const unlisted = code.toLowerCase().replace(/^(und_err_|err_)/, '');
  return CAUSES[code] ?? (unlisted.replaceAll('_', '-') as RareCause);
}

/** The same as a clause for an operator. Throws what is no Error. */
export function explainCause(error: unknown): string {
  if (!(error instanceof Error)) throw error;
  const word = causeOf(error);
  return CLAUSES[word] ?? word;
}

/** Word → clause. */
const CLAUSES: Readonly<Record<string, string>> = {
  timeout: 'no whole answer in time',
  'connect-timeout': 'no connection in time',
  'answer-too-large': 'the answer is too long',
  'connection-closed': 'the connection was closed',
  'connection-refused': 'the connection was refused',
  'connection-reset': 'the connection was reset',
  'host-not-found': 'the name of the host was not found',
};
