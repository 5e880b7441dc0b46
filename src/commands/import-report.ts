/**
 * Collects what `import` says before anything is imported: what is wrong, line by line; or how many parts there
 * will be, and which lines become unicode because of which characters.
 */
import { ManyProblemsError } from '../exit-codes.ts';
import type { Encoded } from '../core/parts.ts';
import { encodedWords } from './content-words.ts';

/** Lines that are printed of each kind; the rest is counted. */
const SHOWN = 50;

interface Line {
  readonly line: number;
  readonly words: string;
}

class Lines {
  readonly #shown: Line[] = [];
  #count = 0;

  get count(): number {
    return this.#count;
  }

  add(line: number, words: string): void {
    this.#count += 1;
    if (this.#shown.length < SHOWN) this.#shown.push({ line, words });
  }

  /** In the order of the file. */
  words(): readonly string[] {
    const more = this.#count - this.#shown.length;
    const shown = this.#shown.toSorted((a, b) => a.line - b.line);
    return [
      ...shown.map(({ line, words }) => `line ${line}: ${words}`),
      ...(more > 0 ? [`… and ${more} more`] : []),
    ];
  }
}

export class ImportReport {
  readonly #file: string;
  readonly #bad = new Lines();
  readonly #unicode = new Lines();
  readonly #warnings = new Lines();
  #messages = 0;
  #parts = 0;

  constructor(file: string) {
    this.#file = file;
  }

  /** Lines that can be imported. */
  get messages(): number {
    return this.#messages;
  }

  /** The line cannot be imported. */
  bad(line: number, problem: string): void {
    this.#bad.add(line, problem);
  }

  /** The line can be imported, and its writer may not have meant it. */
  doubtful(line: number, warning: string): void {
    this.#warnings.add(line, warning);
  }

  good(line: number, encoded: Encoded): void {
    this.#messages += 1;
    this.#parts += encoded.parts;
    const isCaused = encoded.encoding === 'unicode' && encoded.causes.length > 0;
    if (isCaused) this.#unicode.add(line, encodedWords(encoded));
  }

  /** Throws when a line cannot be imported. */
  refuse(): void {
    const { count } = this.#bad;
    if (count === 0) return;
    const lines = `${count} bad ${count === 1 ? 'line' : 'lines'}`;
    throw new ManyProblemsError(
      `${this.#file}: ${lines}; nothing was imported.`,
      this.#bad.words(),
    );
  }

  /** What to know before it costs; nothing if every message is one part of GSM-7. */
  lines(): readonly string[] {
    const warnings = this.#warnings.words().map((words) => `warning: ${words}`);
    const unicode = this.#unicode.count;
    if (this.#parts === this.#messages && unicode === 0) return warnings;
    const become = unicode === 1 ? '1 line becomes' : `${unicode} lines become`;
    const sum = `${counted(this.#messages, 'message')}, ${counted(this.#parts, 'part')}`;
    if (unicode === 0) return [...warnings, `${sum}.`];
    return [...warnings, `${sum}; ${become} unicode:`, ...this.#unicode.words()];
  }
}

function counted(count: number, what: string): string {
  return `${count.toLocaleString('en')} ${what}${count === 1 ? '' : 's'}`;
}
