/**
 * Reads a log file from its end and follows it by its name. A file that was renamed is read to its end, and then the
 * new file of that name. A file that was truncated is read from its beginning.
 *
 * Always holds: only whole lines are returned; a rotation that renames loses no line; memory holds a chunk and one line.
 */
import { closeSync, constants, fstatSync, openSync, readSync, statSync } from 'node:fs';
import { codeOf } from '../../core/text/error-code.ts';
import { isTooOld, isWanted, readLine, type LogLine, type LogSearch } from './log-line.ts';

export class FollowedFile implements Disposable {
  readonly #path: string;
  #fd: number;
  /** How far it was read. */
  #position: number;
  #lines = new LineReader();

  /** Throws when it cannot be opened. `last` reads up to its end of now, `next` from there on. */
  constructor(path: string) {
    this.#path = path;
    this.#fd = openUnlessPipe(path);
    this.#position = endOfLastLine(this.#fd);
  }

  /** The wanted lines that existed when it was opened, in order; to be read before the first `next`. */
  *last(search: LogSearch): Generator<LogLine, void, undefined> {
    const end = this.#position;
    for (const text of forwards(this.#fd, this.#startOf(search), end)) {
      const line = readLine(text);
      if (isWanted(line, search.filter)) yield line;
    }
  }

  /** Whole lines that were written since the last call, in their order. */
  next(): readonly string[] {
    const lines = this.#read();
    const found = statSync(this.#path, { throwIfNoEntry: false });
    if (found === undefined) return lines;
    const { ino, dev } = fstatSync(this.#fd);
    /* Once the new file has content, no program writes to the old one any more. */
    if ((found.ino !== ino || found.dev !== dev) && found.size > 0) {
      const fd = openIfThere(this.#path);
      if (fd === null) return lines;
      const last = this.#read();
      closeSync(this.#fd);
      this.#fd = fd;
      this.#rewind();
      return [...lines, ...last, ...this.#read()];
    }
    if (found.ino === ino && found.size < this.#position) this.#rewind();
    return lines;
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd);
  }

  /* Where the first line begins that is wanted, found from the end. */
  #startOf({ filter, limit }: LogSearch): number {
    if (limit === Infinity && filter.since === null) return 0;
    let start = this.#position;
    let count = 0;
    for (const { text, at } of backwards(this.#fd, start)) {
      const line = readLine(text);
      if (count >= limit || isTooOld(line, filter)) break;
      start = at;
      if (isWanted(line, filter)) count += 1;
    }
    return start;
  }

  #rewind(): void {
    this.#position = 0;
    this.#lines = new LineReader();
  }

  #read(): readonly string[] {
    const lines: string[] = [];
    for (;;) {
      const bytes = readAt(this.#fd, this.#position);
      if (bytes.length === 0) return lines;
      this.#position += bytes.length;
      lines.push(...this.#lines.take(bytes));
    }
  }
}

/* Null = it was renamed or removed after it was found. */
function openIfThere(path: string): number | null {
  try {
    return openUnlessPipe(path);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return null;
    throw error;
  }
}

/* Reading a named pipe would wait for a writer. */
function openUnlessPipe(path: string): number {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  if (!fstatSync(fd).isFIFO()) return fd;
  closeSync(fd);
  throw new Error(`${path} is a named pipe, not a file: cat ${path} | sms-spoold log -`);
}

const CHUNK = 65_536;
const NEWLINE = 0x0a;

/** A line and where it begins. */
interface PlacedLine {
  readonly text: string;
  readonly at: number;
}

/* At most `length` bytes from `position` on; empty = the file ends before. */
function readAt(fd: number, position: number, length = CHUNK): Buffer {
  const buffer = Buffer.alloc(length);
  return buffer.subarray(0, readSync(fd, buffer, 0, length, position));
}

/** Where the last whole line ends. */
export function endOfLastLine(fd: number): number {
  for (let end = fstatSync(fd).size; end > 0;) {
    const start = Math.max(0, end - CHUNK);
    const at = readAt(fd, start, end - start).lastIndexOf(NEWLINE);
    if (at >= 0) return start + at + 1;
    end = start;
  }
  return 0;
}

/** The lines before `end`, where a line must end; the last one first. */
export function* backwards(fd: number, end: number): Generator<PlacedLine, void, undefined> {
  let rest: Buffer = Buffer.alloc(0);
  for (let to = end; to > 0;) {
    const from = Math.max(0, to - CHUNK);
    const bytes = Buffer.concat([readAt(fd, from, to - from), rest]);
    /* Where the first whole line begins; 0 = there is none, or the file begins here. */
    const first = from === 0 ? 0 : bytes.indexOf(NEWLINE) + 1;
    const isWhole = from === 0 || first > 0;
    if (isWhole) yield* linesBack(bytes, first, from);
    rest = isWhole ? bytes.subarray(0, first) : bytes;
    to = from;
  }
}

function* linesBack(bytes: Buffer, first: number, from: number): Generator<PlacedLine, void> {
  for (let end = bytes.length; end > first;) {
    const before = end < 2 ? -1 : bytes.lastIndexOf(NEWLINE, end - 2);
    const start = Math.max(first, before + 1);
    const text = bytes.toString('utf8', start, end - 1);
    if (text !== '') yield { text, at: from + start };
    end = start;
  }
}

/** The lines from `start` to `end`, or to where the file was truncated meanwhile. */
export function* forwards(
  fd: number,
  start: number,
  end: number,
): Generator<string, void, undefined> {
  const lines = new LineReader();
  for (let at = start; at < end;) {
    const bytes = readAt(fd, at, Math.min(CHUNK, end - at));
    if (bytes.length === 0) return;
    at += bytes.length;
    yield* lines.take(bytes);
  }
}

/** Splits a stream of bytes into lines. */
export class LineReader {
  #rest: Buffer = Buffer.alloc(0);

  /** The lines that these bytes complete. */
  take(bytes: Buffer): readonly string[] {
    const all = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes]);
    const end = all.lastIndexOf(NEWLINE) + 1;
    this.#rest = all.subarray(end);
    const lines = all.toString('utf8', 0, end).split('\n');
    return lines.filter((line) => line !== '');
  }

  /** The text after the last line break. */
  get rest(): string {
    return this.#rest.toString('utf8');
  }
}
