/** `requeue`: sends messages again that ended without being delivered. */
import { Command } from 'commander';
import { aboutMessages } from './messages-asked.ts';

export function requeueCommand(): Command {
  const command = new Command('requeue')
    .summary('send messages again')
    .description(
      'Starts messages over that failed, expired, were cancelled or stayed unconfirmed. Unless every ' +
        'attempt was surely refused, the recipient may get the message twice.',
    )
    .addHelpText(
      'after',
      '\nExamples:\n  $ sms-spoold requeue 41 42\n  $ sms-spoold requeue --campaign spring --wait 10s',
    );
  return aboutMessages(command, 'requeue');
}
