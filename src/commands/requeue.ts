/** `requeue`: sends messages again that ended without being delivered. */
import { Command } from 'commander';
import { aboutMessages } from './messages-asked.ts';

export function requeueCommand(): Command {
  const command = new Command('requeue')
    .summary('send messages again')
    .description(
      'Starts messages over that failed, expired, were cancelled or stayed unconfirmed. Unless every ' +
        'attempt was surely refused, the recipient may get the message twice. ' +
        'A selection takes cancelled messages only with --state cancelled, and only what was there when it was ' +
        'asked and has not changed since.',
    )
    .addHelpText(
      'after',
      '\nExamples:\n  $ sms-spoold requeue 41 42\n  $ sms-spoold requeue --campaign spring --wait 10s\n' +
        '  $ sms-spoold requeue --state permanent-failure --reason invalid-credentials',
    );
  return aboutMessages(command, 'requeue');
}
