/**
 * Word of what the command `prune` deleted, left in table `spool` by the transaction that deleted it, so that a
 * daemon that counted those messages takes them off. One word a batch, in a ring of so many rows: nobody has to
 * clear them away, whether a daemon runs or not.
 *
 * Always holds: there is a word exactly if there is a deletion; words have numbers without a gap, so that
 * whoever comes too late for one knows it.
 */
import type { Database } from 'better-sqlite3';
import { STATES } from '../core/message.ts';
import { listIn } from './kept-json.ts';
import { numberIn, OwnValues } from './own-values.ts';
import type { Removed } from './retention.ts';

/** Words that are kept: seconds of pruning, where a daemon looks at least every second. */
export const KEPT = 256;
/** The number of the last word. */
const LAST = 'pruned-to';

/** Messages that are alike. */
type Alike = readonly [Removed['account'], Removed['sender'], Removed['state'], readonly number[]];

function nameOf(number: number): string {
  return `pruned-${number % KEPT}`;
}

/** Leaves word. */
export class PrunedWriter {
  readonly #values: OwnValues;

  constructor(db: Database) {
    this.#values = new OwnValues(db);
  }

  /** To be called in the transaction that deleted them. */
  note(messages: readonly Removed[]): void {
    if (messages.length === 0) return;
    const alike = Map.groupBy(messages, ({ account, sender, state }) =>
      JSON.stringify([account, sender, state]),
    );
    const word = [...alike].map(([key, ones]) => [
      ...(JSON.parse(key) as string[]),
      ones.map(({ id }) => id),
    ]);
    const number = (numberIn(this.#values.read(LAST)) ?? 0) + 1;
    this.#values.write(nameOf(number), JSON.stringify(word));
    this.#values.write(LAST, String(number));
  }
}

/** What was deleted since a word. */
export interface PrunedSince {
  /** The number of the last word; to be asked from the next time. */
  readonly last: number;
  /** Null = there were more words than are kept. */
  readonly messages: readonly Removed[] | null;
}

/** Takes word. */
export class PrunedReader {
  readonly #values: OwnValues;

  constructor(db: Database) {
    this.#values = new OwnValues(db);
  }

  /** What was deleted since the word with this number; null = from now on. In one transaction. */
  since(seen: number | null): PrunedSince {
    const last = numberIn(this.#values.read(LAST)) ?? 0;
    if (seen === null || seen === last) return { last, messages: [] };
    if (seen > last || last - seen > KEPT) return { last, messages: null };
    const messages: Removed[] = [];
    for (let number = seen + 1; number <= last; number += 1) {
      messages.push(...messagesOf(this.#values.read(nameOf(number))));
    }
    return { last, messages };
  }
}

function messagesOf(word: string | null): readonly Removed[] {
  return listIn(word, isAlike).flatMap(([account, sender, state, ids]) =>
    ids.map((id) => ({ id, account, sender, state })),
  );
}

function isAlike(value: unknown): value is Alike {
  if (!Array.isArray(value)) return false;
  const [account, sender, state, ids] = value as readonly unknown[];
  const areNames = [account, sender].every((name) => name === null || typeof name === 'string');
  return (
    areNames &&
    STATES.some((known) => known === state) &&
    Array.isArray(ids) &&
    ids.every(Number.isSafeInteger)
  );
}
