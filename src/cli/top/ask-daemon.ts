/**
 * Asks the running daemon for its status document, over its admin listener. Another program may answer there: a document
 * is taken only if it has the form of ours, and its texts are escaped where they are shown.
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

/** More than the status of a daemon with the largest number of lanes. */
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

function statusIn(text: string): Status | null {
  try {
    return readStatus(JSON.parse(text));
  } catch {
    return null; // no JSON
  }
}

type ValueCheck = (value: unknown) => boolean;
/** Every key of T has a check: a new key without one is an error of types. */
type ShapeOf<T> = Readonly<Record<keyof T, ValueCheck>>;

const isNumber: ValueCheck = (value) => typeof value === 'number' && Number.isFinite(value);
const isText: ValueCheck = (value) => typeof value === 'string';
const isFlag: ValueCheck = (value) => typeof value === 'boolean';
const orNull =
  (check: ValueCheck): ValueCheck =>
  (value) =>
    value === null || check(value);
const listOf =
  (check: ValueCheck, most = Infinity): ValueCheck =>
  (value) =>
    Array.isArray(value) && value.length <= most && value.every(check);
const fieldsOf =
  (shape: Readonly<Record<string, ValueCheck>>): ValueCheck =>
  (value) =>
    typeof value === 'object' &&
    value !== null &&
    Object.entries(shape).every(([key, check]) =>
      check((value as Readonly<Record<string, unknown>>)[key]),
    );

const oneOf =
  (words: readonly string[]): ValueCheck =>
  (value) =>
    words.some((word) => word === value);
const isLaneState = oneOf(['active', 'suspended', 'paused']);
const isCounts = fieldsOf(Object.fromEntries(STATES.map((state) => [state, isNumber])));

const ACCOUNT: ShapeOf<AccountStatus> = {
  account: isText,
  state: isLaneState,
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

const LANE: ShapeOf<LaneStatus> = {
  account: isText,
  sender: isText,
  state: isLaneState,
  available: orNull(isNumber),
  blocked_seconds: isNumber,
  states: isCounts,
  ages: listOf(isNumber, AGE_BOUNDS_S.length + 2),
  oldest_due_seconds: orNull(isNumber),
};

const FAILURE: ShapeOf<FailureStatus> = {
  at: isNumber,
  id: isNumber,
  account: orNull(isText),
  sender: orNull(isText),
  recipient: isText,
  to: oneOf(STATES),
  reason: isText,
  code: orNull(isNumber),
};

const SCOPES: readonly StopScope[] = ['daemon', 'spool', 'log', 'account', 'sender'];
const STOP_STATES = [
  'stopped',
  'suspended',
  'paused',
  'throttled',
  'unknown',
] as const satisfies readonly Stop['state'][];

const STOP: ShapeOf<Stop> = {
  scope: oneOf(SCOPES),
  account: orNull(isText),
  sender: orNull(isText),
  state: oneOf(STOP_STATES),
  reason: isText,
  since: orNull(isNumber),
  until: orNull(isNumber),
  meaning: isText,
  remedy: isText,
};

const STATUS: ShapeOf<Status> = {
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
