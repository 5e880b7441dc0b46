/**
 * Makes the records of a report: one for each accepted part, from the ledger's entry of its message. Every value is
 * text; fields that the API leaves empty are empty.
 *
 * The status is that of the receipts that were due so far, sent or not: `submitted` before the first.
 */
import { NETWORK, type LedgerEntry } from './sandbox-ledger.ts';

export type ReportRecord = Readonly<Record<string, string>>;

/** By err-code (src/gateway/README.md). */
const DESCRIPTIONS: Readonly<Record<number, string>> = {
  0: 'Delivered',
  1: 'Unknown',
  2: 'Absent Subscriber - Temporary',
  3: 'Absent Subscriber - Permanent',
  4: 'Call Barred by User',
  5: 'Portability Error',
  6: 'Anti-Spam Rejection',
  7: 'Handset Busy',
  8: 'Network Error',
  9: 'Illegal Number',
  10: 'Illegal Message',
  11: 'Unroutable',
  12: 'Destination Unreachable',
  13: 'Subscriber Age Restriction',
  14: 'Number Blocked by Carrier',
  15: 'Prepaid Insufficient Funds',
  99: 'General Error',
};

/** Data coding schemes of the types; `text` is 0. */
const DCS: Readonly<Record<string, string>> = { unicode: '8', binary: '4' };

/** In the API's form: UTC, whole seconds. */
function dateOf(unixMs: number): string {
  return `${new Date(unixMs).toISOString().slice(0, 19)}+00:00`;
}

function hexByte(value: number): string {
  return value.toString(16).toUpperCase().padStart(2, '0');
}

/** The header of a concatenated part; empty for a message of one. */
function udhOf(entry: LedgerEntry, part: number): string {
  const parts = entry.parts + entry.partsRefused;
  if (parts === 1) return '';
  return `050003${hexByte(entry.seq % 256)}${hexByte(parts)}${hexByte(part + 1)}`;
}

/** The latest word about a part at `now`; `lastMs` null = the last word has not come. */
function newsOf({ at, words, code, dueMs }: LedgerEntry, part: number, now: number) {
  const acceptedMs = Math.round(at * 1000);
  const due = dueMs[part] ?? [];
  const latest = due.findLastIndex((ms) => acceptedMs + ms <= now);
  const lastMs = latest >= 0 && latest === words.length - 1 ? (due[latest] ?? 0) : null;
  return { status: words[latest] ?? 'submitted', code: lastMs === null ? 0 : code, lastMs };
}

function recordOf(entry: LedgerEntry, part: number, now: number): ReportRecord {
  const { status, code, lastMs } = newsOf(entry, part, now);
  const acceptedMs = Math.round(entry.at * 1000);
  const messageId = entry.messageIds[part] ?? '';
  return {
    account_id: entry.account,
    message_id: messageId,
    account_ref: entry.accountRef ?? '',
    client_ref: entry.clientRef ?? '',
    direction: 'outbound',
    from: entry.from,
    to: entry.to,
    forced_from: '',
    changed_from: '',
    network: NETWORK,
    network_name: 'Sandbox',
    country: 'GB',
    country_name: 'United Kingdom',
    date_received: dateOf(acceptedMs),
    date_finalized: lastMs === null ? '' : dateOf(acceptedMs + lastMs),
    latency: lastMs === null ? '' : String(lastMs),
    status,
    error_code: String(code),
    error_code_description: lastMs === null ? '' : (DESCRIPTIONS[code] ?? 'Unknown'),
    currency: '',
    total_price: entry.price,
    id: messageId,
    dcs: DCS[entry.type] ?? '0',
    validity_period: entry.ttlMs === null ? '' : String(entry.ttlMs),
    ip_address: '127.0.0.1',
    udh: udhOf(entry, part),
    workflow_id: '',
  };
}

/** The records of one message, in the order of its parts. `now` is Unix ms. */
export function recordsOf(
  entry: LedgerEntry,
  now: number,
  isConcatenationShown: boolean,
): readonly ReportRecord[] {
  const concatenated = entry.parts + entry.partsRefused > 1 ? 'TRUE' : 'FALSE';
  return entry.messageIds.map((_, part) => ({
    ...recordOf(entry, part, now),
    ...(isConcatenationShown ? { concatenated } : {}),
  }));
}
