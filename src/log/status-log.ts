/**
 * Writes the status log: JSON lines by pino, to standard output and to a file, one write per commit and place. A place
 * that takes the lines has them when the call returns, so a crash loses no line; one that does not is left to its
 * `LogSink`, and the daemon goes on.
 *
 * Invisible characters never pass (they are escaped here, in one place, as JSON); recipients are masked here.
 * LineBuffer to the journal say their priority; the file's are JSON and nothing else.
 */
import pino, { type DestinationStream, type Logger } from 'pino';
import { codeOf } from '../core/text/error-code.ts';
import { escapeJson } from '../core/text/escape.ts';
import {
  levelOf,
  type LogLevel,
  type LevelOf,
  type LineEvent,
  type LineFields,
} from '../core/events/log-events.ts';
import { fieldsOf, type EventLine } from './event-lines.ts';
import { isJournalStream, priorityMark } from './journald.ts';
import { LogSink, openLogFile, openUnblocked, type LogChunk, type Gap } from './log-sink.ts';

/** Takes whole lines, each with its line break. */
export interface Output {
  write(lines: string): unknown;
}

/** What the configuration says of the log. */
export interface LogSettings {
  readonly level: LogLevel;
  readonly recipients: 'masked' | 'full';
  /** Null = standard output alone. */
  readonly file: string | null;
}

export interface StatusLogOptions extends LogSettings {
  /** Where "standard output" is; default descriptor 1. */
  readonly fd?: number;
  /** Takes the lines in the place of standard output. */
  readonly output?: Output;
}

/** How often a place that cannot be written is reported. */
const SAID_EVERY_MS = 60_000;

const IN_SHARED =
  'in a folder that others may write to; remove it, or name a file in another folder';
/** Codes of `openLogFile` → what is wrong with the file. */
const CHOSEN_BY_OTHERS: ReadonlyMap<unknown, string> = new Map([
  ['ELOOP', `is a link ${IN_SHARED}`],
  ['EMLINK', `is a link ${IN_SHARED}`],
  ['EOWNER', `belongs to another user ${IN_SHARED}`],
]);

export class StatusLog {
  readonly #lines: LineBuffer;
  /** Null = `#output` takes the lines. */
  readonly #stdout: LogSink | null;
  readonly #output: Output | null;
  #file: LogSink | null;
  #path: string | null;
  #isMasked: boolean;
  #saidAtMs = -Infinity;

  /** Throws when the file cannot be opened. */
  constructor(options: StatusLogOptions) {
    const { output = null, fd = 1 } = options;
    this.#isMasked = options.recipients === 'masked';
    this.#path = options.file;
    this.#lines = new LineBuffer(
      options.level,
      output === null && isJournalStream(fd, process.env),
    );
    this.#file = this.#opened(options.file);
    this.#output = output;
    this.#stdout =
      output === null
        ? this.#sink('standard output', () => openUnblocked(fd), this.#lines.isMarked)
        : null;
  }

  /** Writes the lines of committed events; `firstSeq` is the row of the first. */
  committed(entries: readonly EventLine[], firstSeq: number): void {
    for (const [index, entry] of entries.entries()) {
      this.#lines.add(entry.level, fieldsOf(entry, firstSeq + index, this.#isMasked));
    }
    this.#flush(firstSeq, firstSeq + entries.length - 1);
  }

  /** A line that stands for no row in `events`: the daemon itself. */
  say<E extends LineEvent>(event: E, fields: LineFields[E], level?: LevelOf<E>): void {
    this.#lines.say(event, fields, level);
    this.#flush(null, null);
  }

  /** Whether every line has left the process, or is named as missing by a line that has. */
  get isWritten(): boolean {
    return this.#sinks.every(({ isBehind }) => !isBehind);
  }

  /** Whether a place takes no lines, and has not for longer than a moment. */
  get isStalled(): boolean {
    return this.#sinks.some(({ isStalled }) => isStalled);
  }

  /** Waits for places that do not take what is left, at most this long. */
  async drain(limitMs: number): Promise<void> {
    await Promise.all(this.#sinks.map((sink) => sink.drain(limitMs)));
  }

  /** Opens the file again: logrotate has renamed it. Where that fails, the open one stays in use. */
  reopen(): void {
    try {
      this.#file?.reopen();
    } catch (error) {
      this.#sayUnwritten(this.#path ?? '', error);
    }
  }

  /** Opens another file to be adopted; the one that is open stays. Throws when it cannot be opened. */
  openFile(file: string | null): LogSink | null {
    return file === this.#path ? this.#file : this.#opened(file);
  }

  /** From now on so. `file` comes from `openFile`. */
  adopt(settings: LogSettings, file: LogSink | null): void {
    this.#lines.level = settings.level;
    this.#isMasked = settings.recipients === 'masked';
    this.#path = settings.file;
    if (file === this.#file) return;
    this.#file?.close();
    this.#file = file;
  }

  get #sinks(): readonly LogSink[] {
    return [this.#stdout, this.#file].filter((sink) => sink !== null);
  }

  #opened(file: string | null): LogSink | null {
    if (file === null) return null;
    try {
      return this.#sink(file, () => openLogFile(file), false);
    } catch (cause) {
      const code = codeOf(cause) ?? 'EIO';
      const why =
        CHOSEN_BY_OTHERS.get(code) ??
        'cannot be opened to append to; its folder must exist and be writable';
      const message = `log.file: ${file} ${why}`;
      throw Object.assign(new Error(message, { cause }), { code, syscall: 'open' });
    }
  }

  #sink(name: string, open: () => number, isMarked: boolean): LogSink {
    return new LogSink({
      ...{ name, open },
      lineOf: (gap) => this.#lines.gapLine(gap, name, isMarked),
      onTrouble: (place, error) => this.#sayUnwritten(place, error),
    });
  }

  /* The place keeps the lines and tries again; the other one says so. */
  #sayUnwritten(place: string, error: unknown): void {
    const nowMs = performance.now();
    if (nowMs - this.#saidAtMs < SAID_EVERY_MS) return;
    this.#saidAtMs = nowMs;
    const why = error instanceof Error ? error.message : String(error);
    this.#lines.say('daemon.log-unwritten', {
      place,
      error: why,
      remedy: 'make room there, or end what holds up its reader; sending goes on, and lines wait',
    });
    this.#flush(null, null, place);
  }

  #flush(firstSeq: number | null, lastSeq: number | null, except: string | null = null): void {
    const { text, marked, count } = this.#lines.take();
    if (count === 0) return;
    const chunk: LogChunk = { bytes: Buffer.from(text), lines: count, firstSeq, lastSeq };
    this.#output?.write(text);
    for (const sink of this.#sinks) {
      if (sink.name === except) continue;
      const isMarked = sink === this.#stdout && marked !== text;
      sink.write(isMarked ? { ...chunk, bytes: Buffer.from(marked) } : chunk);
    }
  }
}

/** LineBuffer gather here until they are written, all at once. */
class LineBuffer {
  /** Whether they say their priority to the journal. */
  readonly isMarked: boolean;
  readonly #logger: Logger;
  #text = '';
  #marked = '';
  #count = 0;

  constructor(level: LogLevel, isMarked: boolean) {
    this.isMarked = isMarked;
    this.#logger = pino(
      {
        level,
        base: null,
        timestamp: isoTime,
        formatters: { level: (label) => ({ level: label }) },
        serializers: {},
      },
      this.#gathering(),
    );
  }

  set level(level: LogLevel) {
    this.#logger.level = level;
  }

  add(level: LogLevel, fields: Readonly<Record<string, unknown>>): void {
    this.#logger[level](fields);
  }

  say<E extends LineEvent>(event: E, fields: LineFields[E], level?: LevelOf<E>): void {
    this.add(level ?? levelOf(event), { event, ...fields });
  }

  /** What has gathered; nothing is left. */
  take(): { readonly text: string; readonly marked: string; readonly count: number } {
    const text = escapeJson(this.#text);
    const marked = this.isMarked ? escapeJson(this.#marked) : text;
    const count = this.#count;
    this.#text = '';
    this.#marked = '';
    this.#count = 0;
    return { text, marked, count };
  }

  /** The line that stands in a place for those it did not take. Nothing has gathered meanwhile. */
  gapLine({ lines, firstSeq, lastSeq }: Gap, place: string, isMarked: boolean): Buffer {
    const seqs = firstSeq === null ? {} : { first_seq: firstSeq, last_seq: lastSeq };
    const remedy = 'the table events of the spool has them: see first_seq to last_seq there';
    this.say('daemon.log-gap', { place, lines, ...seqs, remedy });
    const line = this.take();
    return Buffer.from(isMarked ? line.marked : line.text);
  }

  #gathering(): DestinationStream {
    /* pino tells the level of a line to a stream with this symbol. */
    const stream = {
      [Symbol.for('pino.metadata')]: this.isMarked,
      lastLevel: 30,
      write: (line: string): void => {
        this.#text += line;
        this.#count += 1;
        if (this.isMarked) this.#marked += priorityMark(stream.lastLevel) + line;
      },
    };
    return stream;
  }
}

let lastMs = 0;
let lastTime = '';

/* Many lines are written within one millisecond: the text is made once for all of them. */
function isoTime(): string {
  const now = Date.now();
  if (now !== lastMs) {
    lastMs = now;
    lastTime = `,"time":"${new Date(now).toISOString()}"`;
  }
  return lastTime;
}
