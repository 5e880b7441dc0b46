/**
 * Writes the status log: JSON lines by pino, to standard output and to a file, synchronously, one write per
 * commit. Nothing is buffered across a turn of the event loop, so a crash loses no line that was written.
 *
 * Control characters never pass (JSON escapes them); recipients are masked here, in one place. Lines to the
 * journal say their priority; the file's are JSON and nothing else.
 */
import pino, { type DestinationStream, type Logger } from 'pino';
import { maskRecipient } from './core/mask.ts';
import type { Entry, Level } from './events.ts';
import { isJournalStream, priorityMark } from './journal.ts';

/** Takes whole lines, each with its line break. */
export interface Output {
  write(lines: string): unknown;
}

/** What the configuration says of the log. */
export interface LogSettings {
  readonly level: Level;
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

/** Characters kept in memory for a file that cannot be written just now (its disk is full). */
const UNWRITTEN_MAX = 4_000_000;
/** How often a file that cannot be written is spoken of. */
const SAID_EVERY_MS = 60_000;

type Destination = ReturnType<typeof pino.destination>;

/** A file that was opened for `StatusLog.adopt`. */
export type LogFile = Destination | null;

export class StatusLog {
  readonly #logger: Logger;
  readonly #stdout: Output;
  readonly #isJournal: boolean;
  #file: LogFile;
  #path: string | null;
  #isMasked: boolean;
  #lines = '';
  /** The same with their priorities. */
  #marked = '';
  #saidAtMs = -Infinity;
  #isBehind = false;
  #hasDropped = false;

  /** Throws when the file cannot be opened. */
  constructor(options: StatusLogOptions) {
    const { output, fd = 1 } = options;
    this.#isMasked = options.recipients === 'masked';
    this.#path = options.file;
    this.#file = options.file === null ? null : this.#watched(open(options.file));
    this.#stdout = output ?? this.#watched(pino.destination({ ...HOW, dest: fd }));
    this.#isJournal = output === undefined && isJournalStream(fd, process.env);
    this.#logger = pino(
      {
        level: options.level,
        base: null,
        timestamp: isoTime,
        formatters: { level: (label) => ({ level: label }) },
        serializers: {},
      },
      this.#gathering(),
    );
  }

  /** Writes the lines of committed events; `firstSeq` is the row of the first. */
  committed(entries: readonly Entry[], firstSeq: number): void {
    for (const [index, entry] of entries.entries()) this.#line(entry, firstSeq + index);
    this.#flush();
  }

  /** A line that stands for no row in `events`: the daemon itself. */
  say(level: Level, event: string, details: Readonly<Record<string, unknown>> = {}): void {
    this.#logger[level]({ event, ...details });
    this.#flush();
  }

  /** Whether every line has left the process; false = one waits in memory (a full disk), or was given up. */
  get isWritten(): boolean {
    return !this.#isBehind && !this.#hasDropped;
  }

  /** Opens the file anew: it was renamed by logrotate. Where it cannot, the open one is written on. */
  reopen(): void {
    try {
      this.#file?.reopen();
    } catch (error) {
      this.#sayUnwritten(error);
    }
  }

  /** Opens another file to be adopted; the one that is open stays. Throws when it cannot be opened. */
  openFile(file: string | null): LogFile {
    if (file === this.#path) return this.#file;
    return file === null ? null : this.#watched(open(file));
  }

  /** From now on so. `file` comes from `openFile`. */
  adopt(settings: LogSettings, file: LogFile): void {
    this.#logger.level = settings.level;
    this.#isMasked = settings.recipients === 'masked';
    this.#path = settings.file;
    if (file === this.#file) return;
    this.#file?.end();
    this.#file = file;
  }

  /* Lines gather here until they are written, all at once. */
  #gathering(): DestinationStream {
    const add = (line: string, level: number): void => {
      this.#lines += line;
      if (this.#isJournal) this.#marked += priorityMark(level) + line;
    };
    /* pino tells the level of a line to whoever bears this mark. */
    const marked = { [Symbol.for('pino.metadata')]: true, lastLevel: 30 };
    return Object.assign(marked, {
      write: (line: string): void => add(line, marked.lastLevel),
    });
  }

  #watched(output: Destination): Destination {
    output.on('error', (error: unknown) => {
      this.#sayUnwritten(error);
      this.#isBehind = true;
    });
    output.on('drop', () => {
      this.#hasDropped = true;
    });
    return output;
  }

  /* An output keeps what it could not write and tries again with the next line; the other one says so. */
  #sayUnwritten(error: unknown): void {
    const nowMs = performance.now();
    if (nowMs - this.#saidAtMs < SAID_EVERY_MS) return;
    this.#saidAtMs = nowMs;
    const why = error instanceof Error ? error.message : String(error);
    this.say('error', 'daemon.log-unwritten', { error: why });
  }

  #line({ row, level, details }: Entry, seq: number): void {
    const { recipient } = details;
    this.#logger[level]({
      event: row.event,
      seq,
      id: row.messageId ?? undefined,
      reference: details.reference,
      account: row.account ?? undefined,
      sender: row.sender ?? undefined,
      recipient: recipient === undefined || !this.#isMasked ? recipient : maskRecipient(recipient),
      from: row.from ?? undefined,
      to: row.to ?? undefined,
      reason: row.reason ?? undefined,
      attempt: row.attempt ?? undefined,
      status: details.status,
      parts: details.parts,
      next_attempt_at: details.nextAttemptAt,
      queued_ms: details.queuedMs,
      limiter_ms: details.limiterMs,
      gateway_ms: details.gatewayMs,
      wait_ms: details.waitMs,
      next_probe_at: details.nextProbeAt,
      configured: details.configured,
      limit: details.limit,
      remedy: details.remedy,
      at: details.at,
    });
  }

  /* A write is over when it returns, with whatever had waited before; else it has told of an error. */
  #flush(): void {
    const lines = this.#lines;
    if (lines === '') return;
    const marked = this.#isJournal ? this.#marked : lines;
    this.#lines = '';
    this.#marked = '';
    this.#isBehind = false;
    this.#stdout.write(marked);
    this.#file?.write(lines);
  }
}

const HOW = { sync: true, maxLength: UNWRITTEN_MAX } as const;

function open(file: string): Destination {
  try {
    return pino.destination({ ...HOW, dest: file, append: true, mkdir: false });
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? cause.code : 'EIO';
    const message = `log.file: ${file} cannot be opened to append to; its folder must exist and be writable`;
    throw Object.assign(new Error(message, { cause }), { code, syscall: 'open' });
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
