/**
 * Writes standard output and standard error of the commands, escaped. The log of the daemon does not use it (see
 * log/status-log.ts).
 *
 * Always holds: a control sequence reaches a terminal only as `Safe` (safe.ts). A reader that closes the pipe early
 * (`| head`) ends the command quietly; any other failure of standard output ends it with one line and exit code 1.
 */
import { once } from 'node:events';
import { EXIT } from './exit-codes.ts';
import { joined, ourOwn, safeJson, safeLine, safeLines, type Safe } from './safe.ts';

const LINE_END = ourOwn('\n');

let isWatched = false;

/** Writes one line; resolves when there is room for the next. */
export async function printLine(line: string): Promise<void> {
  await printSafe(joined([safeLine(line), LINE_END]));
}

/** Writes text of several lines; resolves when there is room for more, so that memory does not grow. */
export async function print(text: string): Promise<void> {
  await printSafe(safeLines(text));
}

export async function printSafe(text: Safe): Promise<void> {
  if (!writeSafe(text)) await once(process.stdout, 'drain');
}

/** One JSON document per line; parsing gives what was there. */
export async function printJson(document: unknown): Promise<void> {
  await printSafe(joined([safeJson(document), LINE_END]));
}

/** Writes without waiting. False = the reader is slow: wait for `drain` before more. */
export function writeSafe(text: Safe): boolean {
  watchOutput();
  return process.stdout.write(text);
}

/** Writes lines to standard error. */
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
