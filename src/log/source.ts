/**
 * Where lines are read from: what is there, the last one first, and what comes after it. Polled where nobody
 * tells that there is news.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { eventsAfter, eventsBefore, lastSeqOf } from '../spool/history.ts';
import type { Database } from '../spool/open.ts';
import { LogFile } from './file.ts';
import { Journal } from './journal.ts';
import { readLine, type LogLine } from './line.ts';
import { lineOf } from './spool.ts';

/** How late a line may be seen. */
const POLL_MS = 200;

export interface LogSource {
  /** What was there when this was asked first, the last line first. */
  readonly before: () => AsyncIterable<LogLine> | Iterable<LogLine>;
  /** What comes after that, for ever. */
  readonly next: () => AsyncIterable<LogLine>;
}

/** A file, followed by its name. Throws when it cannot be opened. */
export function fileSource(path: string): LogSource {
  const file = new LogFile(path);
  return {
    before: function* () {
      for (const text of file.before()) yield readLine(text);
    },
    next: () => polled(() => file.next().map(readLine)),
  };
}

export function journalSource(): LogSource {
  const journal = new Journal();
  const read = async function* (lines: AsyncIterable<string>): AsyncGenerator<LogLine, void> {
    for await (const text of lines) yield readLine(text);
  };
  return { before: () => read(journal.before()), next: () => read(journal.next()) };
}

/** `message`: only what is about it is read of what was there; null = all. */
export function spoolSource(
  db: Database,
  options: { readonly message: number | null; readonly isMasked: boolean },
): LogSource {
  const { message, isMasked } = options;
  let seq = lastSeqOf(db);
  return {
    before: function* () {
      for (const event of eventsBefore(db, message)) {
        if (event.seq <= seq) yield lineOf(event, isMasked);
      }
    },
    next: () =>
      polled(() => {
        const events = eventsAfter(db, seq);
        seq = events.at(-1)?.seq ?? seq;
        return events.map((event) => lineOf(event, isMasked));
      }),
  };
}

async function* polled(read: () => readonly LogLine[]): AsyncGenerator<LogLine, void, undefined> {
  for (;;) {
    const lines = read();
    yield* lines;
    if (lines.length === 0) await sleep(POLL_MS);
  }
}
