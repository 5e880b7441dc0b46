/**
 * The daemon as a process of its own: the built program with the V8 limits of its unit, told what to do by
 * signals, and heard by its status log on standard output.
 *
 * Nothing here waits for a time: a run is over when it says so or when its process is gone. One that says
 * nothing for long is taken for stuck, so that a test fails with words.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { resolve } from 'node:path';

const ROOT = resolve(import.meta.dirname, '../..');
const V8_LIMITS = ['--max-semi-space-size=4', '--max-old-space-size=96'] as const;
/** A run that says nothing for so long is stuck, where nobody says otherwise. */
export const SILENCE_MS = 30_000;

/** A line of the status log, as far as these tests look. */
export interface Line {
  /** ISO-8601. */
  readonly time?: string;
  readonly event: string;
  readonly level?: string;
  readonly seq?: number;
  readonly id?: number;
  readonly from?: string;
  readonly to?: string;
}

export interface End {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface ProgramOptions {
  readonly config: string;
  /** A file of this folder to load before the daemon. */
  readonly preload?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** A descriptor of this process to take receipts from, as a service manager passes it; null = none. */
  readonly receiptsFd?: number | null;
  readonly silenceMs?: number;
}

/* The process id is known to the process alone. */
const PASS = ['sh', '-c', 'LISTEN_PID=$$ exec "$@"', 'sh'] as const;
const PASSED = { LISTEN_FDS: '1', LISTEN_FDNAMES: 'receipts' } as const;

export class Program implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #ended: Promise<End>;
  readonly #stuck = Promise.withResolvers<never>();
  readonly #silenceMs: number;
  readonly #lines: Line[] = [];
  #more = Promise.withResolvers<undefined>();
  #timer: NodeJS.Timeout;
  #rest = '';
  #errors = '';

  constructor(options: ProgramOptions) {
    const { config, preload, env = {}, receiptsFd = null, silenceMs = SILENCE_MS } = options;
    this.#silenceMs = silenceMs;
    const hook = preload === undefined ? [] : ['--import', resolve(import.meta.dirname, preload)];
    const node = [process.execPath, ...V8_LIMITS, ...hook, resolve(ROOT, 'dist/main.js')];
    const [command = '', ...args] = receiptsFd === null ? node : [...PASS, ...node];
    this.#child = spawn(command, [...args, 'run', '--config', config], {
      stdio: ['ignore', 'pipe', 'pipe', ...(receiptsFd === null ? [] : [receiptsFd])],
      env: { ...process.env, ...(receiptsFd === null ? {} : PASSED), ...env },
    });
    this.#child.stdout?.setEncoding('utf8').on('data', (text: string) => this.#read(text));
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => (this.#errors += text));
    this.#stuck.promise.catch(() => undefined); // told to whoever waits
    this.#timer = setTimeout(() => undefined, 0);
    this.#heard();
    this.#ended = new Promise((resolveEnd, reject) => {
      this.#child.once('error', reject);
      this.#child.once('close', (code, signal) => {
        clearTimeout(this.#timer);
        resolveEnd({ code, signal });
      });
    });
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get lines(): readonly Line[] {
    return this.#lines;
  }

  /** What it wrote to standard error. */
  get errors(): string {
    return this.#errors;
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** How it ended, once all it wrote was read. Rejects when it lives on and says nothing. */
  end(): Promise<End> {
    return Promise.race([this.#ended, this.#stuck.promise]);
  }

  /** Resolves at the first line, of those before now too, that `isIt`. Rejects when it ends or is stuck. */
  async line(isIt: (line: Line) => boolean): Promise<void> {
    for (let next = 0; ; next += 1) {
      while (next >= this.#lines.length) {
        const end = await Promise.race([this.#more.promise, this.end()]);
        if (end !== undefined && next >= this.#lines.length) throw new Error(this.#gone(end));
      }
      const line = this.#lines[next];
      if (line !== undefined && isIt(line)) return;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.kill('SIGKILL');
    await this.#ended;
  }

  #gone(end: End): string {
    return `the daemon ended (${end.signal ?? end.code ?? ''}):\n${this.#errors}`;
  }

  #heard(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      const last = JSON.stringify(this.#lines.at(-1) ?? null);
      this.#stuck.reject(
        new Error(`the daemon is stuck; its last line is ${last}\n${this.#errors}`),
      );
    }, this.#silenceMs);
  }

  /* A kill may cut the last line short: it has no end, and is none. */
  #read(text: string): void {
    this.#heard();
    const lines = (this.#rest + text).split('\n');
    this.#rest = lines.pop() ?? '';
    this.#lines.push(...lines.map((line) => JSON.parse(line) as Line));
    this.#more.resolve(undefined);
    this.#more = Promise.withResolvers<undefined>();
  }
}
