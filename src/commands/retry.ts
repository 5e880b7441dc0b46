/** `retry`: sends messages now that wait for a time: a retry, a scheduled one, one that quiet hours hold. */
import { Command } from 'commander';
import { aboutMessages } from './messages-asked.ts';

export function retryCommand(): Command {
  const command = new Command('retry')
    .summary('send now what waits for a time')
    .description(
      'Ends the wait of messages that are to go at a later time: those in state retry, and those that are ' +
        'scheduled for later (send_at). They keep their attempts. Limits, pauses and quiet hours still hold. ' +
        'What is selected is what was there when it was asked and has not changed since.',
    )
    .addHelpText(
      'after',
      '\nExamples:\n  $ sms-spoold retry 41\n  $ sms-spoold retry --state retry --account main\n' +
        '  $ sms-spoold list --reason internal-error --ids | sms-spoold retry -',
    );
  return aboutMessages(command, 'retry');
}
