/**
 * Checks every line of a CSV file before any is imported: cells, the constraints of the spool, keys that another message
 * has used, and texts that would not arrive as they are written.
 */
import type { FileHandle } from 'node:fs/promises';
import { columnsOf, rowOf } from './csv-columns.ts';
import { CsvFileError, readCsvFile, type CsvRecord } from './csv-file.ts';
import { encode } from '../../core/message/parts.ts';
import { CommandError } from '../../terminal/exit-codes.ts';
import type { ApplicationColumn, DropRow } from '../../spool/write/insert.ts';
import type { Database } from '../../spool/file/open.ts';
import { differences, KeysOfFile, keyUsesIn, Trial } from '../../spool/write/trial-rows.ts';
import { startProgress } from '../../terminal/progress.ts';
import { contentOf, contentProblem, encodedWords } from '../content-words.ts';
import type { RowWarnings } from '../options/name-warnings.ts';

export interface ImportSource {
  /** For messages; `handle` is what is read. */
  readonly file: string;
  readonly handle: FileHandle;
  readonly size: number;
  /** The instant that relative times count from, the same for every line. */
  readonly nowMs: number;
}

export interface CheckedFile {
  readonly hash: string;
  readonly messages: number;
  /** What to know before it costs; empty if every message is one part of GSM-7. */
  readonly report: readonly string[];
}

/** Checks every line. Throws CommandError with each line that cannot be imported. */
export async function checkFile(
  source: ImportSource,
  db: Database,
  warningsAbout: RowWarnings,
): Promise<CheckedFile> {
  using check = new ImportCheck(source.nowMs, db, warningsAbout);
  const hash = await readRecords(source, 'Checking', (record, columns) =>
    check.add(record, columns),
  );
  check.refuse(source.file);
  return { hash, messages: check.messages, report: check.report() };
}

class ImportCheck implements Disposable {
  readonly #trial = new Trial();
  readonly #keys = new KeysOfFile();
  readonly #useOf: ReturnType<typeof keyUsesIn>;
  readonly #warningsAbout: RowWarnings;
  readonly #nowMs: number;
  readonly #bad = new LineNotes();
  readonly #doubtful = new LineNotes();
  readonly #unicode = new LineNotes();
  messages = 0;
  #parts = 0;

  constructor(nowMs: number, db: Database, warningsAbout: RowWarnings) {
    this.#nowMs = nowMs;
    this.#useOf = keyUsesIn(db);
    this.#warningsAbout = warningsAbout;
  }

  add({ line, cells, problem }: CsvRecord, columns: readonly ApplicationColumn[]): void {
    if (cells === null) {
      this.#bad.add(line, problem ?? 'unreadable');
      return;
    }
    const { row, relative, problems } = rowOf(columns, cells, this.#nowMs);
    const found = problems.length > 0 ? problems.join('; ') : this.#problemOf(row, line, relative);
    if (found === null) this.#count(row, line);
    else this.#bad.add(line, found);
    for (const warning of this.#warningsAbout(row)) this.#doubtful.add(line, warning);
  }

  #count(row: DropRow, line: number): void {
    const encoded = encode(contentOf(row));
    this.messages += 1;
    this.#parts += encoded.parts;
    const isCaused = encoded.encoding === 'unicode' && encoded.causes.length > 0;
    if (isCaused) this.#unicode.add(line, encodedWords(encoded));
  }

  #problemOf(row: DropRow, line: number, relative: ReadonlySet<ApplicationColumn>): string | null {
    const judged = this.#trial.judge(row);
    if ('refusal' in judged) return judged.refusal.sentence;
    const problem = contentProblem(contentOf(row));
    if (problem !== null || row.idempotency_key === undefined) return problem;
    const key = String(row.idempotency_key);
    const earlier = this.#keys.add(key, line, judged.stored);
    if (earlier !== null) {
      return `idempotency_key "${key}" is that of line ${earlier}, which is another message`;
    }
    const use = this.#useOf(key);
    if (use === null) return null;
    if (use.row === null) {
      return `idempotency_key "${key}" was used by message ${use.messageId}, which was pruned`;
    }
    /* The same message is in the spool already: it is left out. */
    const differing = differences(use.row, judged.stored, relative);
    if (differing.length === 0) return null;
    return (
      `idempotency_key "${key}" is that of message ${use.messageId}, which is another message: ` +
      `${differing.join(', ')} ${differing.length === 1 ? 'differs' : 'differ'}`
    );
  }

  /** Throws CommandError if a line cannot be imported. */
  refuse(file: string): void {
    const { count } = this.#bad;
    if (count === 0) return;
    const lines = `${count} bad ${count === 1 ? 'line' : 'lines'}`;
    throw new CommandError(`${file}: ${lines}; nothing was imported.`, {
      details: this.#bad.words(),
    });
  }

  report(): readonly string[] {
    const warnings = this.#doubtful.words().map((words) => `warning: ${words}`);
    const unicode = this.#unicode.count;
    if (this.#parts === this.messages && unicode === 0) return warnings;
    const become = unicode === 1 ? '1 line becomes' : `${unicode} lines become`;
    const sum = `${counted(this.messages, 'message')}, ${counted(this.#parts, 'part')}`;
    if (unicode === 0) return [...warnings, `${sum}.`];
    return [...warnings, `${sum}; ${become} unicode:`, ...this.#unicode.words()];
  }

  [Symbol.dispose](): void {
    this.#trial[Symbol.dispose]();
    this.#keys[Symbol.dispose]();
  }
}

/** Reads the file with a progress bar; resolves to its hash. Throws CommandError where reading cannot go on. */
export async function readRecords(
  { file, handle, size }: ImportSource,
  title: string,
  onRecord: (record: CsvRecord, columns: readonly ApplicationColumn[]) => Promise<void> | void,
): Promise<string> {
  let columns: readonly ApplicationColumn[] = [];
  using progress = startProgress(title, size);
  try {
    return await readCsvFile(handle, {
      onHeader: (names) => {
        const header = columnsOf(names);
        if (header.problems.length > 0) {
          const problems = header.problems.join('; ');
          throw new CommandError(`${file}, line 1: ${problems}. Nothing was imported.`);
        }
        columns = header.columns;
      },
      onRecord: (record, bytes) => {
        progress.update(bytes);
        return onRecord(record, columns);
      },
    });
  } catch (error) {
    if (error instanceof CsvFileError) throw new CommandError(`${file}, ${error.message}`);
    throw error;
  }
}

/** Lines that are printed of each kind; the rest is counted. */
const SHOWN = 50;

/** Notes about lines of the file, the first ones in words. */
class LineNotes {
  readonly #shown: { readonly line: number; readonly words: string }[] = [];
  count = 0;

  add(line: number, words: string): void {
    this.count += 1;
    if (this.#shown.length < SHOWN) this.#shown.push({ line, words });
  }

  /** In the order of the file. */
  words(): readonly string[] {
    const more = this.count - this.#shown.length;
    const shown = this.#shown.toSorted((a, b) => a.line - b.line);
    return [
      ...shown.map(({ line, words }) => `line ${line}: ${words}`),
      ...(more > 0 ? [`… and ${more} more`] : []),
    ];
  }
}

function counted(count: number, what: string): string {
  return `${count.toLocaleString('en')} ${what}${count === 1 ? '' : 's'}`;
}
