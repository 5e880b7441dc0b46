/** `completion`: prints a script that completes commands and options in a shell. Reads nothing, writes nothing. */
import { Argument, Command } from 'commander';
import { makeProgram } from '../cli.ts';
import { bashCompletion } from '../manual/bash.ts';
import { fishCompletion } from '../manual/fish.ts';
import type { Outline } from '../manual/outline.ts';
import { outlineOf } from '../manual/outline.ts';
import { zshCompletion } from '../manual/zsh.ts';
import { print } from '../terminal/print.ts';

const SCRIPTS = {
  bash: bashCompletion,
  zsh: zshCompletion,
  fish: fishCompletion,
} as const satisfies Readonly<Record<string, (outline: Outline) => string>>;

/** The shells that there is a script for. */
export type Shell = keyof typeof SCRIPTS;
export const SHELLS = Object.keys(SCRIPTS) as readonly Shell[];

export function completionCommand(): Command {
  return new Command('completion')
    .summary('completion of commands and options for your shell')
    .description(
      'Prints a script that lets the shell complete commands, options and what may be written for them. ' +
        'The Debian package has installed it already.',
    )
    .addArgument(new Argument('<shell>', 'the shell').choices(SHELLS))
    .addHelpText('after', HELP)
    .action(async (shell: Shell) => {
      await print(await completionOf(shell));
    });
}

const HELP = `
Examples:
  $ source <(sms-spoold completion bash)
  $ sms-spoold completion zsh > ~/.zfunc/_sms-spoold
  $ sms-spoold completion fish > ~/.config/fish/completions/sms-spoold.fish`;

/** The script for a shell. */
export async function completionOf(shell: Shell): Promise<string> {
  return SCRIPTS[shell](outlineOf(await makeProgram()));
}
