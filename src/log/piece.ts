/**
 * The log in pieces, one a file. Of each it is first found out where what is wanted begins (from the newest to
 * the oldest, until there is enough), then it is read from there on (from the oldest to the newest). So nothing
 * is kept in memory but a line, and no file is read that is not needed.
 *
 * Always holds: what cannot be read is told of, once a piece, and ends it.
 */
import { closeSync } from 'node:fs';
import { Readable } from 'node:stream';
import { createGunzip, createZstdDecompress } from 'node:zlib';
import { backwards, chunksOf, forwards, LineReader } from './bytes.ts';
import { instantOf, isTooOld, isWanted, readLine, type LogFilter, type LogLine } from './line.ts';

/** So many of the last lines that are wanted; Infinity = all. */
export interface Search {
  readonly filter: LogFilter;
  readonly limit: number;
}

/** How far back a piece reaches. */
export interface Found {
  /** Wanted lines from the beginning that was found, where `limit` is one; else perhaps fewer than there are. */
  readonly count: number;
  /** Whether nothing older is needed. */
  readonly isEnough: boolean;
}

/** Told why a file is not read, or not to its end. */
export type OnTrouble = (name: string, error: unknown) => void;

export interface Piece extends Disposable {
  /** Finds where to begin. */
  readonly seek: (search: Search) => Promise<Found> | Found;
  /** What is wanted from there on, in order. */
  readonly lines: (filter: LogFilter) => AsyncIterable<LogLine> | Iterable<LogLine>;
}

/** An open file. */
export interface PieceFile {
  readonly name: string;
  readonly fd: number;
}

/** A file as it was written: it can be read back from its end. */
export class PlainPiece implements Piece {
  readonly #file: PieceFile;
  readonly #end: number;
  readonly #onTrouble: OnTrouble;
  #start = 0;

  /** Up to `end`, which is where a line ends. */
  constructor(file: PieceFile, end: number, onTrouble: OnTrouble) {
    this.#file = file;
    this.#end = end;
    this.#onTrouble = onTrouble;
  }

  seek({ filter, limit }: Search): Found {
    this.#start = 0;
    if (limit === Infinity && filter.since === null) return { count: 0, isEnough: false };
    let count = 0;
    this.#start = this.#end;
    for (const { text, at } of backwards(this.#file.fd, this.#end)) {
      const line = readLine(text);
      if (count >= limit || isTooOld(line, filter)) return { count, isEnough: true };
      this.#start = at;
      if (isWanted(line, filter)) count += 1;
    }
    return { count, isEnough: count >= limit };
  }

  *lines(filter: LogFilter): Generator<LogLine, void, undefined> {
    try {
      for (const text of forwards(this.#file.fd, this.#start, this.#end)) {
        const line = readLine(text);
        if (isWanted(line, filter)) yield line;
      }
    } catch (error) {
      this.#onTrouble(this.#file.name, error);
    }
  }

  [Symbol.dispose](): void {
    closeSync(this.#file.fd);
  }
}

/** How a name ends that is compressed → what makes it readable. */
const UNPACK = { '.gz': createGunzip, '.zst': createZstdDecompress } as const;
type Packing = keyof typeof UNPACK;

export function isPacking(end: string): end is Packing {
  return Object.hasOwn(UNPACK, end);
}

/** A compressed file: it can be read from its beginning alone. */
export class PackedPiece implements Piece {
  readonly #file: PieceFile;
  readonly #packing: Packing;
  readonly #onTrouble: OnTrouble;
  #isTroubled = false;
  /** Wanted lines that are passed over. */
  #skip = 0;

  constructor(file: PieceFile, packing: Packing, onTrouble: OnTrouble) {
    this.#file = file;
    this.#packing = packing;
    this.#onTrouble = onTrouble;
  }

  async seek({ filter, limit }: Search): Promise<Found> {
    let count = 0;
    let isEnough: boolean | null = filter.since === null ? false : null;
    for await (const line of this.#all()) {
      /* The first line that has a date tells how far the file goes back. */
      if (isEnough === null && instantOf(line) !== null) isEnough = isTooOld(line, filter);
      if (limit === Infinity && isEnough !== null) break;
      if (isWanted(line, filter)) count += 1;
    }
    this.#skip = Math.max(0, count - limit);
    return { count: Math.min(count, limit), isEnough: isEnough === true || count >= limit };
  }

  async *lines(filter: LogFilter): AsyncGenerator<LogLine, void, undefined> {
    let passed = 0;
    for await (const line of this.#all()) {
      if (!isWanted(line, filter)) continue;
      passed += 1;
      if (passed > this.#skip) yield line;
    }
  }

  [Symbol.dispose](): void {
    closeSync(this.#file.fd);
  }

  async *#all(): AsyncGenerator<LogLine, void, undefined> {
    const { fd, name } = this.#file;
    const packed = Readable.from(chunksOf(fd), { objectMode: false });
    const unpack = UNPACK[this.#packing]();
    packed.on('error', (error) => unpack.destroy(error));
    const reader = new LineReader();
    try {
      for await (const bytes of packed.pipe(unpack) as AsyncIterable<Buffer>) {
        for (const text of reader.take(bytes)) yield readLine(text);
      }
    } catch (error) {
      if (!this.#isTroubled) this.#onTrouble(name, error);
      this.#isTroubled = true;
    } finally {
      packed.destroy();
    }
  }
}

/** A file that cannot be read; said only where its lines are needed. */
export class UnreadablePiece implements Piece {
  readonly #name: string;
  readonly #why: unknown;
  readonly #onTrouble: OnTrouble;

  constructor(name: string, why: unknown, onTrouble: OnTrouble) {
    this.#name = name;
    this.#why = why;
    this.#onTrouble = onTrouble;
  }

  seek(): Found {
    this.#onTrouble(this.#name, this.#why);
    return { count: 0, isEnough: false };
  }

  lines(): Iterable<LogLine> {
    return [];
  }

  [Symbol.dispose](): void {
    /* It was never open. */
  }
}
