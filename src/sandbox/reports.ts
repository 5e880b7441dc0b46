/**
 * Answers `GET /v2/reports/records`: records of accepted messages, by id or by time, a page at a time.
 *
 * They are made from the ledger: forgotten entries are not found, and refused messages never were in it. Texts are not
 * kept, so `include_message` changes nothing.
 */
import { randomBytes, randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Accounts } from './authenticate.ts';
import { ownerOf } from './authenticate.ts';
import type { RequestFields } from './request-fields.ts';
import type { SandboxLedger, LedgerEntry } from './sandbox-ledger.ts';
import { WindowLimit } from './sandbox-limits.ts';
import { seqOf } from './outcome.ts';
import type { ReportOptions, ReportSettings } from './report-options.ts';
import { REPORT_DEFAULTS } from './report-options.ts';
import type { Call, ReportPage, Position } from './report-page.ts';
import { readCursor, sendPage, sendProblem } from './report-page.ts';
import type { ByDate, ById } from './report-query.ts';
import { readQuery } from './report-query.ts';
import type { ReportRecord } from './report-records.ts';
import { recordsOf } from './report-records.ts';

const PAGE_SIZE = 1000;
const WRONG_CURSOR = { name: 'cursor', reason: 'Must come with the iv it was given with' };

export class Reports {
  readonly #ledger: SandboxLedger;
  readonly #accounts: Accounts;
  readonly #now: () => number;
  readonly #iv = randomBytes(16).toString('base64url');
  readonly #limits = new Map<string, WindowLimit>();
  #settings = REPORT_DEFAULTS;

  /** `now` is Unix ms. */
  constructor(ledger: SandboxLedger, accounts: Accounts, now: () => number) {
    this.#ledger = ledger;
    this.#accounts = accounts;
    this.#now = now;
  }

  get settings(): ReportSettings {
    return this.#settings;
  }

  /** Resets every limit. */
  change(options: ReportOptions): void {
    this.#settings = { ...this.#settings, ...options };
    this.#limits.clear();
  }

  /** Answers one call. Reports take Basic auth only. */
  answer(request: IncomingMessage, response: ServerResponse, query: RequestFields): void {
    response.setHeader('x-request-id', randomUUID());
    const account = ownerOf(this.#accounts, new Map(), request.headers.authorization);
    const { status } = this.#settings;
    if (status !== null) sendProblem(response, status);
    else if (account === null) sendProblem(response, 401);
    else this.#admit({ request, response, apiKey: account.apiKey, query, now: this.#now() });
  }

  #admit(call: Call): void {
    const { rate } = this.#settings;
    const limit = this.#limits.get(call.apiKey) ?? (rate === null ? null : new WindowLimit(rate));
    if (limit !== null) this.#limits.set(call.apiKey, limit);
    if (limit === null || limit.take(call.now) === null) {
      this.#answer(call);
      return;
    }
    this.#ledger.count('reportsThrottled');
    call.response.setHeader('x-ratelimit-limit', String(rate));
    call.response.setHeader('x-ratelimit-remaining', '0');
    sendProblem(call.response, 429);
  }

  #answer(call: Call): void {
    const asked = readQuery(call.query, call.apiKey, call.now);
    const from = readCursor(call.query, this.#iv);
    if (!('kind' in asked)) sendProblem(call.response, 422, asked);
    else if (from === null) sendProblem(call.response, 422, [WRONG_CURSOR]);
    else if (asked.kind === 'id') sendPage(call, this.#find(asked, call), this.#iv);
    else sendPage(call, this.#search(asked, from, call), this.#iv);
  }

  #find({ ids }: ById, call: Call): ReportPage {
    const found = new Map(ids.map((id) => [id, this.#recordWith(id, call)]));
    return {
      records: [...found.values()].filter((record) => record !== null),
      next: null,
      notFound: ids.filter((id) => found.get(id) === null),
    };
  }

  #recordWith(id: string, call: Call): ReportRecord | null {
    const entry = this.#ledger.entry(seqOf(id));
    if (entry === null) return null;
    return this.#recordsOf(entry, call).find((record) => record['message_id'] === id) ?? null;
  }

  #search(asked: ByDate, from: Position, call: Call): ReportPage {
    const records: ReportRecord[] = [];
    const isAsked = (record: ReportRecord): boolean =>
      [...asked.filters].every(([name, value]) => record[name] === value);
    for (const entry of this.#entries(asked, from.seq)) {
      for (const [part, record] of this.#recordsOf(entry, call).entries()) {
        const isBefore = entry.seq === from.seq && part < from.part;
        if (isBefore || !isAsked(record)) continue;
        const next = { seq: entry.seq, part };
        if (records.length === PAGE_SIZE) return { records, next, notFound: [] };
        records.push(record);
      }
    }
    return { records, next: null, notFound: [] };
  }

  /** Entries of the window from `seq` on; lines of other recipients are not parsed. */
  *#entries({ startMs, endMs, filters }: ByDate, seq: number): Generator<LedgerEntry> {
    const to = filters.get('to');
    const needle = to === undefined ? '' : `"to":${JSON.stringify(to)}`;
    for (const line of this.#ledger.lines(Math.max(0, seq - 1))) {
      if (!line.includes(needle)) continue;
      const atMs = Math.round(Number(/"at":([\d.]+)/.exec(line)?.[1]) * 1000);
      if (atMs >= startMs && atMs < endMs) yield JSON.parse(line) as LedgerEntry;
    }
  }

  /** Empty for another account's message, and for one that is not visible yet. */
  #recordsOf(entry: LedgerEntry, { apiKey, query, now }: Call): readonly ReportRecord[] {
    const isVisible = Math.round(entry.at * 1000) + this.#settings.lagMs <= now;
    if (entry.account !== apiKey || !isVisible) return [];
    return recordsOf(entry, now, query.get('show_concatenated') === 'true');
  }
}
