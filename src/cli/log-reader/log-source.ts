/**
 * Reads lines of the status log from a file, standard input, the journal or the spool: first those that are there, then
 * those that come later. Files and the spool are polled.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import {
  eventsAfter,
  eventsBefore,
  lastSeqOf,
  type UnloggedEvent,
} from '../../spool/write/event-log.ts';
import type { Database } from '../../spool/file/open.ts';
import { LineReader, LogFile } from './log-file.ts';
import { Journal } from './journal-log.ts';
import { isTooOld, isWanted, readLine, type LogLine, type Search } from './log-line.ts';
import { fieldsOf } from '../../log/event-lines.ts';
import { writtenLate } from '../../log/replayed-events.ts';

/** How late a line may be seen. */
const POLL_MS = 200;

export interface LogSource extends Disposable {
  /** What was there and is wanted, in its order; to be asked once, before `next`. */
  readonly last: (search: Search) => AsyncIterable<LogLine> | Iterable<LogLine>;
  /** What comes after that, without an end where more can come. */
  readonly next: () => AsyncIterable<LogLine> | Iterable<LogLine>;
}

/** A file, followed by its name. Throws when it cannot be opened. */
export function fileSource(path: string): LogSource {
  const file = new LogFile(path);
  return {
    last: (search) => file.last(search),
    next: () => polled(() => file.next().map(readLine)),
    [Symbol.dispose]: () => file[Symbol.dispose](),
  };
}

/** Standard input, read once to its end; nothing comes after it. */
export function inputSource(): LogSource {
  return {
    last: lastOfInput,
    next: () => [],
    [Symbol.dispose]: () => undefined,
  };
}

async function* lastOfInput({ filter, limit }: Search): AsyncGenerator<LogLine, void, undefined> {
  const found: LogLine[] = [];
  for await (const text of linesOfInput()) {
    const line = readLine(text);
    if (!isWanted(line, filter)) continue;
    if (limit === Infinity) yield line;
    else if (found.push(line) > limit) found.shift();
  }
  yield* found;
}

async function* linesOfInput(): AsyncGenerator<string, void, undefined> {
  const lines = new LineReader();
  for await (const bytes of process.stdin as AsyncIterable<Buffer>) yield* lines.take(bytes);
  if (lines.rest !== '') yield lines.rest;
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
  let seq = lastSeqOf(db).get() ?? 0;
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

/** The line of an event. */
export function lineOf(event: UnloggedEvent, isMasked: boolean): LogLine {
  const line = writtenLate(event);
  const { at: time, ...rest } = fieldsOf(line, event.seq, isMasked);
  const all = { level: line.level, time, ...rest };
  const fields = Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
  return { fields, text: JSON.stringify(fields) };
}
