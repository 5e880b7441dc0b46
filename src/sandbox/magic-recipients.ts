/**
 * Interprets recipients that choose what happens to them: `999 F VVV K tttt`, twelve digits.
 *
 * F is the family (the table below), VVV its value, K how often: 0 = every time, 1–9 = only the first K messages to this
 * recipient, and ordinary afterwards. `tttt` is free, so that there are ten thousand recipients of every kind. +999
 * belongs to no country: none of them can reach a person, even at the real API. Every other recipient is ordinary:
 * accepted and delivered.
 */
import type { Fault } from './faults.ts';
import { FAULT_KINDS, httpFault } from './faults.ts';
import type { PartStatus } from './status-texts.ts';
import { statusOf, waitText } from './status-texts.ts';

export interface MagicFamily {
  readonly pattern: string;
  readonly does: string;
}

/** Printed by `--help` and the README. */
export const MAGIC_RECIPIENTS: readonly MagicFamily[] = [
  {
    pattern: '9991VVVKtttt',
    does: 'status VVV (006: unroutable; 021 or 099: a code nobody lists)',
  },
  {
    pattern: '9991901Ktttt',
    does: 'status 1, the text of a sender: please wait [ 250 ] and retry',
  },
  { pattern: '9991902Ktttt', does: 'status 1, the same text without its number' },
  { pattern: '9992VVVKtttt', does: 'two parts or more: the first accepted, the others status VVV' },
  { pattern: '9993VVVKtttt', does: 'two parts or more: the first status VVV, the others accepted' },
  { pattern: '9994VVVKtttt', does: 'HTTP VVV, not accepted (429: with Retry-After: 1)' },
  { pattern: '9995VVVKtttt', does: 'fault VVV (below), not accepted' },
  { pattern: '9996VVVKtttt', does: 'fault VVV, but accepted: the ledger counts it' },
  { pattern: '9997VVVKtttt', does: 'accepted, answered after VVV tenths of a second' },
  { pattern: '9998VVVKtttt', does: 'HTTP VVV, but accepted: the ledger counts it' },
  { pattern: '9999SCCKtttt', does: 'accepted; the last receipt: word S (below), err-code CC' },
];

/** Number and name of each fault, for the same readers. */
export const MAGIC_FAULTS: readonly string[] = FAULT_KINDS.map(
  (kind, index) => `${String(index + 1).padStart(3, '0')} ${kind}`,
);

/** Null = no receipt at all, not even an intermediate one; `enroute` is not in the API's list. */
const LAST_WORDS: readonly (string | null)[] = [
  null,
  'delivered',
  'failed',
  'rejected',
  'expired',
  'undelivered',
  'deleted',
  'unknown',
  'accepted',
  'enroute',
];

/** Number and name of each last word, for the same readers. */
export const MAGIC_WORDS: readonly string[] = LAST_WORDS.map(
  (word, index) => `${index} ${word ?? 'none'}`,
);

/** The content of the last receipt of each part; `word` null = no receipts. */
export interface LastWord {
  readonly word: string | null;
  readonly code: number;
}

/** The fate of a message that passed all checks. */
export interface Scene {
  readonly first: PartStatus;
  readonly rest: PartStatus;
  /** The least number of parts in the answer. */
  readonly leastParts: number;
  /** False: a fault comes before anything is accepted. */
  readonly isTaken: boolean;
  readonly fault: Fault | null;
  readonly delayMs: number;
  readonly last: LastWord;
}

const ACCEPTED = statusOf(0, '');

const ORDINARY: Scene = {
  first: ACCEPTED,
  rest: ACCEPTED,
  leastParts: 1,
  isTaken: true,
  fault: null,
  delayMs: 0,
  last: { word: 'delivered', code: 0 },
};

/** Recipients with a K that are remembered; the one longest unseen is forgotten first. */
const REMEMBERED = 100_000;
const MAGIC = /^999([1-9])(\d{3})(\d)\d{4}$/;

function magicStatus(value: number): PartStatus {
  if (value === 901) return statusOf(1, waitText(250));
  if (value === 902) return statusOf(1, waitText(null));
  return statusOf(value);
}

function magicHttp(value: number): Fault {
  return httpFault(value >= 200 && value <= 599 ? value : 500);
}

function magicFault(value: number): Fault | null {
  const kind = FAULT_KINDS[value - 1];
  return kind === undefined ? null : { kind };
}

function magicLast(value: number): LastWord {
  return { word: LAST_WORDS[Math.floor(value / 100)] ?? null, code: value % 100 };
}

/** Every scene answers with `code`. */
export function sceneOfCode(code: number): Scene {
  return { ...ORDINARY, first: statusOf(code), rest: statusOf(code) };
}

const SCENES: Readonly<Record<string, (value: number) => Scene>> = {
  1: (value) => ({ ...ORDINARY, first: magicStatus(value), rest: magicStatus(value) }),
  2: (value) => ({ ...ORDINARY, rest: magicStatus(value), leastParts: 2 }),
  3: (value) => ({ ...ORDINARY, first: magicStatus(value), leastParts: 2 }),
  4: (value) => ({ ...ORDINARY, isTaken: false, fault: magicHttp(value) }),
  5: (value) => {
    const fault = magicFault(value);
    return fault === null ? ORDINARY : { ...ORDINARY, isTaken: false, fault };
  },
  6: (value) => ({ ...ORDINARY, fault: magicFault(value) }),
  7: (value) => ({ ...ORDINARY, delayMs: value * 100 }),
  8: (value) => ({ ...ORDINARY, fault: magicHttp(value) }),
  9: (value) => ({ ...ORDINARY, last: magicLast(value) }),
};

/** Counts the messages to recipients with a K. */
export class MagicRecipients {
  readonly #times = new Map<string, number>();

  /** The fate of this message for `recipient`. */
  next(recipient: string): Scene {
    const [, family, value, limit] = MAGIC.exec(recipient) ?? [];
    const scene = family === undefined ? undefined : SCENES[family];
    if (scene === undefined) return ORDINARY;
    if (limit !== '0' && this.#count(recipient) > Number(limit)) return ORDINARY;
    return scene(Number(value));
  }

  clear(): void {
    this.#times.clear();
  }

  #count(recipient: string): number {
    const times = (this.#times.get(recipient) ?? 0) + 1;
    this.#times.delete(recipient);
    this.#times.set(recipient, times);
    if (this.#times.size > REMEMBERED) {
      for (const oldest of this.#times.keys()) {
        this.#times.delete(oldest);
        break;
      }
    }
    return times;
  }
}
