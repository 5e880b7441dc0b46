/**
 * Where lines are read from: what is there, and what comes after it. Polled where nobody tells that there is
 * news.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { eventsAfter, eventsBefore, lastSeqOf } from '../spool/history.ts';
import type { Database } from '../spool/open.ts';
import { Journal } from './journal.ts';
import { isTooOld, isWanted, readLine, type LogLine } from './line.ts';
import type { OnTrouble, Piece, Search } from './piece.ts';
import { openLog } from './rotated.ts';
import { lineOf } from './spool.ts';

/** How late a line may be seen. */
const POLL_MS = 200;

export interface LogSource extends Disposable {
  /** What was there and is wanted, in its order; to be asked once, before `next`. */
  readonly last: (search: Search) => AsyncIterable<LogLine>;
  /** What comes after that, for ever. */
  readonly next: () => AsyncIterable<LogLine>;
}

/** A file and what was rotated away from it, followed by its name. Throws when it cannot be opened. */
export function fileSource(path: string, onTrouble: OnTrouble): LogSource {
  const { file, live, rotated } = openLog(path, onTrouble);
  return {
    last: async function* (search) {
      yield* lastOfPieces([live, ...rotated], search);
      /* What was deleted meanwhile takes room on the disk for as long as it is open. */
      for (const piece of rotated) piece[Symbol.dispose]();
    },
    next: () => polled(() => file.next().map(readLine)),
    [Symbol.dispose]: () => file[Symbol.dispose](),
  };
}

/* The newest comes first. */
async function* lastOfPieces(
  pieces: readonly Piece[],
  { filter, limit }: Search,
): AsyncGenerator<LogLine, void, undefined> {
  const needed: Piece[] = [];
  let left = limit;
  for (const piece of left > 0 ? pieces : []) {
    needed.unshift(piece);
    const { count, isEnough } = await piece.seek({ filter, limit: left });
    left -= count;
    if (isEnough) break;
  }
  for (const piece of needed) yield* piece.lines(filter);
}

export function journalSource(): LogSource {
  const journal = new Journal();
  const read = async function* (lines: AsyncIterable<string>): AsyncGenerator<LogLine, void> {
    for await (const text of lines) yield readLine(text);
  };
  return {
    last: (search) => lastOf(read(journal.before()), search),
    next: () => read(journal.next()),
    [Symbol.dispose]: () => undefined,
  };
}

/* Read from the end, up to what is too old. Also where none is wanted: from here on is what comes next. */
async function* lastOf(
  before: AsyncIterable<LogLine> | Iterable<LogLine>,
  { filter, limit }: Search,
): AsyncGenerator<LogLine, void, undefined> {
  const found: LogLine[] = [];
  for await (const line of before) {
    if (found.length >= limit || isTooOld(line, filter)) break;
    if (isWanted(line, filter)) found.push(line);
  }
  yield* found.reverse();
}

/** `message`: only what is about it is read of what was there; null = all. */
export function spoolSource(
  db: Database,
  options: { readonly message: number | null; readonly isMasked: boolean },
): LogSource {
  const { message, isMasked } = options;
  let seq = lastSeqOf(db);
  const before = function* (): Generator<LogLine, void> {
    for (const event of eventsBefore(db, message)) {
      if (event.seq <= seq) yield lineOf(event, isMasked);
    }
  };
  return {
    last: (search) => lastOf(before(), search),
    next: () =>
      polled(() => {
        const events = eventsAfter(db, seq);
        seq = events.at(-1)?.seq ?? seq;
        return events.map((event) => lineOf(event, isMasked));
      }),
    [Symbol.dispose]: () => undefined,
  };
}

async function* polled(read: () => readonly LogLine[]): AsyncGenerator<LogLine, void, undefined> {
  for (;;) {
    const lines = read();
    yield* lines;
    if (lines.length === 0) await sleep(POLL_MS);
  }
}
