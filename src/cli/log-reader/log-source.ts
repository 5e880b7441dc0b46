/**
 * Reads lines of the status log from a file, standard input or the spool: first the existing lines, then later ones.
 * Polls files and the spool.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import {
  eventsAfter,
  eventsBefore,
  lastSeqOf,
  type UnloggedEvent,
} from '../../spool/write/event-log.ts';
import type { Database } from '../../spool/file/open.ts';
import { FollowedFile, LineReader } from './log-file.ts';
import { isTooOld, isWanted, readLine, type LogLine, type LogSearch } from './log-line.ts';
import { fieldsOf } from '../../log/event-lines.ts';
import { writtenLate } from '../../log/replayed-events.ts';

const POLL_MS = 200;

export interface LogSource extends Disposable {
  /** The existing lines that are wanted, in their order; to be called once, before `next`. */
  readonly last: (search: LogSearch) => AsyncIterable<LogLine> | Iterable<LogLine>;
  /** Later lines; never ends where more can come. */
  readonly next: () => AsyncIterable<LogLine> | Iterable<LogLine>;
}

/** A file, followed by its name. Throws when it cannot be opened. */
export function fileSource(path: string): LogSource {
  const file = new FollowedFile(path);
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

async function* lastOfInput({
  filter,
  limit,
}: LogSearch): AsyncGenerator<LogLine, void, undefined> {
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

/** The wanted of lines that are read from the end. Reads one even if none is wanted: `next` starts after it. */
export async function* lastOf(
  before: AsyncIterable<LogLine> | Iterable<LogLine>,
  { filter, limit }: LogSearch,
): AsyncGenerator<LogLine, void, undefined> {
  const found: LogLine[] = [];
  for await (const line of before) {
    if (found.length >= limit || isTooOld(line, filter)) break;
    if (isWanted(line, filter)) found.push(line);
  }
  yield* found.reverse();
}

/** `message`: of the existing events only those of this message are read; null = all. */
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

function lineOf(event: UnloggedEvent, isMasked: boolean): LogLine {
  const line = writtenLate(event);
  const { at: time, ...rest } = fieldsOf(line, event.seq, isMasked);
  const all = { level: line.level, time, ...rest };
  const fields = Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
  return { fields, text: JSON.stringify(fields) };
}
