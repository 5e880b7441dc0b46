/**
 * A log file, read from its end and followed by its name: a file that was renamed is read to its end, and then
 * the one that has its name; one that was cut short is read from its beginning.
 *
 * Always holds: only whole lines are given; no line is left out by a rotation that renames.
 */
import { closeSync, fstatSync, openSync, readSync, statSync } from 'node:fs';

const CHUNK = 65_536;
const NEWLINE = 0x0a;

export class LogFile implements Disposable {
  readonly #path: string;
  #fd: number;
  /** How far it was read. */
  #position: number;
  #rest: Buffer = Buffer.alloc(0);

  /** Throws when it cannot be opened. What is there now is for `before`, what comes later for `next`. */
  constructor(path: string) {
    this.#path = path;
    this.#fd = openSync(path, 'r');
    this.#position = endOfLastLine(this.#fd);
  }

  /** The lines that were there when it was opened, the last one first. */
  *before(): Generator<string, void, undefined> {
    let rest: Buffer = Buffer.alloc(0);
    for (let end = this.#position; end > 0;) {
      const start = Math.max(0, end - CHUNK);
      const chunk = Buffer.concat([readAt(this.#fd, start, end - start), rest]);
      const lines = start === 0 ? 0 : chunk.indexOf(NEWLINE) + 1;
      rest = lines === 0 && start > 0 ? chunk : chunk.subarray(0, lines);
      const whole = lines === 0 && start > 0 ? [] : linesOf(chunk.subarray(lines));
      yield* whole.reverse();
      end = start;
    }
  }

  /** Whole lines that were written since the last call, in their order. */
  next(): readonly string[] {
    const lines = this.#read();
    const found = statSync(this.#path, { throwIfNoEntry: false });
    if (found === undefined) return lines;
    const { ino, dev } = fstatSync(this.#fd);
    /* Whoever writes has left the old file for good once there is something in the new one. */
    if ((found.ino !== ino || found.dev !== dev) && found.size > 0) {
      const last = this.#read();
      this.#turnTo(openSync(this.#path, 'r'));
      return [...lines, ...last, ...this.#read()];
    }
    if (found.ino === ino && found.size < this.#position) {
      this.#position = 0;
      this.#rest = Buffer.alloc(0);
    }
    return lines;
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd);
  }

  #turnTo(fd: number): void {
    closeSync(this.#fd);
    this.#fd = fd;
    this.#position = 0;
    this.#rest = Buffer.alloc(0);
  }

  #read(): readonly string[] {
    const lines: string[] = [];
    for (;;) {
      const chunk = readAt(this.#fd, this.#position, CHUNK);
      if (chunk.length === 0) return lines;
      this.#position += chunk.length;
      const all = Buffer.concat([this.#rest, chunk]);
      const end = all.lastIndexOf(NEWLINE) + 1;
      lines.push(...linesOf(all.subarray(0, end)));
      this.#rest = all.subarray(end);
    }
  }
}

function readAt(fd: number, position: number, length: number): Buffer {
  const buffer = Buffer.alloc(length);
  return buffer.subarray(0, readSync(fd, buffer, 0, length, position));
}

/* Half a line is the beginning of the next one. */
function endOfLastLine(fd: number): number {
  for (let end = fstatSync(fd).size; end > 0;) {
    const start = Math.max(0, end - CHUNK);
    const at = readAt(fd, start, end - start).lastIndexOf(NEWLINE);
    if (at >= 0) return start + at + 1;
    end = start;
  }
  return 0;
}

function linesOf(bytes: Buffer): string[] {
  return bytes
    .toString('utf8')
    .split('\n')
    .filter((line) => line !== '');
}
