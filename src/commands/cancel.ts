/** `cancel`: takes messages back that were not sent. */
import { Command } from 'commander';
import { aboutMessages } from './messages-asked.ts';

export function cancelCommand(): Command {
  const command = new Command('cancel')
    .summary('take messages back')
    .description(
      'Takes messages back before they are sent. One that is being sent is taken back if it returns; one ' +
        'that is uncertain is never sent again; what was accepted cannot be cancelled. ' +
        'What is selected is what was there when it was asked; other messages are sent meanwhile.',
    )
    .addHelpText(
      'after',
      '\nExamples:\n  $ sms-spoold cancel 41 42\n  $ sms-spoold cancel --campaign spring\n' +
        '  $ sms-spoold cancel --sender AcmeInc --since 2h\n' +
        '  $ sms-spoold list --reason throttled --ids | sms-spoold cancel -',
    );
  return aboutMessages(command, 'cancel');
}
