/** `completion`: prints a script that completes commands and options in a shell, and the names that it offers. */
import { Argument, Command, Option } from 'commander';
import { makeProgram } from '../cli.ts';
import { bashCompletion } from '../manual/bash.ts';
import { fishCompletion } from '../manual/fish.ts';
import type { Outline } from '../manual/outline.ts';
import { outlineOf } from '../manual/outline.ts';
import { zshCompletion } from '../manual/zsh.ts';
import { campaignNames } from '../spool/campaign.ts';
import { accountNames } from '../spool/statistics.ts';
import { UsageError } from '../exit-codes.ts';
import { print, printLine } from '../terminal/print.ts';
import { openToRead } from './opened.ts';

const SCRIPTS = {
  bash: bashCompletion,
  zsh: zshCompletion,
  fish: fishCompletion,
} as const satisfies Readonly<Record<string, (outline: Outline) => string>>;

const NAMES = ['accounts', 'campaigns'] as const;
/** More are not offered. */
const NAMES_MAX = 1_000;
const PLAIN = /^[\w.@:+][\w.@:+-]*$/;

/** The shells that there is a script for. */
export type Shell = keyof typeof SCRIPTS;
export const SHELLS = Object.keys(SCRIPTS) as readonly Shell[];

export function completionCommand(): Command {
  return new Command('completion')
    .summary('completion of commands and options for your shell')
    .description(
      'Prints a script that lets the shell complete commands, options, accounts and campaigns. ' +
        'The Debian package has installed it already.',
    )
    .addArgument(new Argument('[shell]', 'the shell').choices(SHELLS))
    .addOption(
      new Option('--names <which>', 'instead: names of the spool, for these scripts').choices([
        ...NAMES,
      ]),
    )
    .addHelpText('after', HELP)
    .action(complete);
}

interface CompletionOptions {
  readonly names?: (typeof NAMES)[number];
}

async function complete(
  shell: Shell | undefined,
  { names }: CompletionOptions,
  command: Command,
): Promise<void> {
  if ((shell === undefined) === (names === undefined)) {
    throw new UsageError(`expected a shell (${SHELLS.join(', ')}) or --names, and not both`);
  }
  if (shell !== undefined) await print(await completionOf(shell));
  else for (const name of namesFrom(command, names ?? 'accounts')) await printLine(name);
}

/* Shells expand what they complete with: a name that could be more than a name is left out. */
function namesFrom(command: Command, which: (typeof NAMES)[number]): readonly string[] {
  using spool = openToRead(command);
  const names =
    which === 'campaigns'
      ? campaignNames(spool.db, NAMES_MAX)
      : [...spool.config.accounts.map(({ name }) => name), ...accountNames(spool.db)];
  return [...new Set(names)].filter((name) => PLAIN.test(name)).toSorted();
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
