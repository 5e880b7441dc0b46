/** `completion`: prints the completion script of a shell, and the names of the spool that the script offers. */
import { Argument, Command, Option } from 'commander';
import { COMPLETION_SCRIPTS } from '../manual/completion-scripts.ts';
import { outlineOf } from '../manual/outline.ts';
import { campaignNames } from '../../spool/read/statistics.ts';
import { UsageError } from '../../terminal/exit-codes.ts';
import { print, printLine } from '../../terminal/print.ts';
import { accountsKnown } from '../options/name-warnings.ts';
import { openToRead } from '../open-spool.ts';

const NAMES = ['accounts', 'campaigns'] as const;
/** More are not offered. */
const NAMES_MAX = 1_000;
const PLAIN = /^[\w.@:+][\w.@:+-]*$/;

export type Shell = keyof typeof COMPLETION_SCRIPTS;
export const SHELLS = Object.keys(COMPLETION_SCRIPTS) as readonly Shell[];

/** `program` makes the whole program, with all its commands. */
export function completionCommand(program: () => Promise<Command>): Command {
  return new Command('completion')
    .summary('print a completion script for your shell')
    .description(
      'Prints a script that lets the shell complete commands, options, accounts and campaigns. ' +
        'The Debian package has installed it already.',
    )
    .addArgument(new Argument('[shell]', 'the shell').choices(SHELLS))
    .addOption(
      new Option('--names <which>', 'instead: names of the spool, for these scripts').choices(
        NAMES,
      ),
    )
    .addHelpText('after', HELP)
    .action(async (shell: Shell | undefined, { names }: CompletionOptions, self: Command) => {
      if ((shell === undefined) === (names === undefined)) {
        throw new UsageError(`expected a shell (${SHELLS.join(', ')}) or --names, and not both`);
      }
      if (shell !== undefined) await print(completionOf(shell, await program()));
      else for (const name of namesFrom(self, names ?? 'accounts')) await printLine(name);
    });
}

interface CompletionOptions {
  readonly names?: (typeof NAMES)[number];
}

/* Shells expand these names: one with other characters is left out. */
function namesFrom(command: Command, which: (typeof NAMES)[number]): readonly string[] {
  using spool = openToRead(command);
  const names = which === 'campaigns' ? campaignNames(spool.db, NAMES_MAX) : accountsKnown(spool);
  return [...new Set(names)].filter((name) => PLAIN.test(name)).toSorted();
}

const HELP = `
Examples:
  $ source <(sms-spoold completion bash)
  $ sms-spoold completion zsh > ~/.zfunc/_sms-spoold
  $ sms-spoold completion fish > ~/.config/fish/completions/sms-spoold.fish`;

export function completionOf(shell: Shell, program: Command): string {
  return COMPLETION_SCRIPTS[shell](outlineOf(program));
}
