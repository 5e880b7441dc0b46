/**
 * Reads and writes `control.filter`: the JSON object with fixed keys that names the messages of a request. Any program
 * may write it, so every value is checked.
 */
import { STATES, type State } from './message.ts';

/** Null = any. */
export interface ControlFilter {
  readonly states: readonly State[] | null;
  readonly reason: string | null;
  /** Unix seconds of the insert: at this time or later, and before this time. */
  readonly since: number | null;
  readonly until: number | null;
  readonly account: string | null;
  readonly sender: string | null;
  readonly campaign: string | null;
}

export const ANY: ControlFilter = {
  ...{ states: null, reason: null, since: null, until: null },
  ...{ account: null, sender: null, campaign: null },
};

const TEXTS = ['reason', 'account', 'sender', 'campaign'] as const;
const INSTANTS = ['since', 'until'] as const;
const KEYS: readonly string[] = ['state', 'reason', ...INSTANTS, 'account', 'sender', 'campaign'];

/** The object as text; null = it would name nothing. */
export function writeFilter({ states, ...rest }: ControlFilter): string | null {
  const named = Object.entries({ state: states, ...rest }).filter(([, value]) => value !== null);
  return named.length === 0 ? null : JSON.stringify(Object.fromEntries(named));
}

/** The filter, or in a few words why it is none. */
export function readFilter(json: string): ControlFilter | string {
  const given = objectIn(json);
  if (given === null) return 'filter is not a JSON object';
  const strange = Object.keys(given).find((key) => !KEYS.includes(key));
  if (strange !== undefined) {
    return `filter has no key ${JSON.stringify(strange)}; it has ${KEYS.join(', ')}`;
  }
  if (Object.keys(given).length === 0) return 'the filter names nothing';
  const { state, ...others } = given;
  const states = state === undefined ? null : statesIn(state);
  if (typeof states === 'string') return states;
  const text = TEXTS.find((key) => key in others && typeof others[key] !== 'string');
  if (text !== undefined) return `${text} in the filter must be text`;
  const at = INSTANTS.find((key) => key in others && !Number.isFinite(others[key]));
  if (at !== undefined) return `${at} in the filter must be Unix seconds`;
  return { ...ANY, ...others, states };
}

function objectIn(text: string): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(text);
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
    return isObject ? { ...value } : null;
  } catch {
    return null; // not JSON at all
  }
}

function statesIn(value: unknown): readonly State[] | string {
  const given: readonly unknown[] = Array.isArray(value) ? value : [value];
  const strange = given.find((one) => !STATES.includes(one as State));
  if (given.length === 0 || strange !== undefined) {
    return `state in the filter must be one or several of ${STATES.join(', ')}`;
  }
  return given as readonly State[];
}
