/**
 * Writes lines of the status log to one place: a file, or a descriptor such as standard output. A place that takes no
 * lines (a reader that stalls, a full disk) never holds up the daemon: lines wait here up to a bound in bytes, later
 * ones are counted, and a line that says what is missing is written when the place takes lines again.
 *
 * Always holds: a line is written whole or not at all; lines keep their order; no write blocks on a pipe, a FIFO, a
 * terminal or a socket. A write to a regular file is synchronous.
 */
import { closeSync, constants, fstatSync, openSync, statSync, writeSync } from 'node:fs';
import { Socket } from 'node:net';
import { dirname } from 'node:path';
import { codeOf } from '../core/text/error-code.ts';

/** Bytes that wait for one place. */
const WAITING_MAX = 4 * 1024 * 1024;
/** How often a place that took no lines is tried again, besides each time there are new lines. */
const RETRY_MS = 100;
/** The same where the reader is gone. */
const RETRY_GONE_MS = 1_000;
/** A write that finds no room is not tried again sooner: it costs as much as a message. */
const TRY_EVERY_MS = 20;
/** A place that has taken no line for this time is reported. */
const STALLED_AFTER_MS = 5_000;
const LOOK_EVERY_MS = 10;
const OTHERS_WRITE = 0o022;

/** Lines that are written together. */
export interface LogChunk {
  /** Whole lines, each with its line break. */
  readonly bytes: Buffer;
  readonly lines: number;
  /** Rows of `events` that they stand for; null = none. */
  readonly firstSeq: number | null;
  readonly lastSeq: number | null;
}

/** What was not written. */
export type Gap = Omit<LogChunk, 'bytes'>;

export interface SinkParts {
  /** For people: "standard output", or the file's path. */
  readonly name: string;
  /** A descriptor to write to, non-blocking where that is possible. Throws an error of the system. */
  readonly open: () => number;
  /** The line that stands in the place of the missing ones. */
  readonly lineOf: (gap: Gap) => Buffer;
  /** Lines cannot be written for now. May be called often. */
  readonly onTrouble: (name: string, error: Error) => void;
}

export class LogSink {
  readonly #parts: SinkParts;
  #fd: number | null;
  #waiting: LogChunk[] = [];
  #waitingBytes = 0;
  /** Bytes of the first chunk that are written. */
  #offset = 0;
  #gap: Gap | null = null;
  #stalledSinceMs: number | null = null;
  #isStalled = false;
  /** The reader is gone: what it did not read is nobody's. */
  #isGone = false;
  #timer: NodeJS.Timeout | null = null;
  #tryAtMs = -Infinity;

  /** Throws when the place cannot be opened; a FIFO that nobody reads yet is opened later. */
  constructor(parts: SinkParts) {
    this.#parts = parts;
    this.#fd = this.#opened();
  }

  get name(): string {
    return this.#parts.name;
  }

  /** Whether lines wait for the place to take them, or are missing and that is not written yet. */
  get isBehind(): boolean {
    return !this.#isGone && (this.#waiting.length > 0 || this.#gap !== null);
  }

  /** Whether the place takes no lines, and that was reported. */
  get isStalled(): boolean {
    return this.#isStalled && !this.#isGone;
  }

  write(chunk: LogChunk): void {
    if (this.#waiting.length > 0 || this.#gap !== null) this.#pumpAgain();
    const isFull = this.#waitingBytes + chunk.bytes.length > WAITING_MAX;
    if (this.#gap !== null || (isFull && this.#waiting.length > 0)) {
      this.#miss(chunk);
      return;
    }
    this.#push(chunk);
    if (this.#waiting.length === 1) this.#pump();
  }

  /** Opens the place again: the file was renamed. Throws when it cannot, and goes on with the open one. */
  reopen(): void {
    const fd = this.#opened();
    this.#release();
    this.#fd = fd;
    this.#offset = 0;
    this.#pump();
  }

  /** Resolves when everything is written, or when the time is up. */
  async drain(limitMs: number): Promise<void> {
    const endsAtMs = performance.now() + limitMs;
    this.#pump();
    while (this.isBehind && performance.now() < endsAtMs) {
      await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
      this.#pump();
    }
  }

  /** Gives up what waits. */
  close(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#release();
  }

  #release(): void {
    /* Standard output and error stay open for whoever else uses them. */
    if (this.#fd !== null && this.#fd > 2) closeSync(this.#fd);
    this.#fd = null;
  }

  #opened(): number | null {
    try {
      return this.#parts.open();
    } catch (error) {
      if (codeOf(error) === 'ENXIO') return null;
      throw error;
    }
  }

  #push(chunk: LogChunk): void {
    this.#waiting.push(chunk);
    this.#waitingBytes += chunk.bytes.length;
  }

  #miss({ lines, firstSeq, lastSeq }: Gap): void {
    this.#gap = {
      lines: (this.#gap?.lines ?? 0) + lines,
      firstSeq: this.#gap?.firstSeq ?? firstSeq,
      lastSeq: lastSeq ?? this.#gap?.lastSeq ?? null,
    };
  }

  /* Writes as much as the place takes. */
  #pump(): void {
    for (let chunk = this.#next(); chunk !== undefined; chunk = this.#next()) {
      try {
        this.#fd ??= this.#parts.open();
        this.#offset += writeSync(this.#fd, chunk.bytes, this.#offset);
      } catch (error) {
        this.#failed(error);
        return;
      }
      this.#isGone = false;
      this.#stalledSinceMs = null;
      this.#isStalled = false;
      if (this.#offset < chunk.bytes.length) continue;
      this.#waiting.shift();
      this.#waitingBytes -= chunk.bytes.length;
      this.#offset = 0;
    }
  }

  #pumpAgain(): void {
    if (performance.now() >= this.#tryAtMs) this.#pump();
  }

  #next(): LogChunk | undefined {
    if (this.#waiting.length === 0 && this.#gap !== null) {
      this.#push({ ...this.#gap, bytes: this.#parts.lineOf(this.#gap) });
      this.#gap = null;
    }
    return this.#waiting[0];
  }

  #failed(error: unknown): void {
    const nowMs = performance.now();
    this.#stalledSinceMs ??= nowMs;
    const code = codeOf(error);
    this.#retryIn(code === 'EPIPE' ? RETRY_GONE_MS : RETRY_MS);
    if (code === 'EPIPE' || code === 'EAGAIN') this.#tryAtMs = nowMs + TRY_EVERY_MS;
    if (code === 'EPIPE') this.#gone();
    else if (code !== 'EAGAIN' && code !== 'ENXIO') this.#report(error);
    else if (nowMs - this.#stalledSinceMs >= STALLED_AFTER_MS) {
      this.#report(new Error('it takes no lines', { cause: error }));
    }
  }

  #retryIn(waitMs: number): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = null;
      this.#pump();
    }, waitMs).unref();
  }

  #gone(): void {
    this.#isGone = true;
    for (const chunk of this.#waiting) this.#miss(chunk);
    this.#waiting = [];
    this.#waitingBytes = 0;
    this.#offset = 0;
  }

  #report(error: unknown): void {
    this.#isStalled = true;
    this.#parts.onTrouble(this.name, error instanceof Error ? error : new Error(String(error)));
  }
}

/**
 * Opens a file to append to. Throws errors of the system. In a folder that others may write to, these say that
 * somebody else chose the file: ELOOP and EMLINK = a link, symbolic or hard; EOWNER = it belongs to another user.
 */
export function openLogFile(path: string): number {
  const { O_APPEND, O_CREAT, O_NOFOLLOW, O_NONBLOCK, O_NOCTTY, O_WRONLY } = constants;
  const isShared = (statSync(dirname(path)).mode & OTHERS_WRITE) !== 0;
  const flags = O_APPEND | O_CREAT | O_NONBLOCK | O_NOCTTY | O_WRONLY;
  const fd = openSync(path, isShared ? flags | O_NOFOLLOW : flags, 0o640);
  const code = isShared ? chosenByOthers(fd) : null;
  if (code === null) return fd;
  closeSync(fd);
  const message = `${path} ${code === 'EMLINK' ? 'has a second name' : 'belongs to another user'}`;
  throw Object.assign(new Error(message), { code, syscall: 'open' });
}

/* The owner of a file can read, cut and forge what the daemon writes to it. */
function chosenByOthers(fd: number): 'EMLINK' | 'EOWNER' | null {
  const { nlink, uid } = fstatSync(fd);
  if (nlink !== 1) return 'EMLINK';
  return uid === 0 || uid === process.geteuid?.() ? null : 'EOWNER';
}

/**
 * A descriptor to write where `fd` leads, such that a write never waits for a reader. A pipe, a FIFO and a terminal
 * are opened again: the flag O_NONBLOCK belongs to the open file, which other programs may share.
 */
export function openUnblocked(fd: number): number {
  const stat = fstatSync(fd);
  if (stat.isFIFO() || stat.isCharacterDevice()) {
    try {
      const { O_NONBLOCK, O_NOCTTY, O_WRONLY } = constants;
      return openSync(`/proc/self/fd/${fd}`, O_NONBLOCK | O_NOCTTY | O_WRONLY);
    } catch {
      /* Another user's, or nobody reads it, or there is no /proc. A terminal is then written to as it is. */
      if (stat.isCharacterDevice()) return fd;
    }
  }
  if (stat.isFIFO() || stat.isSocket()) unblock(fd);
  return fd;
}

/* Node makes the descriptor of a stream non-blocking; nothing is read or written through this one. */
function unblock(fd: number): void {
  new Socket({ fd, readable: false, writable: true }).unref();
}
