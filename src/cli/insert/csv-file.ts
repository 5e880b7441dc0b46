/**
 * Reads a CSV file as a stream of records with their line numbers, and its SHA-256 along the way. The only
 * file that knows csv-parse. Lines may end in LF, CRLF or CR, also mixed; empty records are left out.
 *
 * Always holds: memory stays flat however long the file is. A record that cannot be read is a record with a
 * problem, and reading goes on; only a header or an encoding that cannot be used and a quote that never closes
 * end it.
 */
import { createHash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { Transform } from 'node:stream';
import { CsvError, parse } from 'csv-parse';

export interface CsvRecord {
  /** Line of the file, from 1, on which the record ends: a quoted cell may hold line breaks. */
  readonly line: number;
  /** Cells in the order of the header; a problem instead when there are more or fewer of them. */
  readonly cells: readonly string[] | null;
  readonly problem: string | null;
}

/** How far reading has come, for a progress bar. */
export interface Reading {
  readonly bytes: number;
}

export interface CsvFile {
  /** The first record: names of columns, as they stand there. */
  readonly onHeader: (names: readonly string[]) => void;
  readonly onRecord: (record: CsvRecord, reading: Reading) => Promise<void> | void;
}

/** The file is no CSV that can be read on: `message` names the line. */
export class CsvFileError extends Error {
  override readonly name = 'CsvFileError';
}

interface Parsed {
  readonly record: readonly string[];
  readonly info: { readonly lines: number; readonly bytes: number };
}

/** A record longer than this is a quote that was never closed. */
const RECORD_MAX = 1024 * 1024;
/** In the order in which they are tried. */
const LINE_ENDS = ['\r\n', '\n', '\r'];
/** After these nothing that follows can be read. */
const ENDS_IT: ReadonlySet<string> = new Set([
  'CSV_INVALID_CLOSING_QUOTE',
  'CSV_QUOTE_NOT_CLOSED',
  'CSV_MAX_RECORD_SIZE',
]);

/** Reads the whole file, and leaves it open; resolves to its SHA-256 in hex. Whatever the callbacks throw ends the reading. */
export async function readCsvFile(handle: FileHandle, file: CsvFile): Promise<string> {
  const encoding = await encodingProblem(handle);
  if (encoding !== null) throw new CsvFileError(`line 1: ${encoding}`);
  const hash = createHash('sha256');
  const parser = parse({
    bom: true,
    info: true,
    record_delimiter: LINE_ENDS,
    skip_empty_lines: true,
    skip_records_with_empty_values: true,
    skip_records_with_error: true,
    on_skip: skips(file),
    relax_column_count: true,
    max_record_size: RECORD_MAX,
  });
  const hashed = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      done(null, chunk);
    },
  });
  try {
    const bytes = handle.createReadStream({ start: 0, autoClose: false });
    await pipeline(bytes, hashed, parser, (records: AsyncIterable<Parsed>) =>
      readRecords(records, file),
    );
  } catch (error) {
    throw error instanceof CsvError ? fatal(error) : error;
  }
  return hash.digest('hex');
}

/* Called by the parser; what is thrown here ends the reading. */
function skips(file: CsvFile): (error: CsvError | undefined) => undefined {
  let saidLine = 0;
  return (error) => {
    if (error === undefined) return;
    const { line, records, bytes } = placeOf(error);
    if (records === 0 || ENDS_IT.has(error.code)) throw fatal(error);
    /* Only the first error of a line is reported: the others follow from it. */
    if (line === saidLine) return;
    saidLine = line;
    /* A record with a problem is only reported, so there is nothing to wait for. */
    void file.onRecord({ line, cells: null, problem: explain(error) }, { bytes });
  };
}

function fatal(error: CsvError): CsvFileError {
  return new CsvFileError(`line ${placeOf(error).line}: ${explain(error)}`);
}

/* csv-parse copies what it knew of the place into the error. */
function placeOf(error: CsvError): Readonly<Record<'line' | 'records' | 'bytes', number>> {
  const known = error as unknown as Readonly<Record<string, unknown>>;
  const numberOf = (name: string): number => {
    const value = known[name];
    return typeof value === 'number' ? value : 0;
  };
  return { line: numberOf('lines'), records: numberOf('records'), bytes: numberOf('bytes') };
}

async function readRecords(records: AsyncIterable<Parsed>, file: CsvFile): Promise<void> {
  let width: number | null = null;
  for await (const { record, info } of records) {
    if (width === null) {
      width = record.length;
      file.onHeader(record.map((name) => name.trim()));
      continue;
    }
    const pending = file.onRecord(recordOf(record, info.lines, width), info);
    if (pending !== undefined) await pending;
  }
  if (width === null) throw new CsvFileError('the file is empty; its first line must name columns');
}

function recordOf(cells: readonly string[], line: number, width: number): CsvRecord {
  const problem = problemOf(cells, width);
  return problem === null ? { line, cells, problem } : { line, cells: null, problem };
}

function problemOf(cells: readonly string[], width: number): string | null {
  if (cells.length !== width) {
    return `expected ${width} cells like the header, found ${cells.length}`;
  }
  // What decoding puts in the place of a byte that is no UTF-8; it must not be sent as it is.
  if (cells.some((cell) => cell.includes('\ufffd'))) {
    return (
      'expected UTF-8, found bytes that are not, perhaps of Windows-1252: save the file as "CSV UTF-8", or ' +
      'convert it: iconv -f WINDOWS-1252 -t UTF-8 OLD.csv > NEW.csv'
    );
  }
  return null;
}

function explain(error: CsvError): string {
  const code: string = error.code;
  switch (code) {
    case 'CSV_QUOTE_NOT_CLOSED':
    case 'CSV_MAX_RECORD_SIZE':
      return 'a quote is opened and not closed again';
    case 'INVALID_OPENING_QUOTE':
      return isFormula(error)
        ? 'a cell like ="123" is a formula of a spreadsheet; write the value itself: 123'
        : 'a quote stands inside a cell that does not begin with one (double it: "")';
    case 'CSV_INVALID_CLOSING_QUOTE':
      return 'something follows a closing quote (within a cell double it: "")';
    default:
      return code;
  }
}

/* What was read of the cell before its quote. */
function isFormula(error: CsvError): boolean {
  const { field } = error as unknown as Readonly<Record<string, unknown>>;
  return String(field).trim() === '=';
}

const LOOKED_AT = 4_096;
/** Of the bytes of a text that is mostly Latin letters, every second one is zero in UTF-16. */
const SHARE_OF_ZEROS = 0.2;

type Encoding = 'UTF-16LE' | 'UTF-16BE' | 'UTF-32';

/** Why the file is not UTF-8, by its first bytes, with the command that converts it; null = it may be UTF-8, or is read as it is. */
export async function encodingProblem(handle: FileHandle): Promise<string | null> {
  const found = encodingOf(await firstBytes(handle));
  if (found === null) return null;
  return (
    `the file is ${found}, expected UTF-8: save it as "CSV UTF-8", or convert it: ` +
    `iconv -f ${found} -t UTF-8 OLD.csv > NEW.csv`
  );
}

async function firstBytes(handle: FileHandle): Promise<Buffer> {
  const bytes = Buffer.alloc(LOOKED_AT);
  const { bytesRead } = await handle.read(bytes, 0, LOOKED_AT, 0);
  return bytes.subarray(0, bytesRead);
}

/* UTF-16LE with a byte order mark is read as it is (csv-parse knows it). */
function encodingOf(bytes: Buffer): Encoding | null {
  const mark = bytes.subarray(0, 4).toString('hex');
  if (mark === 'fffe0000' || mark === '0000feff') return 'UTF-32';
  if (mark.startsWith('fffe')) return null;
  if (mark.startsWith('feff')) return 'UTF-16BE';
  const zeros = { even: 0, odd: 0 };
  for (const [index, byte] of bytes.entries()) {
    if (byte === 0) zeros[index % 2 === 0 ? 'even' : 'odd'] += 1;
  }
  if (zeros.even + zeros.odd <= bytes.length * SHARE_OF_ZEROS) return null;
  return zeros.even > zeros.odd ? 'UTF-16BE' : 'UTF-16LE';
}
