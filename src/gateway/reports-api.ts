/**
 * Asks the Reports API v2 for the records of messages: `GET /v2/reports/records`, by the ids of parts, or by recipient
 * within a window of time. A record says the same as a receipt and is made one.
 *
 * Always holds: at most 4 MiB of an answer are read, and a few pages; texts of messages are not asked for and not kept.
 * Every record costs money: the caller decides when to ask, and keeps to the limit of 10 requests a second. An empty
 * answer proves nothing: how soon a record appears is unknown.
 */
import { hash } from 'node:crypto';
import { comparedForm } from '../core/text/recipient.ts';
import { readRetryAfter } from '../core/answer/read-answer.ts';
import { wordOf, type Receipt } from '../core/receipt/receipt.ts';
import { askJson, isJsonObject, type JsonFields, type ApiTarget } from './question.ts';

/** `baseUrl` is that of the reports, not the host that sends; `timeoutMs` is for one page. */
export interface ReportsTarget extends ApiTarget {
  /** Unix seconds. */
  readonly now: () => number;
}

/** Messages to one recipient that the gateway received at `from` or later and before `until`. */
export interface ReportWindow {
  /** A leading `+` is allowed. */
  readonly recipient: string;
  /** Unix seconds. */
  readonly from: number;
  /** Unix seconds, at most 24 hours after `from`. */
  readonly until: number;
}

/** No answer to the question. `unreachable` may pass; `refused` means this question. `detail` is a clause. */
export interface Unreported {
  readonly ok: false;
  readonly reason: 'wrong-credentials' | 'throttled' | 'refused' | 'unreachable' | 'no-credentials';
  /** What `Retry-After` asked for; null when it did not. */
  readonly retryAfterMs: number | null;
  readonly detail: string;
}

/** One receipt for each record that names a part or an attempt; none = nothing was found. */
export type ReportAnswer =
  { readonly ok: true; readonly receipts: readonly Receipt[] } | Unreported;

/** How many ids one request may name. */
export const REPORT_IDS_MAX = 20;

const WINDOW_MAX_S = 86_400;
/** What the API puts on a page. */
const RECORDS_MAX = 1_000;
/** A narrow window to one recipient fits on one page; more only if somebody floods the recipient. */
const PAGES_MAX = 3;
/** A record has about 1 KB. */
const BODY_MAX = 4_194_304;
const RECORD_MAX = 16_384;
/** A reference has up to 100 characters, an id 36. */
const FIELD_MAX = 255;

type Query = Readonly<Record<string, string>>;
type RecordPage =
  | {
      readonly ok: true;
      readonly records: readonly unknown[];
      /** Asks for the page that follows; null = there is none. */
      readonly next: Query | null;
    }
  | Unreported;

/** Asks for the parts with these ids, 1 to 20 (else a RangeError). Never throws for what the peer does. */
export async function fetchReportsByIds(
  target: ReportsTarget,
  ids: readonly string[],
): Promise<ReportAnswer> {
  if (ids.length === 0 || ids.length > REPORT_IDS_MAX) {
    throw new RangeError(`${ids.length} ids in one question to the reports`);
  }
  return fetchReports(target, { id: ids.join(',') });
}

/**
 * Asks for messages to this recipient in this window. The window is widened to whole seconds, and may neither be empty
 * nor longer than 24 hours (else a RangeError). The API cannot be asked for a `client_ref`; each record has its own.
 * Never throws for what the peer does.
 */
export async function fetchReportsTo(
  target: ReportsTarget,
  { recipient, from, until }: ReportWindow,
): Promise<ReportAnswer> {
  const [start, end] = [Math.floor(from), Math.ceil(until)];
  if (!(end > start && end - start <= WINDOW_MAX_S)) {
    throw new RangeError(`a window of ${end - start} s in a question to the reports`);
  }
  return fetchReports(target, {
    to: comparedForm(recipient),
    date_start: new Date(start * 1000).toISOString(),
    date_end: new Date(end * 1000).toISOString(),
  });
}

async function fetchReports(target: ReportsTarget, query: Query): Promise<ReportAnswer> {
  const records: unknown[] = [];
  let next: Query | null = {};
  for (let page = 1; page <= PAGES_MAX && next !== null; page += 1) {
    const answer: RecordPage = await fetchPage(target, { ...query, ...next });
    if (!answer.ok) return answer;
    records.push(...answer.records);
    next = answer.next;
  }
  const receivedAt = target.now();
  return { ok: true, receipts: records.flatMap((record) => receiptOf(record, receivedAt) ?? []) };
}

async function fetchPage(target: ReportsTarget, query: Query): Promise<RecordPage> {
  const fixed = { account_id: target.apiKey, product: 'SMS', direction: 'outbound' };
  const search = new URLSearchParams({ ...fixed, ...query }).toString();
  const path = `/v2/reports/records?${search}`;
  const answer = await askJson(target, { method: 'GET', path, bodyMax: BODY_MAX });
  if (answer.httpStatus === null) {
    const reason = answer.reason === 'no-secret' ? 'no-credentials' : answer.reason;
    return unreported(reason, answer.detail);
  }
  const { httpStatus, retryAfter, fields } = answer;
  if (httpStatus < 200 || httpStatus > 299) {
    const retryAfterMs = retryAfter === null ? null : readRetryAfter(retryAfter, target.now());
    return { ...unreported(reasonOf(httpStatus), `HTTP ${httpStatus}`), retryAfterMs };
  }
  const records = fields === null ? null : recordsIn(fields);
  if (fields === null || records === null) {
    return unreported('unreachable', 'the answer holds no records');
  }
  return { ok: true, records: records.slice(0, RECORDS_MAX), next: nextOf(fields, records, query) };
}

function unreported(reason: Unreported['reason'], detail: string): Unreported {
  return { ok: false, reason, retryAfterMs: null, detail: `reports: ${detail}` };
}

function reasonOf(statusCode: number): Unreported['reason'] {
  if (statusCode === 401 || statusCode === 403) return 'wrong-credentials';
  if (statusCode === 429) return 'throttled';
  return statusCode >= 500 || statusCode === 408 ? 'unreachable' : 'refused';
}

/* When no id is known, the answer may hold only the list of unknown ids. */
function recordsIn({ records, ids_not_found: unknown }: JsonFields): readonly unknown[] | null {
  if (Array.isArray(records)) return records as readonly unknown[];
  return unknown === undefined ? null : [];
}

/* A cursor that leads nowhere new is not followed. */
function nextOf(
  { cursor, iv }: JsonFields,
  records: readonly unknown[],
  query: Query,
): Query | null {
  if (typeof cursor !== 'string' || typeof iv !== 'string' || cursor === '') return null;
  if (records.length === 0 || cursor === query['cursor']) return null;
  return { cursor, iv };
}

/* Null for what names neither a part nor an attempt. The same record read twice has the same digest. */
function receiptOf(record: unknown, receivedAt: number): Receipt | null {
  if (!isJsonObject(record)) return null;
  const raw = JSON.stringify({ ...record, message_body: undefined, source: 'reports' });
  const gatewayId = textIn(record, 'message_id');
  const clientRef = textIn(record, 'client_ref');
  if (raw.length > RECORD_MAX || (gatewayId ?? clientRef) === null) return null;
  const status = textIn(record, 'status');
  const word = status === null ? null : wordOf(status);
  const code = numberIn(record, 'error_code', /^\d{1,4}$/);
  const said = JSON.stringify(['reports', gatewayId ?? { clientRef }, word, code]);
  const digest = hash('sha256', said).slice(0, 32);
  const recipient = textIn(record, 'to')?.replace(/\D/g, '') ?? '';
  return {
    receivedAt,
    gatewayId,
    clientRef,
    recipient: recipient === '' ? null : recipient,
    apiKey: textIn(record, 'account_id'),
    status: word,
    code,
    price: numberIn(record, 'total_price', /^\d{1,9}(\.\d{1,20})?$/),
    network: textIn(record, 'network'),
    digest,
    raw,
  };
}

/* What is not known is an empty string; numbers come in either form. */
function textIn(fields: JsonFields, name: string): string | null {
  const value = fields[name];
  const text = typeof value === 'number' ? String(value) : value;
  if (typeof text !== 'string' || text.length > FIELD_MAX) return null;
  return text.trim() === '' ? null : text.trim();
}

function numberIn(fields: JsonFields, name: string, form: RegExp): number | null {
  const text = textIn(fields, name);
  return text !== null && form.test(text) ? Number(text) : null;
}
