/** `resume`: starts an account or a sender that was paused or suspended. */
import { Command } from 'commander';
import { aboutLane } from './lane-asked.ts';

export function resumeCommand(): Command {
  const command = new Command('resume')
    .summary('start it again')
    .description(
      'Starts an account, or one sender of it, that was paused. One that is suspended tries a single ' +
        'message at once and goes on if that is accepted.',
    )
    .addHelpText(
      'after',
      '\nExamples:\n  $ sms-spoold resume main\n  $ sms-spoold resume main --sender AcmeInc',
    );
  return aboutLane(command, 'resume');
}
