// What every sandbox test needs: a sandbox with a clock that the test moves, and a client that sees all.
import { Agent, request } from 'undici';
import { onTestFinished } from 'vitest';
import type { SandboxOptions } from '../../src/sandbox/sandbox-options.ts';
import type { Sandbox } from '../../src/sandbox/sandbox-gateway.ts';
import { startSandbox } from '../../src/sandbox/sandbox-gateway.ts';

export const KEY = 'sandbox1';
export const SECRET = 'sandbox-secret';
export const BASIC = `Basic ${Buffer.from(`${KEY}:${SECRET}`).toString('base64')}`;
/** The beginning of a second of the wall clock. */
export const START = 1_764_000_000_000;

export type Element = Readonly<Record<string, string>>;
export interface Answer {
  readonly httpStatus: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
}

export class Clock {
  ms = START;
  readonly now = (): number => this.ms;
}

// A connection that a fault has cut must not be lent to the next request.
const agent = new Agent({ pipelining: 0 });

export async function ask(
  url: string,
  options: {
    readonly method?: 'GET' | 'POST' | 'DELETE';
    readonly headers?: Record<string, string>;
    readonly body?: string;
    readonly timeoutMs?: number;
  } = {},
): Promise<Answer> {
  const { method = 'GET', headers = {}, body = null, timeoutMs = 20_000 } = options;
  const response = await request(url, {
    dispatcher: agent,
    method,
    headers,
    body,
    headersTimeout: timeoutMs,
    bodyTimeout: timeoutMs,
  });
  const text = await response.body.text();
  return { httpStatus: response.statusCode, headers: response.headers, text };
}

export const MESSAGE = { to: '447700900001', from: 'AcmeInc', text: 'Your table is ready' };

/** POSTs a form with Basic auth, unless `headers` say otherwise. */
export function post(
  sandbox: Pick<Sandbox, 'url'>,
  fields: Readonly<Record<string, string>>,
  headers: Record<string, string> = { authorization: BASIC },
  timeoutMs = 20_000,
): Promise<Answer> {
  return ask(`${sandbox.url}/sms/json`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
    body: new URLSearchParams(fields).toString(),
    timeoutMs,
  });
}

export function elementsOf(answer: Answer): readonly Element[] {
  return (JSON.parse(answer.text) as { messages: readonly Element[] }).messages;
}

/** The elements of the answer to the usual message with other fields. */
export async function elements(
  sandbox: Sandbox,
  fields: Readonly<Record<string, string>> = {},
): Promise<readonly Element[]> {
  return elementsOf(await post(sandbox, { ...MESSAGE, ...fields }));
}

export async function statuses(
  sandbox: Sandbox,
  fields: Readonly<Record<string, string>> = {},
): Promise<readonly (string | undefined)[]> {
  return (await elements(sandbox, fields)).map((element) => element['status']);
}

/** A sandbox under a clock that stands still, without a limit unless the options set one; closed with the test. */
export async function setup(
  options: SandboxOptions = {},
): Promise<{ readonly sandbox: Sandbox; readonly clock: Clock }> {
  const clock = new Clock();
  const accounts = options.accounts ?? { [KEY]: { rate: null } };
  const sandbox = await startSandbox({ now: clock.now, ...options, accounts });
  onTestFinished(() => sandbox.close());
  return { sandbox, clock };
}
