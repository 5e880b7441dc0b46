/**
 * Reads the status log from systemd's journal through `journalctl`: first the existing entries from the end, then the
 * entries after the newest of those, by the cursor of the journal.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { CommandError } from '../../terminal/exit-codes.ts';
import { readLine, type LogLine } from './log-line.ts';
import { lastOf, type LogSource } from './log-source.ts';

const UNIT = 'sms-spoold';

/** Throws CommandError while it is read. */
export function journalSource(): LogSource {
  let cursor: string | null = null;
  const before = async function* (): AsyncGenerator<LogLine, void> {
    for await (const line of journalctl(['-r', '-o', 'json', '--output-fields=MESSAGE'])) {
      const { MESSAGE, __CURSOR } = JSON.parse(line) as Readonly<Record<string, unknown>>;
      cursor ??= typeof __CURSOR === 'string' ? __CURSOR : null;
      yield readLine(textOf(MESSAGE));
    }
  };
  const next = async function* (): AsyncGenerator<LogLine, void> {
    const from = cursor === null ? ['-n', '0'] : ['-n', 'all', `--after-cursor=${cursor}`];
    for await (const line of journalctl(['-f', '-o', 'cat', ...from])) yield readLine(line);
  };
  return {
    last: (search) => lastOf(before(), search),
    next,
    [Symbol.dispose]: () => undefined,
  };
}

/* journalctl writes a message that is no text as a list of bytes. */
function textOf(message: unknown): string {
  if (Array.isArray(message)) return Buffer.from(message as readonly number[]).toString('utf8');
  return typeof message === 'string' ? message : '';
}

async function* journalctl(args: readonly string[]): AsyncGenerator<string, void, undefined> {
  const child = spawn('journalctl', ['-u', UNIT, '-q', '--no-pager', ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = endOf(child);
  ended.catch(() => undefined); // reported to whoever reads to the end
  try {
    yield* createInterface({ input: child.stdout, crlfDelay: Infinity });
    await ended;
  } finally {
    child.kill();
  }
}

function endOf(child: ChildProcess): Promise<void> {
  let errors = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (errors += text));
  return new Promise((resolve, reject) => {
    child.once('error', (cause) =>
      reject(new CommandError(`journalctl cannot be run (${cause.message}): is systemd there?`)),
    );
    child.once('close', (code, signal) => {
      if (code === 0 || signal !== null) resolve();
      else reject(new CommandError(`journalctl failed: ${errors.trim()}`));
    });
  });
}
