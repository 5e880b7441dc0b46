/**
 * Checks every line of a CSV file before any is imported: cells, the spool's own constraints, keys that another
 * message has used, and texts that would not arrive as they are written.
 */
import type { FileHandle } from 'node:fs/promises';
import { INSTANTS, columnsOf, rowOf } from './csv-columns.ts';
import { CsvFileError, readCsvFile, type CsvRecord } from './csv-file.ts';
import { encode, type Encoded } from '../../core/message/parts.ts';
import { CommandError, ManyProblemsError } from '../../terminal/exit-codes.ts';
import type { ApplicationColumn, DropRow } from '../../spool/write/insert.ts';
import type { Database } from '../../spool/file/open.ts';
import {
  differences,
  KeysOfFile,
  type KeyUse,
  keyUsesIn,
  type StoredRow,
  Trial,
} from '../../spool/write/trial-rows.ts';
import { startProgress, type Progress } from '../../terminal/progress.ts';
import { contentOf, contentProblem, encodedWords } from '../content-words.ts';
import type { NameCheck } from '../options/name-warnings.ts';

export interface Source {
  /** For messages; `handle` is what is read. */
  readonly file: string;
  readonly handle: FileHandle;
  readonly size: number;
  /** The instant that relative times count from, the same for every line. */
  readonly nowMs: number;
}

export interface CheckParts {
  readonly db: Database;
  readonly names: NameCheck;
}

/** Checks every line; throws what is wrong, else resolves to the file's hash and the report. */
export async function checkFile(
  source: Source,
  parts: CheckParts,
): Promise<{ readonly hash: string; readonly report: ImportReport }> {
  const { file, size, nowMs } = source;
  using judge = new LineJudge(parts, nowMs);
  const report = new ImportReport(file);
  const hash = await read(source, startProgress('Checking', size), (record, columns) =>
    judge.judge(record, columns, report),
  );
  report.refuse();
  return { hash, report };
}

function headerOf(file: string, names: readonly string[]): readonly ApplicationColumn[] {
  const { columns, problems } = columnsOf(names);
  if (problems.length === 0) return columns;
  throw new CommandError(`${file}, line 1: ${problems.join('; ')}. Nothing was imported.`);
}

class LineJudge implements Disposable {
  readonly #trial = new Trial();
  readonly #keys = new KeysOfFile();
  readonly #useOf: (key: string) => KeyUse | null;
  readonly #names: NameCheck;
  readonly #nowMs: number;

  constructor({ db, names }: CheckParts, nowMs: number) {
    this.#useOf = keyUsesIn(db);
    this.#names = names;
    this.#nowMs = nowMs;
  }

  judge(
    { line, cells, problem }: CsvRecord,
    columns: readonly ApplicationColumn[],
    report: ImportReport,
  ): void {
    if (cells === null) {
      report.bad.add(line, problem ?? 'unreadable');
      return;
    }
    const { row, problems } = rowOf(columns, cells, this.#nowMs);
    const found = problems.length > 0 ? problems : this.#problemsOf(row, line, columns, cells);
    if (found.length > 0) report.bad.add(line, found.join('; '));
    else report.good(line, encode(contentOf(row)));
    for (const warning of this.#names.warningsAbout(row)) report.doubtful.add(line, warning);
  }

  #problemsOf(
    row: DropRow,
    line: number,
    columns: readonly ApplicationColumn[],
    cells: readonly string[],
  ): readonly string[] {
    const judged = this.#trial.judge(row);
    if ('refusal' in judged) return [judged.refusal.sentence];
    const content = contentProblem(contentOf(row));
    if (content !== null) return [content];
    const { idempotency_key: key } = row;
    if (key === undefined) return [];
    const earlier = this.#keys.add(String(key), line, judged.stored);
    if (earlier !== null) {
      return [`idempotency_key "${key}" is that of line ${earlier}, which is another message`];
    }
    const relative = relativeIn(columns, cells);
    const taken = keyProblem(String(key), this.#useOf(String(key)), judged.stored, relative);
    return taken === null ? [] : [taken];
  }

  [Symbol.dispose](): void {
    this.#trial[Symbol.dispose]();
    this.#keys[Symbol.dispose]();
  }
}

/** Why a row with this key would be left out; null = it is new, or the same message is there already. */
function keyProblem(
  key: string,
  use: KeyUse | null,
  stored: StoredRow,
  relative: ReadonlySet<ApplicationColumn>,
): string | null {
  if (use === null) return null;
  if (use.row === null) {
    return `idempotency_key "${key}" was used by message ${use.messageId}, which was pruned`;
  }
  const differing = differences(use.row, stored, relative);
  if (differing.length === 0) return null;
  return (
    `idempotency_key "${key}" is that of message ${use.messageId}, which is another message: ` +
    `${differing.join(', ')} ${differing.length === 1 ? 'differs' : 'differ'}`
  );
}

/** The columns of a line that count from now, and so differ each time that it is read. */
function relativeIn(
  columns: readonly ApplicationColumn[],
  cells: readonly string[],
): ReadonlySet<ApplicationColumn> {
  return new Set(
    columns.filter((column, index) => INSTANTS.has(column) && isRelative(cells[index] ?? '')),
  );
}

function isRelative(cell: string): boolean {
  return cell.trim().startsWith('+');
}

/** Reads the file with a progress bar, to its hash. What cannot be read at all is thrown as CommandError. */
export async function read(
  { file, handle }: Pick<Source, 'file' | 'handle'>,
  progress: Progress,
  onRecord: (record: CsvRecord, columns: readonly ApplicationColumn[]) => Promise<void> | void,
): Promise<string> {
  let columns: readonly ApplicationColumn[] = [];
  try {
    return await readCsvFile(handle, {
      onHeader: (names) => {
        columns = headerOf(file, names);
      },
      onRecord: (record, { bytes }) => {
        progress.update(bytes);
        return onRecord(record, columns);
      },
    });
  } catch (error) {
    if (error instanceof CsvFileError) throw new CommandError(`${file}, ${error.message}`);
    throw error;
  } finally {
    progress.stop();
  }
}

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

/** What `import` says before anything is imported: what is wrong, or what the file becomes. */
export class ImportReport {
  readonly #file: string;
  /** Lines that cannot be imported, each with its problem. */
  readonly bad = new Lines();
  /** Lines that can be imported, and that their writer may not have meant. */
  readonly doubtful = new Lines();
  readonly #unicode = new Lines();
  #messages = 0;
  #parts = 0;

  constructor(file: string) {
    this.#file = file;
  }

  get messages(): number {
    return this.#messages;
  }

  good(line: number, encoded: Encoded): void {
    this.#messages += 1;
    this.#parts += encoded.parts;
    const isCaused = encoded.encoding === 'unicode' && encoded.causes.length > 0;
    if (isCaused) this.#unicode.add(line, encodedWords(encoded));
  }

  /** Throws when a line cannot be imported. */
  refuse(): void {
    const { count } = this.bad;
    if (count === 0) return;
    const lines = `${count} bad ${count === 1 ? 'line' : 'lines'}`;
    throw new ManyProblemsError(`${this.#file}: ${lines}; nothing was imported.`, this.bad.words());
  }

  /** What to know before it costs; nothing if every message is one part of GSM-7. */
  lines(): readonly string[] {
    const warnings = this.doubtful.words().map((words) => `warning: ${words}`);
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
