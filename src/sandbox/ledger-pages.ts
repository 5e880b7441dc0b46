/**
 * Answers the requests without a message: balance and settings of an account, the ledger, and the control page. Each
 * function sends one answer.
 */
import type { ServerResponse } from 'node:http';
import { Readable, pipeline } from 'node:stream';
import type { Account } from './sandbox-account.ts';
import type { ChaosPlan } from './chaos.ts';
import { UNAUTHORIZED, send } from './faults.ts';
import type { RequestFields } from './request-fields.ts';
import type { SandboxLedger } from './sandbox-ledger.ts';
import type { Platform } from './platform.ts';
import type { ReceiptSchedule } from './receipt-schedule.ts';
import type { Reports } from './reports.ts';

const LINES_PER_CHUNK = 500;

export function sendJson(response: ServerResponse, httpStatus: number, value: unknown): void {
  send(response, httpStatus, JSON.stringify(value));
}

/** `GET /account/get-balance`; null = wrong credentials. */
export function sendBalance(response: ServerResponse, account: Account | null): void {
  if (account === null) send(response, 401, UNAUTHORIZED);
  else sendJson(response, 200, { value: account.balance, autoReload: account.settings.autoReload });
}

/**
 * `POST /account/settings`: without fields it shows the limits, if the account has any. URLs are stored unchecked and
 * never called; an empty text clears one, as at the API, and is counted.
 */
export function sendSettings(
  response: ServerResponse,
  account: Account | null,
  { fields, ledger }: { readonly fields: RequestFields; readonly ledger: SandboxLedger },
): void {
  if (account === null) {
    send(response, 401, UNAUTHORIZED);
    return;
  }
  for (const name of ['moCallBackUrl', 'drCallBackUrl'] as const) {
    const url = fields.get(name);
    if (url === undefined) continue;
    ledger.url(url);
    account.setUrl(name, url);
  }
  const { rate } = account.settings;
  sendJson(response, 200, {
    'mo-callback-url': account.url('moCallBackUrl'),
    'dr-callback-url': account.url('drCallBackUrl'),
    ...(rate === null ? {} : { 'max-outbound-request': rate }),
    'max-inbound-request': 30,
    'max-calls-per-second': 3,
  });
}

/** The parts that `/control` shows. */
export interface Controlled {
  readonly platform: Platform;
  readonly plan: ChaosPlan;
  readonly receipts: ReceiptSchedule;
  readonly reports: Reports;
}

/** The settings in force, without secrets: `GET /control`, and the answer to `POST /control`. */
export function sendControl(
  response: ServerResponse,
  { platform, plan, receipts, reports }: Controlled,
): void {
  const { signature } = receipts.settings;
  const accounts = [...platform.accounts.values()].map((account) => {
    const { rate, model, depth, price } = account.settings;
    return [account.apiKey, { rate, model, depth, price, balance: account.balance }] as const;
  });
  sendJson(response, 200, {
    accounts: Object.fromEntries(accounts),
    senders: Object.fromEntries([...platform.senderRates].map(([from, rate]) => [from, { rate }])),
    chaos: plan.steps,
    receipts: {
      ...receipts.settings,
      signature: signature === null ? null : { method: signature.method },
    },
    reports: reports.settings,
  });
}

function* chunksOf(lines: readonly string[], head: string, separator: string, foot: string) {
  yield head;
  for (let start = 0; start < lines.length; start += LINES_PER_CHUNK) {
    const chunk = lines.slice(start, start + LINES_PER_CHUNK).join(separator);
    yield start === 0 ? chunk : separator + chunk;
  }
  yield foot;
}

/**
 * `GET /ledger`: counters, series and entries as one JSON document; `format=ndjson`: the entries alone, one
 * a line. `since=SEQ` leaves out what was read before, `entries=no` leaves out all.
 */
export function sendLedger(
  response: ServerResponse,
  ledger: SandboxLedger,
  query: RequestFields,
): void {
  const since = Number(query.get('since') ?? 0);
  const lines = query.get('entries') === 'no' ? [] : ledger.lines(Math.max(0, since) || 0);
  const isLines = query.get('format') === 'ndjson';
  const type = isLines ? 'application/x-ndjson' : 'application/json';
  response.writeHead(200, { 'content-type': type });
  const summary = JSON.stringify({ counters: ledger.counters, series: ledger.series() });
  const chunks = isLines
    ? chunksOf(lines, '', '\n', lines.length === 0 ? '' : '\n')
    : chunksOf(lines, `${summary.slice(0, -1)},"entries":[`, ',', ']}\n');
  // A reader that leaves early ends the pipeline.
  pipeline(Readable.from(chunks), response, () => undefined);
}
