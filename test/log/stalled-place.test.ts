/** Places of the status log that take no lines: what waits, what is counted as missing, and what comes afterwards. */
import { spawnSync } from 'node:child_process';
import { closeSync, constants, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { EventEntry } from '../../src/log/event-lines.ts';
import { StatusLog } from '../../src/log/status-log.ts';
import { makeFolder } from '../support/spool.ts';

const { O_NONBLOCK, O_RDONLY, O_WRONLY } = constants;
const READ_MAX = 65_536;

interface Line {
  readonly event: string;
  readonly seq?: number;
  readonly lines?: number;
  readonly first_seq?: number;
  readonly last_seq?: number;
}

function entryOf(id: number): EventEntry {
  const reference = 'r'.repeat(200);
  const row = {
    ...{ at: 0, messageId: id, account: 'main', sender: null },
    event: 'message.await-receipt' as const,
    reason: 'accepted' as const,
    ...{ from: 'sending', to: 'await-receipt', attempt: 1 },
  };
  return { row, level: 'info', details: { reference } };
}

/** A FIFO that nobody reads yet. */
function makeFifo(): string {
  const path = join(makeFolder(), 'fifo');
  expect(spawnSync('mkfifo', [path]).status).toBe(0);
  return path;
}

class Reader {
  readonly #fd: number;
  #text = '';

  constructor(path: string) {
    this.#fd = openSync(path, O_RDONLY | O_NONBLOCK);
    onTestFinished(() => this.close());
  }

  get lines(): readonly Line[] {
    return this.#text
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as Line);
  }

  /** Reads as lines come, until there is one of this event. */
  async until(event: string): Promise<void> {
    const buffer = Buffer.alloc(READ_MAX);
    while (!this.lines.some((line) => line.event === event)) {
      try {
        for (let count = -1; count !== 0;) {
          count = readSync(this.#fd, buffer);
          this.#text += buffer.toString('utf8', 0, count);
        }
      } catch (error) {
        expect(error).toMatchObject({ code: 'EAGAIN' });
      }
      await sleep(1);
    }
  }

  close(): void {
    try {
      closeSync(this.#fd);
    } catch {
      /* The test has closed it. */
    }
  }
}

function logTo(path: string, file: string | null = null): StatusLog {
  const fd = openSync(path, O_WRONLY | O_NONBLOCK);
  return new StatusLog({ level: 'info', recipients: 'masked', file, fd });
}

const seqsOf = (lines: readonly Line[]): readonly number[] => lines.flatMap(({ seq }) => seq ?? []);
const upTo = (last: number): readonly number[] => Array.from({ length: last }, (_, at) => at + 1);

describe('standard output that takes no lines', () => {
  it('standard output that takes no lines holds up nobody, and has every line in its order when it takes them again', async () => {
    const path = makeFifo();
    const reader = new Reader(path);
    const log = logTo(path);
    for (const seq of upTo(2_000)) log.committed([entryOf(seq)], seq);
    expect(log.isWritten).toBe(false);
    log.say('daemon.stopped', {});
    await reader.until('daemon.stopped');
    expect(seqsOf(reader.lines)).toEqual(upTo(2_000));
    expect(log.isWritten).toBe(true);
  });

  it('standard output that takes no lines has a line in the place of what did not fit: how many lines, and which rows of events', async () => {
    const path = makeFifo();
    const reader = new Reader(path);
    const log = logTo(path);
    const last = 30_000;
    for (const seq of upTo(last)) log.committed([entryOf(seq)], seq);
    await reader.until('daemon.log-gap');
    log.say('daemon.stopped', {});
    await reader.until('daemon.stopped');
    const { lines } = reader;
    const seqs = seqsOf(lines);
    const gap = lines.find(({ event }) => event === 'daemon.log-gap');
    expect(seqs).toEqual(upTo(seqs.length));
    expect(gap).toMatchObject({
      lines: last - seqs.length,
      first_seq: seqs.length + 1,
      last_seq: last,
    });
    expect(log.isWritten).toBe(true);
  });

  it('standard output that takes no lines keeps at most 4 MiB of lines in memory', () => {
    const path = makeFifo();
    const reader = new Reader(path);
    const log = logTo(path);
    const before = process.memoryUsage().arrayBuffers + process.memoryUsage().heapUsed;
    for (const seq of upTo(100_000)) log.committed([entryOf(seq)], seq);
    globalThis.gc?.();
    const after = process.memoryUsage().arrayBuffers + process.memoryUsage().heapUsed;
    expect(after - before).toBeLessThan(64 * 1024 ** 2);
    reader.close();
  });

  it('standard output that takes no lines is waited for at the end, but not longer than it was said', async () => {
    const path = makeFifo();
    const reader = new Reader(path);
    const log = logTo(path);
    for (const seq of upTo(2_000)) log.committed([entryOf(seq)], seq);
    await log.drain(50);
    expect(log.isWritten).toBe(false);
    reader.close();
  });

  it('standard output that takes no lines leaves the log file whole', async () => {
    const path = makeFifo();
    const reader = new Reader(path);
    const other = makeFifo();
    const others = new Reader(other);
    const log = logTo(path, other);
    log.committed([entryOf(1)], 1);
    for (const seq of upTo(2_000).slice(1)) log.committed([entryOf(seq)], seq);
    log.say('daemon.stopped', {});
    await others.until('daemon.stopped');
    expect(seqsOf(others.lines)).toEqual(upTo(2_000));
    reader.close();
  });
});

describe('a reader of standard output that has gone', () => {
  it('a reader of standard output that has gone ends nothing; the next reader of a FIFO is told what it missed', async () => {
    const path = makeFifo();
    const first = new Reader(path);
    const log = logTo(path);
    log.committed([entryOf(1)], 1);
    first.close();
    for (const seq of [2, 3, 4]) log.committed([entryOf(seq)], seq);
    expect(log.isWritten).toBe(true);
    const second = new Reader(path);
    await second.until('daemon.log-gap');
    log.say('daemon.stopped', {});
    await second.until('daemon.stopped');
    const gap = second.lines.find(({ event }) => event === 'daemon.log-gap');
    expect(gap).toMatchObject({ lines: 3, first_seq: 2, last_seq: 4 });
  });

  it('a reader of standard output that has gone is no reason not to start: a FIFO as log.file that nobody reads yet', async () => {
    const [path, file] = [makeFifo(), makeFifo()];
    const out = new Reader(path);
    const log = logTo(path, file);
    log.say('daemon.draining', { in_flight: 0 });
    const reader = new Reader(file);
    await reader.until('daemon.draining');
    out.close();
  });
});
