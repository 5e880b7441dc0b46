/**
 * Reads the query of `GET /v2/reports/records`, and finds everything that is wrong with it. Parameters that the API does
 * not know are refused; in particular there is no filter by `client_ref`.
 */
import type { RequestFields } from './request-fields.ts';

/** A wrong parameter, as named in a 422. */
export interface Invalid {
  readonly name: string;
  readonly reason: string;
}

export interface ById {
  readonly kind: 'id';
  readonly ids: readonly string[];
}

export interface ByDate {
  readonly kind: 'date';
  /** Unix ms; inclusive. */
  readonly startMs: number;
  /** Unix ms; exclusive. */
  readonly endMs: number;
  /** Field of a record → the value it must have. */
  readonly filters: ReadonlyMap<string, string>;
}

/** Parameters that are fields of a record. */
const FILTERS = ['to', 'from', 'status', 'country', 'network', 'account_ref'] as const;

const REQUIRED = ['product', 'account_id', 'direction'];
const WITH_ID = [...REQUIRED, 'id', 'include_message', 'show_concatenated'];
const WITH_DATES = [
  ...REQUIRED,
  'include_message',
  'show_concatenated',
  'date_start',
  'date_end',
  'cursor',
  'iv',
  ...FILTERS,
];
const MOST_IDS = 20;
const LONGEST_WINDOW_MS = 86_400_000;
const DEFAULT_WINDOW_MS = 7 * LONGEST_WINDOW_MS;
/** An unencoded `+` arrives as a space, and is wrong. */
const DATE = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:?\d\d)$/;

/** Unix ms; null = no date with a time zone. */
function readDate(text: string): number | null {
  if (!DATE.test(text)) return null;
  const ms = Date.parse(text.replace(/([+-]\d\d)(\d\d)$/, '$1:$2'));
  return Number.isNaN(ms) ? null : ms;
}

function checkRequired(query: RequestFields, apiKey: string): readonly Invalid[] {
  const must = { product: 'SMS', account_id: apiKey, direction: 'outbound' };
  return Object.entries(must).flatMap(([name, value]) =>
    query.get(name) === value ? [] : [{ name, reason: `Must be ${value}` }],
  );
}

function checkKnown(query: RequestFields, known: readonly string[]): readonly Invalid[] {
  return [...query.keys()]
    .filter((name) => !known.includes(name))
    .map((name) => ({ name, reason: 'Is not supported by this query' }));
}

function readIds(text: string): ById | Invalid {
  const ids = [...new Set(text.split(',').map((id) => id.trim()))].filter((id) => id !== '');
  if (ids.length >= 1 && ids.length <= MOST_IDS) return { kind: 'id', ids };
  return { name: 'id', reason: `Must be 1 to ${MOST_IDS} ids` };
}

function readDates(query: RequestFields, now: number): ByDate | Invalid {
  const reason = 'Must be a date like 2026-11-23T09:15:02Z';
  const endText = query.get('date_end');
  const endMs = endText === undefined ? now : readDate(endText);
  if (endMs === null) return { name: 'date_end', reason };
  const startText = query.get('date_start');
  const startMs = startText === undefined ? now - DEFAULT_WINDOW_MS : readDate(startText);
  if (startMs === null) return { name: 'date_start', reason };
  if (startMs >= endMs) return { name: 'date_end', reason: 'Must be after date_start' };
  if (endMs - startMs > LONGEST_WINDOW_MS) {
    return { name: 'date_start', reason: 'Must be at most 24 hours before date_end' };
  }
  const given = FILTERS.flatMap((name) => {
    const value = query.get(name);
    return value === undefined ? [] : [[name, value] as const];
  });
  return { kind: 'date', startMs, endMs, filters: new Map(given) };
}

/** The query of the owner of `apiKey`, or all its errors. `now` is Unix ms. */
export function readQuery(
  query: RequestFields,
  apiKey: string,
  now: number,
): ById | ByDate | readonly Invalid[] {
  const id = query.get('id');
  const read = id === undefined ? readDates(query, now) : readIds(id);
  const wrong = [
    ...checkRequired(query, apiKey),
    ...checkKnown(query, id === undefined ? WITH_DATES : WITH_ID),
  ];
  if ('reason' in read) return [...wrong, read];
  return wrong.length > 0 ? wrong : read;
}
