/**
 * Takes the terminal for `top`: the alternate screen, keys, and the size.
 *
 * Always holds: whatever ends the program, a key, a signal or an error, the terminal is restored.
 */
import { writeSafe } from '../../terminal/print.ts';
import { joined, ourOwn, safeLine } from '../../terminal/safe.ts';
import type { FrameSize } from './frame.ts';

const ENTER = ourOwn('\u001b[?1049h\u001b[?25l');
const LEAVE = ourOwn('\u001b[?25h\u001b[?1049l');
const HOME = ourOwn('\u001b[H');
const END_OF_LINE = ourOwn('\u001b[K');
const NEXT_LINE = ourOwn('\r\n');
const BELOW = ourOwn('\u001b[J');

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

export class Screen implements Disposable {
  readonly #left = Promise.withResolvers<undefined>();
  /** Resolves when the reader leaves. */
  readonly left = this.#left.promise;
  readonly #leave = (): void => this.#left.resolve(undefined);
  readonly #onResize: () => void;
  #isOpen = true;

  constructor(onResize: () => void) {
    this.#onResize = onResize;
    writeSafe(ENTER);
    process.stdout.on('resize', this.#onResize);
    process.on('exit', this.#restore);
    for (const signal of SIGNALS) process.on(signal, this.#leave);
    if (!process.stdin.isTTY) return;
    process.stdin.setRawMode(true);
    process.stdin.on('data', this.#key);
  }

  get size(): FrameSize {
    return { columns: process.stdout.columns, rows: process.stdout.rows };
  }

  /** Escapes the lines. */
  draw(lines: readonly string[]): void {
    const drawn = lines.map((line) => joined([safeLine(line), END_OF_LINE]));
    writeSafe(joined([HOME, joined(drawn, NEXT_LINE), BELOW]));
  }

  [Symbol.dispose](): void {
    this.#restore();
    process.off('exit', this.#restore);
    process.stdout.off('resize', this.#onResize);
    for (const signal of SIGNALS) process.off(signal, this.#leave);
    process.stdin.off('data', this.#key);
    process.stdin.pause();
  }

  readonly #key = (typed: Buffer): void => {
    if (/[qQ\u0003\u0004]/.test(typed.toString('latin1'))) this.#leave();
  };

  readonly #restore = (): void => {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    if (process.stdin.isTTY) process.stdin.setRawMode(false);
    writeSafe(LEAVE);
  };
}
