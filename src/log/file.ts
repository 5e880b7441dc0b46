/**
 * Reads a log file from its end and follows it by its name. A file that was renamed is read to its end, and then the
 * new file of that name. A file that was cut short is read from its beginning.
 *
 * Always holds: only whole lines are given; a rotation that renames loses no line; memory holds a chunk and one line.
 */
import { closeSync, constants, fstatSync, openSync, statSync } from 'node:fs';
import { codeOf } from '../core/error-code.ts';
import { backwards, endOfLastLine, forwards, LineReader, readAt } from './bytes.ts';
import { isTooOld, isWanted, readLine, type LogLine, type Search } from './line.ts';

export class LogFile implements Disposable {
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

  /** The wanted lines that were there when it was opened, in order; to be read before the first `next`. */
  *last(search: Search): Generator<LogLine, void, undefined> {
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
    /* Once there is something in the new file, nobody writes to the old one any more. */
    if ((found.ino !== ino || found.dev !== dev) && found.size > 0) {
      const fd = openIfThere(this.#path);
      if (fd === null) return lines;
      const last = this.#read();
      this.#turnTo(fd);
      return [...lines, ...last, ...this.#read()];
    }
    if (found.ino === ino && found.size < this.#position) this.#rewind();
    return lines;
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd);
  }

  /* Where the first line begins that is wanted, found from the end. */
  #startOf({ filter, limit }: Search): number {
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

  #turnTo(fd: number): void {
    closeSync(this.#fd);
    this.#fd = fd;
    this.#rewind();
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

/* A named pipe would be waited for until somebody writes to it. */
function openUnlessPipe(path: string): number {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  if (!fstatSync(fd).isFIFO()) return fd;
  closeSync(fd);
  throw new Error(`${path} is a named pipe, not a file: cat ${path} | sms-spoold log -`);
}
