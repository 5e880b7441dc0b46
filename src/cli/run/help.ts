/** `help` and `version`: print the same as --help and --version. */
import { Command } from 'commander';
import { printLine } from '../../terminal/print.ts';
import { readVersion } from '../../version.ts';

/** `show` prints the help of a command, or of the program where it is null. */
export function helpCommand(show: (name: string | null) => Promise<void>): Command {
  return new Command('help')
    .summary('show this help, or that of a command')
    .description('Shows the list of commands, or the help of one command.')
    .argument('[command]', 'name of a command')
    .addHelpText('after', '\nExample:\n  $ sms-spoold help list')
    .action(async (name: string | undefined) => {
      await show(name ?? null);
    });
}

export function versionCommand(): Command {
  return new Command('version')
    .summary('show the version')
    .description('Shows the version of the program, as --version does.')
    .addHelpText('after', '\nExample:\n  $ sms-spoold version')
    .action(async () => {
      await printLine(readVersion());
    });
}
