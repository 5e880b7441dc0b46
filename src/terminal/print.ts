/**
 * Standard output of the commands. The reader may leave early (`| head`): that ends the command quietly,
 * since nobody is left to read the rest. The daemon does not print through here.
 */
import { once } from 'node:events';

let isWatched = false;

/** Writes one line; resolves when there is room for the next, so that memory stays flat. */
export async function printLine(line: string): Promise<void> {
  await print(`${line}\n`);
}

/** Writes text as it is; resolves when there is room for more. */
export async function print(text: string): Promise<void> {
  leaveWithTheReader();
  if (!process.stdout.write(text)) await once(process.stdout, 'drain');
}

/** One JSON document per line. */
export async function printJson(document: unknown): Promise<void> {
  await printLine(JSON.stringify(document));
}

/** Ends the process without a word when standard output has no reader any more. */
export function leaveWithTheReader(): void {
  if (isWatched) return;
  isWatched = true;
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit();
    throw error;
  });
}
