/**
 * Standard output and standard error of the commands: the one place that writes there, and that escapes what
 * it writes. The daemon's log does not go through here (see log/status-log.ts).
 *
 * Always holds: what a reader sees is text. A control sequence reaches a terminal only as `Safe` (safe.ts).
 * The reader may leave early (`| head`): that ends the command quietly. Any other failure of standard output
 * ends it with one line and exit code 1.
 */
import { once } from 'node:events';
import { EXIT } from './exit-codes.ts';
import { joined, ourOwn, safeJson, safeLine, safeLines, type Safe } from './safe.ts';

const LINE_END = ourOwn('\n');

let isWatched = false;

/** Writes one line, whatever stands in it; resolves when there is room for the next. */
export async function printLine(line: string): Promise<void> {
  await printSafe(joined([safeLine(line), LINE_END]));
}

/** Writes text of several lines; resolves when there is room for more, so that memory stays flat. */
export async function print(text: string): Promise<void> {
  await printSafe(safeLines(text));
}

/** Writes text that is escaped already, and perhaps coloured. */
export async function printSafe(text: Safe): Promise<void> {
  if (!writeSafe(text)) await once(process.stdout, 'drain');
}

/** One JSON document per line; parsing gives what was there. */
export async function printJson(document: unknown): Promise<void> {
  await printSafe(joined([safeJson(document), LINE_END]));
}

/** Writes without waiting: for what is small, or has nobody to wait. False = the reader is behind. */
export function writeSafe(text: Safe): boolean {
  watchOutput();
  return process.stdout.write(text);
}

/** Lines for the reader on standard error: an error, a warning, a question. */
export function say(...lines: readonly string[]): void {
  for (const line of lines) process.stderr.write(joined([safeLine(line), LINE_END]));
}

/* Without this a failed write would be an uncaught error with a stack. */
function watchOutput(): void {
  if (isWatched) return;
  isWatched = true;
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit();
    say(`sms-spoold: standard output cannot be written: ${error.code ?? ''} ${error.message}`);
    process.exit(EXIT.failed);
  });
}
