/**
 * Reads the whole lines of an open file, from a place on or back from one. Memory holds a chunk and one line, however
 * long the file is. Half a line at the end is left out.
 */
import { fstatSync, readSync } from 'node:fs';

const CHUNK = 65_536;
const NEWLINE = 0x0a;

/** A line and where it begins. */
export interface PlacedLine {
  readonly text: string;
  readonly at: number;
}

/** What is there of `length` bytes from `position` on; empty = the file ends before. */
export function readAt(fd: number, position: number, length = CHUNK): Buffer {
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

/** The lines before `end`, which is where one ends; the last one first. */
export function* backwards(fd: number, end: number): Generator<PlacedLine, void, undefined> {
  let rest: Buffer = Buffer.alloc(0);
  for (let to = end; to > 0;) {
    const from = Math.max(0, to - CHUNK);
    const bytes = Buffer.concat([readAt(fd, from, to - from), rest]);
    /* Where the first line begins that is whole; all is the end of one where there is none. */
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

/** The lines from `start` on, up to `end`, or to where the file was cut short meanwhile. */
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

/** Makes lines of bytes as they come. */
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

  /** What came after the last line break; '' = nothing. */
  get rest(): string {
    return this.#rest.toString('utf8');
  }
}
