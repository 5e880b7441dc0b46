/**
 * Declares the options of `GET /v2/reports/records`, with every default and unit. The content of records follows from
 * the accepted messages and their receipts, sent or not.
 */
import type { ValueCheck } from './sandbox-check.ts';
import { AMOUNT, checkFields, orNull, wholeFrom, wholeWithin } from './sandbox-check.ts';

export interface ReportOptions {
  /** From the acceptance until a record can be seen, ms of the sandbox's clock; default 0. */
  readonly lagMs?: number;
  /** Answers every call with this HTTP status (429: with Retry-After); null (default) = ordinary answers. */
  readonly status?: number | null;
  /** Calls per second of an account; default 10, as at the API; null = no limit. */
  readonly rate?: number | null;
}

export type ReportSettings = Required<ReportOptions>;

export const REPORT_DEFAULTS: ReportSettings = { lagMs: 0, status: null, rate: 10 };

const REPORT_FIELDS: Readonly<Record<keyof ReportOptions, ValueCheck>> = {
  lagMs: AMOUNT,
  status: orNull(wholeWithin(400, 599)),
  rate: orNull(wholeFrom(1)),
};

/** Throws SandboxOptionError. */
export function checkReports(path: string, value: unknown): void {
  checkFields(path, value, REPORT_FIELDS);
}
