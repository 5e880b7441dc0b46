/** `pause`: stops an account or a sender; its messages wait. */
import { Command } from 'commander';
import { aboutLane } from './lane-asked.ts';

export function pauseCommand(): Command {
  const command = new Command('pause')
    .summary('stop an account, a sender or everything')
    .description(
      'Stops an account, one sender of it, or with --all everything. Its messages wait and keep their attempts, but their ' +
        'validity runs on. Stays so over restarts, until it is resumed.',
    )
    .addHelpText(
      'after',
      '\nExamples:\n  $ sms-spoold pause main\n  $ sms-spoold pause main --sender AcmeInc\n' +
        '  $ sms-spoold pause --all',
    );
  return aboutLane(command, 'pause');
}
