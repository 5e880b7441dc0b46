/** Writes the manual page and the completions of shells, made from the program's own definitions. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeProgram } from '../cli/program.ts';
import { completionOf, SHELLS } from '../cli/run/completion.ts';
import { manPage } from '../cli/manual/man-page.ts';
import { outlineOf } from '../cli/manual/outline.ts';
import { readVersion } from '../version.ts';
import { sourceDate } from './checkout.ts';

/** The names under which shells look for completions. */
const COMPLETION_FILES = {
  bash: 'sms-spoold',
  zsh: '_sms-spoold',
  fish: 'sms-spoold.fish',
} as const;

/** Into `folder`: man/sms-spoold.1, completions/. Help is laid out for 80 columns, whatever the terminal. */
export async function writeDocuments(folder: string): Promise<void> {
  for (const name of ['man', 'completions']) mkdirSync(join(folder, name), { recursive: true });
  const program = await makeProgram();
  program.configureOutput({ getOutHelpWidth: () => 80 });
  const edition = { version: readVersion(), date: sourceDate().toISOString().slice(0, 10) };
  writeFileSync(join(folder, 'man/sms-spoold.1'), manPage(outlineOf(program), edition));
  for (const shell of SHELLS) {
    const file = join(folder, 'completions', COMPLETION_FILES[shell]);
    writeFileSync(file, completionOf(shell, program));
  }
}
