/**
 * `import`: adds many rows from a CSV file, all or none and each once.
 *
 * Always holds: nothing is imported while one line is bad. Rows go in batches under keys made of the hash of the file
 * and the line, so the same command completes an import that broke off, and no other writer waits long.
 */
import { constants } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { Command } from 'commander';
import { codeOf } from '../../core/text/error-code.ts';
import { rowOf } from './csv-columns.ts';
import { CommandError, EXIT } from '../../terminal/exit-codes.ts';
import { refusalOf } from '../../spool/schema/constraints.ts';
import { dropOnceInto, type DropRow } from '../../spool/write/insert.ts';
import { isBusy, type Database } from '../../spool/file/open.ts';
import { printLine, say } from '../../terminal/print.ts';
import { checkFile, readRecords, type ImportSource } from './import-check.ts';
import { rowWarnings } from '../options/name-warnings.ts';
import { openToWrite } from '../open-spool.ts';

/** Rows of a transaction: a few milliseconds of lock, and one fsync. */
const BATCH = 500;
/** Each try waits as long as the connection's busy timeout. */
const TRIES = 12;
const PAUSE_MAX_MS = 100;

const HELP = `
The first line names the columns: recipient is required; text, sender, account,
type, body, udh, message_class, priority, send_at, expires_at, on_uncertain,
reference, campaign, idempotency_key, entity_id, content_id and account_ref are
possible. An empty cell is left out. Times are ISO-8601 (local time unless they
have a zone) or Unix seconds; +10m counts from now.

The recipient may also be headed phone, mobile, number or to; the text message,
msg, sms, content or (without a column type) body; the sender from.

Every line is checked first: if one is bad, each bad line is named and nothing
is imported. Then it says how many parts there will be, and which lines become
unicode because of which characters. An import that was broken off is completed
by the same command; rows that are in the spool are not added again.

Example:
  $ cat customers.csv
  recipient,text,campaign
  447700900000,"Hello, Ann",spring
  $ sms-spoold import customers.csv`;

export function importCommand(): Command {
  return new Command('import')
    .summary('add many messages from a CSV file')
    .description('Adds one message for every line of a CSV file (UTF-8, comma-separated).')
    .argument('<file>', 'the CSV file')
    .addHelpText('after', HELP)
    .option('--dry-run', 'check the file and say what it would become; import nothing')
    .action(importCsv);
}

async function importCsv(
  file: string,
  options: { readonly dryRun?: true },
  command: Command,
): Promise<void> {
  /* Opened before a command of root becomes the owner of the spool, who need not be allowed to read it. */
  await using handle = await openFile(file);
  const source = { file, handle, size: await sizeOf(file, handle), nowMs: Date.now() };
  using spool = openToWrite(command);
  const warningsAbout = rowWarnings(spool, source.nowMs);
  const { hash, messages, report } = await checkFile(source, spool.db, warningsAbout);
  for (const line of report) say(line);
  if (options.dryRun === true) {
    await printLine(`${messages} would be imported.`);
    return;
  }
  const { imported, present } = await importFile(spool.db, source, hash);
  const rest = present === 0 ? '' : `, ${present} ${present === 1 ? 'was' : 'were'} there already`;
  await printLine(`${imported} imported${rest}.`);
}

async function openFile(file: string): Promise<FileHandle> {
  try {
    /* Non-blocking, so that a pipe is refused instead of waited for. */
    return await open(file, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    const isMissing = codeOf(error) === 'ENOENT';
    throw isMissing ? new CommandError(`${file}: there is no such file`) : error;
  }
}

async function sizeOf(file: string, handle: FileHandle): Promise<number> {
  const found = await handle.stat();
  if (!found.isFile()) throw new CommandError(`${file} is not a regular file; it is read twice`);
  return found.size;
}

async function importFile(
  db: Database,
  source: ImportSource,
  hash: string,
): Promise<{ readonly imported: number; readonly present: number }> {
  const { file, nowMs } = source;
  const batch = new ImportBatch(db, file);
  const again = await readRecords(source, 'Importing', ({ line, cells, problem }, columns) => {
    if (cells === null) throw changed(file, `line ${line}: ${problem ?? 'unreadable'}`);
    const key = `import:${hash.slice(0, 16)}:${line}`;
    return batch.add({ line, row: { idempotency_key: key, ...rowOf(columns, cells, nowMs).row } });
  });
  await batch.commit();
  if (again !== hash) throw changed(file, 'it is not what was checked');
  return { imported: batch.imported, present: batch.seen - batch.imported };
}

function changed(file: string, what: string): CommandError {
  return new CommandError(
    `${file} changed while it was imported: ${what}. Look with sms-spoold list at what was added.`,
  );
}

interface FileRow {
  readonly line: number;
  readonly row: DropRow;
}

class ImportBatch {
  readonly #dropAll: (rows: readonly FileRow[]) => number;
  #rows: FileRow[] = [];
  imported = 0;
  /** Rows committed, those that were in the spool already included. */
  seen = 0;

  constructor(db: Database, file: string) {
    const dropOnce = dropOnceInto(db);
    const drop = ({ line, row }: FileRow): number | null => {
      try {
        return dropOnce(row);
      } catch (error) {
        const refusal = refusalOf(error, row);
        throw refusal === null ? error : changed(file, `line ${line}: ${refusal.sentence}`);
      }
    };
    const transaction = db.transaction(
      (rows: readonly FileRow[]) => rows.filter((row) => drop(row) !== null).length,
    );
    this.#dropAll = (rows) => transaction.immediate(rows);
  }

  /** Undefined = the batch is not full yet. */
  add(row: FileRow): Promise<void> | undefined {
    this.#rows.push(row);
    return this.#rows.length < BATCH ? undefined : this.commit();
  }

  async commit(): Promise<void> {
    const rows = this.#rows;
    this.#rows = [];
    const beganAt = performance.now();
    this.imported += await this.#dropWhenFree(rows);
    this.seen += rows.length;
    // Other writers get as much time as they were kept out.
    await sleep(Math.min(performance.now() - beganAt, PAUSE_MAX_MS));
  }

  async #dropWhenFree(rows: readonly FileRow[]): Promise<number> {
    for (let tries = 1; ; tries += 1) {
      try {
        return this.#dropAll(rows);
      } catch (cause) {
        if (!isBusy(cause)) throw cause;
        if (tries >= TRIES) {
          throw new CommandError(
            `another program holds a lock on the spool; ${this.imported} rows were imported. ` +
              `The same command completes the import.`,
            { cause, exitCode: EXIT.tryAgain },
          );
        }
        await sleep(PAUSE_MAX_MS);
      }
    }
  }
}
