/** `cancel`, `requeue` and `retry`: each is about ids, ids on standard input, or a selection of messages. */
import { text } from 'node:stream/consumers';
import { Command } from 'commander';
import { writeFilter, type ControlFilter } from '../../core/message/control-filter.ts';
import { UsageError } from '../../terminal/exit-codes.ts';
import type { ControlRequest } from '../../spool/write/insert.ts';
import { printLine } from '../../terminal/print.ts';
import { ask, withAskOptions, type AskOptions } from '../options/control-request.ts';
import { warnOfNames } from '../options/name-warnings.ts';
import { openToWrite } from '../open-spool.ts';
import {
  filterIn,
  parseId,
  withSelection,
  type SelectionOptions,
} from '../options/selection-options.ts';

type Verb = 'cancel' | 'requeue' | 'retry';
type MessagesOptions = AskOptions & SelectionOptions;

/** The word for ids on standard input. */
const STDIN = '-';
type Named = number | typeof STDIN;

/** Takes messages back that were not sent. */
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

/** Sends messages again that ended without being delivered. */
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

/** Sends messages now that wait for a time: a retry, a scheduled one, one that quiet hours hold. */
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

function aboutMessages(command: Command, verb: Verb): Command {
  return withAskOptions(withSelection(command))
    .argument(
      '[id...]',
      'ids of messages; - reads them from standard input',
      (id: string, before: readonly Named[]): readonly Named[] => [
        ...before,
        id === STDIN ? STDIN : parseId(id),
      ],
      [],
    )
    .action(async (named: readonly Named[], options: MessagesOptions, self: Command) => {
      const requests = await requestsOf(verb, named, filterIn(options));
      if (requests.length === 0) {
        await printLine('No ids came on standard input; nothing was asked.');
        return;
      }
      using spool = openToWrite(self);
      warnOfNames(options, spool);
      await ask(spool.db, requests, options);
    });
}

async function requestsOf(
  verb: Verb,
  named: readonly Named[],
  filter: ControlFilter | null,
): Promise<readonly ControlRequest[]> {
  const isOne = (named.length === 0) !== (filter === null);
  if (!isOne) {
    throw new UsageError(
      `${verb}: expected ids of messages, or options that select some such as --campaign NAME, and not both`,
    );
  }
  if (filter === null) {
    const ids = await idsOf(named);
    return ids.map((messageId) => ({ verb, messageId }));
  }
  const { campaign, ...rest } = filter;
  const isCampaignAlone = campaign !== null && Object.values(rest).every((one) => one === null);
  return isCampaignAlone ? [{ verb, campaign }] : [{ verb, filter: writeFilter(filter) ?? '{}' }];
}

async function idsOf(named: readonly Named[]): Promise<readonly number[]> {
  const given = named.filter((one) => one !== STDIN);
  if (given.length === named.length) return given;
  const words = (await text(process.stdin)).split(/\s+/).filter((word) => word !== '');
  return [...given, ...words.map(idIn)];
}

function idIn(word: string): number {
  const id = /^\d{1,15}$/.test(word) ? Number(word) : 0;
  if (id > 0) return id;
  throw new UsageError(
    `standard input: ${JSON.stringify(word)} is no id of a message; expected whole numbers, one a line`,
  );
}
