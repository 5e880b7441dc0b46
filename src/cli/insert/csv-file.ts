/**
 * Reads a CSV file as a stream of records with their line numbers, and computes its SHA-256. The only file that imports
 * csv-parse. Lines may end in LF, CRLF or CR, also mixed; empty records are left out.
 *
 * Always holds: memory does not grow with the file. A record that cannot be read is a record with a problem, and reading
 * goes on. Only an unusable header or encoding and a quote that never closes end it.
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

export interface CsvFile {
  /** The first record, trimmed. */
  readonly onHeader: (names: readonly string[]) => void;
  /** `bytes`: how much of the file was read. */
  readonly onRecord: (record: CsvRecord, bytes: number) => Promise<void> | void;
}

/** The file cannot be read on; `message` names the line. */
export class CsvFileError extends Error {
  override readonly name = 'CsvFileError';
}

interface ParsedRecord {
  readonly record: readonly string[];
  readonly info: { readonly lines: number; readonly bytes: number };
}

/** A record longer than this is a quote that was never closed. */
const RECORD_MAX = 1024 * 1024;
/** In the order in which they are tried. */
const LINE_ENDS = ['\r\n', '\n', '\r'];
/** Reading cannot go on after these. */
const ENDS_IT: readonly string[] = [
  ...['CSV_INVALID_CLOSING_QUOTE', 'CSV_QUOTE_NOT_CLOSED', 'CSV_MAX_RECORD_SIZE'],
];

/** Reads the whole file and leaves it open; resolves to its SHA-256 in hex. An error of a callback ends the reading. */
export async function readCsvFile(handle: FileHandle, file: CsvFile): Promise<string> {
  await refuseEncoding(handle);
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
    await pipeline(bytes, hashed, parser, (records: AsyncIterable<ParsedRecord>) =>
      readRecords(records, file),
    );
  } catch (error) {
    throw error instanceof CsvError ? fatal(error) : error;
  }
  return hash.digest('hex');
}

/* The parser calls it; an error of it ends the reading. */
function skips(file: CsvFile): (error: CsvError | undefined) => undefined {
  let saidLine = 0;
  return (error) => {
    if (error === undefined) return;
    const { line, records, bytes } = placeOf(error);
    if (records === 0 || ENDS_IT.includes(error.code)) throw fatal(error);
    /* Only the first error of a line is reported: the others follow from it. */
    if (line === saidLine) return;
    saidLine = line;
    /* A record with a problem is only reported, so there is nothing to wait for. */
    void file.onRecord({ line, cells: null, problem: explain(error) }, bytes);
  };
}

function fatal(error: CsvError): CsvFileError {
  return new CsvFileError(`line ${placeOf(error).line}: ${explain(error)}`);
}

/* csv-parse copies its position into the error. */
function placeOf(error: CsvError): Readonly<Record<'line' | 'records' | 'bytes', number>> {
  const known = error as unknown as Readonly<Record<string, unknown>>;
  const numberOf = (name: string): number => {
    const value = known[name];
    return typeof value === 'number' ? value : 0;
  };
  return { line: numberOf('lines'), records: numberOf('records'), bytes: numberOf('bytes') };
}

async function readRecords(records: AsyncIterable<ParsedRecord>, file: CsvFile): Promise<void> {
  let width: number | null = null;
  for await (const { record, info } of records) {
    if (width === null) {
      width = record.length;
      file.onHeader(record.map((name) => name.trim()));
      continue;
    }
    const problem = problemOf(record, width);
    const cells = problem === null ? record : null;
    const pending = file.onRecord({ line: info.lines, cells, problem }, info.bytes);
    if (pending !== undefined) await pending;
  }
  if (width === null) throw new CsvFileError('the file is empty; its first line must name columns');
}

function problemOf(cells: readonly string[], width: number): string | null {
  if (cells.length !== width) {
    return `expected ${width} cells like the header, found ${cells.length}`;
  }
  // Decoding puts it in the place of a byte that is no UTF-8; it must not be sent.
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

/* `field` is the text of the cell before its quote. */
function isFormula(error: CsvError): boolean {
  const { field } = error as unknown as Readonly<Record<string, unknown>>;
  return String(field).trim() === '=';
}

const LOOKED_AT = 4_096;
/** Of the bytes of a text that is mostly Latin letters, every second one is zero in UTF-16. */
const SHARE_OF_ZEROS = 0.2;

/* By the first bytes, because a file of another encoding has one wrong record after the other. */
async function refuseEncoding(handle: FileHandle): Promise<void> {
  const bytes = Buffer.alloc(LOOKED_AT);
  const { bytesRead } = await handle.read(bytes, 0, LOOKED_AT, 0);
  const found = encodingOf(bytes.subarray(0, bytesRead));
  if (found === null) return;
  throw new CsvFileError(
    `line 1: the file is ${found}, expected UTF-8: save it as "CSV UTF-8", or convert it: ` +
      `iconv -f ${found} -t UTF-8 OLD.csv > NEW.csv`,
  );
}

/* Null = UTF-8, or UTF-16LE with a byte order mark, which csv-parse reads. */
function encodingOf(bytes: Buffer): 'UTF-16LE' | 'UTF-16BE' | 'UTF-32' | null {
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
