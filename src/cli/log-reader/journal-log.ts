/**
 * The status log as systemd's journal has it, through `journalctl`. What was there is read from its end, and
 * what follows begins right behind the newest entry of that, by the journal's own cursor.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { CommandError } from '../../terminal/exit-codes.ts';

const UNIT = 'sms-spoold';

/** Entries from the newest to the oldest, and from where to follow. */
export class Journal {
  #cursor: string | null = null;

  /** What is there now, the last entry first. Throws CommandError. */
  async *before(): AsyncGenerator<string, void, undefined> {
    for await (const line of run(['-r', '-o', 'json', '--output-fields=MESSAGE'])) {
      const { MESSAGE, __CURSOR } = JSON.parse(line) as Readonly<Record<string, unknown>>;
      this.#cursor ??= typeof __CURSOR === 'string' ? __CURSOR : null;
      yield textOf(MESSAGE);
    }
  }

  /** What comes later, for ever. Throws CommandError. */
  async *next(): AsyncGenerator<string, void, undefined> {
    const from =
      this.#cursor === null ? ['-n', '0'] : ['-n', 'all', `--after-cursor=${this.#cursor}`];
    yield* run(['-f', '-o', 'cat', ...from]);
  }
}

/* The journal gives what is no text as a list of bytes. */
function textOf(message: unknown): string {
  if (Array.isArray(message)) return Buffer.from(message as readonly number[]).toString('utf8');
  return typeof message === 'string' ? message : '';
}

async function* run(args: readonly string[]): AsyncGenerator<string, void, undefined> {
  const child = spawn('journalctl', ['-u', UNIT, '-q', '--no-pager', ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = endOf(child);
  ended.catch(() => undefined); // told to whoever reads to the end
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
