/**
 * The log file as it is followed, by its name: a file that was renamed is read to its end, and then the one
 * that has its name; one that was cut short is read from its beginning.
 *
 * Always holds: only whole lines are given; no line is left out by a rotation that renames.
 */
import { closeSync, constants, fstatSync, openSync, statSync, type Stats } from 'node:fs';
import { codeOf } from '../core/error-code.ts';
import { endOfLastLine, LineReader, readAt } from './bytes.ts';

export class LogFile implements Disposable {
  readonly #path: string;
  #fd: number;
  /** How far it was read. */
  #position: number;
  #lines = new LineReader();

  /**
   * Throws when it cannot be opened. `opened`: the file that had the name, where none has it now. What is there
   * is for others to read, what comes later for `next`.
   */
  constructor(path: string, opened = path) {
    this.#path = path;
    this.#fd = openUnlessPipe(opened);
    this.#position = endOfLastLine(this.#fd);
  }

  /** The open file, and where its last whole line ends or it was read to. */
  get place(): { readonly fd: number; readonly end: number } {
    return { fd: this.#fd, end: this.#position };
  }

  get stats(): Stats {
    return fstatSync(this.#fd);
  }

  /** Whether less is there than was. */
  get isCut(): boolean {
    return this.stats.size < this.#position;
  }

  /** Whole lines that were written since the last call, in their order. */
  next(): readonly string[] {
    const lines = this.#read();
    const found = statSync(this.#path, { throwIfNoEntry: false });
    if (found === undefined) return lines;
    const { ino, dev } = this.stats;
    /* Whoever writes has left the old file for good once there is something in the new one. */
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
  throw new Error(`${path} is a named pipe, not a file`);
}
