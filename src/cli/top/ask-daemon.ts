/**
 * Asks the running daemon for its status document, over its admin listener.
 *
 * Always holds: what answers may be another program, so a document is taken only if it has the form of ours,
 * and its texts are escaped where they are shown.
 */
import { get } from 'node:http';
import {
  AGE_BOUNDS_S,
  type AccountStatus,
  type FailureStatus,
  type LaneStatus,
  type Status,
} from '../../core/stats/status.ts';
import { STATES } from '../../core/message/message.ts';
import { SECONDS_KEPT } from '../../core/stats/counters.ts';
import type { Stop, StopScope } from '../../core/account/stops.ts';

/** A daemon with as many lanes as have names says less than this. */
const BYTES_MAX = 4_000_000;

/** Null = no daemon of ours answers at "HOST:PORT" within `patienceMs`. */
export function askDaemon(listen: string, patienceMs: number): Promise<Status | null> {
  return new Promise((resolve) => {
    const url = `http://${listen}/status`;
    const request = get(url, { timeout: patienceMs }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        text += chunk;
        if (text.length > BYTES_MAX) request.destroy();
      });
      response.on('end', () => resolve(response.statusCode === 200 ? statusIn(text) : null));
      response.on('error', () => resolve(null));
    });
    request.on('timeout', () => request.destroy());
    request.on('error', () => resolve(null));
    request.on('close', () => resolve(null));
  });
}

/* Whatever answers there may be something else altogether. */
function statusIn(text: string): Status | null {
  try {
    return readStatus(JSON.parse(text));
  } catch {
    return null; // no JSON: not ours
  }
}

type Check = (value: unknown) => boolean;
/** Every key of T has a check: a new key without one is an error of types. */
type Shape<T> = Readonly<Record<keyof T, Check>>;

const isNumber: Check = (value) => typeof value === 'number' && Number.isFinite(value);
const isText: Check = (value) => typeof value === 'string';
const isFlag: Check = (value) => typeof value === 'boolean';
const orNull =
  (check: Check): Check =>
  (value) =>
    value === null || check(value);
const listOf =
  (check: Check, most = Infinity): Check =>
  (value) =>
    Array.isArray(value) && value.length <= most && value.every(check);
const fieldsOf =
  (shape: Readonly<Record<string, Check>>): Check =>
  (value) =>
    typeof value === 'object' &&
    value !== null &&
    Object.entries(shape).every(([key, check]) =>
      check((value as Readonly<Record<string, unknown>>)[key]),
    );

const isState: Check = (value) => STATES.some((state) => state === value);
const isGate: Check = (value) => value === 'active' || value === 'suspended' || value === 'paused';
const isCounts = fieldsOf(Object.fromEntries(STATES.map((state) => [state, isNumber])));

const ACCOUNT: Shape<AccountStatus> = {
  account: isText,
  state: isGate,
  reason: orNull(isText),
  next_probe_at: orNull(isNumber),
  limit: orNull(isNumber),
  available: orNull(isNumber),
  used: isNumber,
  in_flight: isNumber,
  concurrency: isNumber,
  blocked_seconds: isNumber,
  oldest_due_seconds: orNull(isNumber),
};

const LANE: Shape<LaneStatus> = {
  account: isText,
  sender: isText,
  state: isGate,
  available: orNull(isNumber),
  blocked_seconds: isNumber,
  states: isCounts,
  ages: listOf(isNumber, AGE_BOUNDS_S.length + 2),
  oldest_due_seconds: orNull(isNumber),
};

const FAILURE: Shape<FailureStatus> = {
  at: isNumber,
  id: isNumber,
  account: orNull(isText),
  sender: orNull(isText),
  recipient: isText,
  to: isState,
  reason: isText,
  code: orNull(isNumber),
};

const isScope: Check = (value) => SCOPES.some((scope) => scope === value);
const SCOPES: readonly StopScope[] = ['daemon', 'spool', 'log', 'account', 'sender'];
const STOP_STATES: readonly Stop['state'][] = [
  ...(['stopped', 'suspended', 'paused', 'throttled', 'unknown'] as const),
];

const STOP: Shape<Stop> = {
  scope: isScope,
  account: orNull(isText),
  sender: orNull(isText),
  state: (value) => STOP_STATES.some((state) => state === value),
  reason: isText,
  since: orNull(isNumber),
  until: orNull(isNumber),
  meaning: isText,
  remedy: isText,
};

const STATUS: Shape<Status> = {
  at: isNumber,
  version: isText,
  pid: isNumber,
  spool: isText,
  started_at: isNumber,
  unready: orNull(isText),
  stops: listOf(fieldsOf(STOP)),
  is_counted: isFlag,
  states: isCounts,
  age_bounds_seconds: listOf(isNumber, AGE_BOUNDS_S.length),
  accounts: listOf(fieldsOf(ACCOUNT)),
  lanes: listOf(fieldsOf(LANE)),
  answered: listOf(isNumber, SECONDS_KEPT),
  accepted: listOf(isNumber, SECONDS_KEPT),
  failures: listOf(fieldsOf(FAILURE)),
};

const isStatus = fieldsOf(STATUS);

/**
 * The document as a status; null = it is none. Keys that nobody knows are left alone. A daemon of an older
 * version says nothing of stops.
 */
export function readStatus(document: unknown): Status | null {
  if (typeof document !== 'object' || document === null) return null;
  const whole = { stops: [], ...document };
  return isStatus(whole) ? (whole as unknown as Status) : null;
}
