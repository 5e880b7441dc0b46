/**
 * Writes the status log: JSON lines by pino, to standard output and to a file, synchronously, one write per
 * commit. Nothing is buffered across a turn of the event loop, so a crash loses no line that was written.
 *
 * Control characters never pass (JSON escapes them); recipients are masked here, in one place.
 */
import pino, { type Logger } from 'pino';
import { maskRecipient } from './core/mask.ts';
import type { Entry, Level } from './events.ts';

/** Takes whole lines, each with its line break. */
export interface Output {
  write(lines: string): unknown;
}

export interface StatusLogOptions {
  readonly level: Level;
  readonly recipients: 'masked' | 'full';
  /** Null = standard output alone. */
  readonly file: string | null;
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

export class StatusLog {
  readonly #logger: Logger;
  readonly #outputs: readonly Output[];
  readonly #file: Destination | null;
  readonly #isMasked: boolean;
  #lines = '';
  #saidAtMs = -Infinity;

  /** Throws when the file cannot be opened. */
  constructor(options: StatusLogOptions) {
    this.#isMasked = options.recipients === 'masked';
    this.#file = options.file === null ? null : openFile(options.file);
    const stdout = options.output ?? this.#standardOutput(options.fd ?? 1);
    this.#outputs = this.#file === null ? [stdout] : [stdout, this.#file];
    this.#file?.on('error', (error: unknown) => this.#sayUnwritten(error));
    this.#logger = pino(
      {
        level: options.level,
        base: null,
        timestamp: isoTime,
        formatters: { level: (label) => ({ level: label }) },
        serializers: {},
      },
      { write: (line: string) => void (this.#lines += line) },
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

  /** Opens the file anew: it was renamed by logrotate. */
  reopen(): void {
    this.#file?.reopen();
  }

  #standardOutput(fd: number): Destination {
    const stdout = pino.destination({ dest: fd, sync: true, maxLength: UNWRITTEN_MAX });
    stdout.on('error', (error: unknown) => this.#sayUnwritten(error));
    return stdout;
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
    });
  }

  #flush(): void {
    const lines = this.#lines;
    if (lines === '') return;
    this.#lines = '';
    for (const output of this.#outputs) output.write(lines);
  }
}

function openFile(file: string): Destination {
  try {
    const maxLength = UNWRITTEN_MAX;
    return pino.destination({ dest: file, sync: true, append: true, mkdir: false, maxLength });
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
