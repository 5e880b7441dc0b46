/**
 * Sends the answers of `GET /v2/reports/records`: a page of records with a link to the next one, or an error as
 * problem+json. Looks nothing up.
 *
 * A cursor is valid only together with the `iv` it was given with.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { RequestFields } from './request-fields.ts';
import type { Invalid } from './report-query.ts';
import type { ReportRecord } from './report-records.ts';

/** A record: the `seq` of its entry in the ledger, and its part. */
export interface Position {
  readonly seq: number;
  readonly part: number;
}

export interface ReportPage {
  readonly records: readonly ReportRecord[];
  /** The first record of the next page; null = this is the last page. */
  readonly next: Position | null;
  /** Requested ids that are unknown, or of another account. */
  readonly notFound: readonly string[];
}

/** A call of an account, whose key and secret were right. */
export interface Call {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly apiKey: string;
  readonly query: RequestFields;
  /** Unix ms. */
  readonly now: number;
}

const RETRY_AFTER_SECONDS = 1;
const BEGINNING: Position = { seq: 0, part: 0 };
const TITLES: Readonly<Record<number, string>> = {
  401: 'You did not provide correct credentials.',
  422: 'The request failed due to validation errors',
  429: 'The request was rate limited.',
};

function sendText(response: ServerResponse, status: number, type: string, body: string): void {
  response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(body) });
  response.end(body);
}

/** An error in the form of RFC 7807; 429 has a Retry-After of one second. */
export function sendProblem(
  response: ServerResponse,
  status: number,
  invalid: readonly Invalid[] = [],
): void {
  if (status === 429) response.setHeader('retry-after', String(RETRY_AFTER_SECONDS));
  const problem = {
    type: 'https://developer.vonage.com/api-errors',
    title: TITLES[status] ?? `HTTP ${status}`,
    detail: invalid.map(({ name, reason }) => `${name}: ${reason}`).join('; '),
    instance: response.getHeader('x-request-id'),
    ...(invalid.length === 0 ? {} : { invalid_parameters: invalid }),
  };
  sendText(response, status, 'application/problem+json', JSON.stringify(problem));
}

/** The first record of the requested page; null = the cursor is not ours. */
export function readCursor(query: RequestFields, iv: string): Position | null {
  const cursor = query.get('cursor');
  if (cursor === undefined && !query.has('iv')) return BEGINNING;
  if (cursor === undefined || query.get('iv') !== iv) return null;
  const text = Buffer.from(cursor, 'base64url').toString('latin1');
  const [, seq, part] = /^(\d{1,15}):(\d{1,4})$/.exec(text) ?? [];
  return seq === undefined ? null : { seq: Number(seq), part: Number(part) };
}

function moreOf({ seq, part }: Position, iv: string) {
  return { cursor: Buffer.from(`${seq}:${part}`).toString('base64url'), iv };
}

function linksOf({ request, query }: Call, more: ReturnType<typeof moreOf> | null) {
  const address = `http://${request.headers.host ?? ''}/v2/reports/records`;
  const linkTo = (fields: RequestFields) => ({
    href: `${address}?${new URLSearchParams([...fields]).toString()}`,
  });
  const self = linkTo(query);
  if (more === null) return { self };
  return { self, next: linkTo(new Map([...query, ...Object.entries(more)])) };
}

/** A page with the link to the next one; `ids_not_found` only if there are any. */
export function sendPage(call: Call, { records, next, notFound }: ReportPage, iv: string): void {
  const { response, apiKey, now } = call;
  const more = next === null ? null : moreOf(next, iv);
  const page = {
    _links: linksOf(call, more),
    request_id: response.getHeader('x-request-id'),
    request_status: more === null ? 'SUCCESS' : 'TRUNCATED',
    received_at: `${new Date(now).toISOString().slice(0, 19)}+00:00`,
    product: 'SMS',
    account_id: apiKey,
    direction: 'outbound',
    items_count: records.length,
    ...more,
    ...(notFound.length === 0 ? {} : { ids_not_found: notFound.join(',') }),
    records,
  };
  sendText(response, 200, 'application/json', JSON.stringify(page));
}
