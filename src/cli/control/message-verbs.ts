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
  type SelectedMessages,
} from '../options/selection-options.ts';

/** Ids are read from standard input. */
const STDIN = '-';
type GivenId = number | typeof STDIN;

const VERBS = {
  cancel: {
    summary: 'cancel messages',
    description:
      'Takes messages back before they are sent. One that is being sent is taken back if it returns; one ' +
      'that is uncertain is never sent again; what was accepted cannot be cancelled. ' +
      'What is selected is what was there when it was asked; other messages are sent meanwhile.',
    examples: `
  $ sms-spoold cancel 41 42
  $ sms-spoold cancel --campaign spring
  $ sms-spoold cancel --sender AcmeInc --since 2h
  $ sms-spoold list --reason throttled --ids | sms-spoold cancel -`,
  },
  requeue: {
    summary: 'send messages again',
    description:
      'Starts messages over that failed, expired, were cancelled or stayed unconfirmed. Unless every ' +
      'attempt was surely refused, the recipient may get the message twice. ' +
      'A selection takes cancelled messages only with --state cancelled, and only what was there when it was ' +
      'asked and has not changed since.',
    examples: `
  $ sms-spoold requeue 41 42
  $ sms-spoold requeue --campaign spring --wait 10s
  $ sms-spoold requeue --state permanent-failure --reason invalid-credentials`,
  },
  retry: {
    summary: 'send messages now that wait for a later time',
    description:
      'Ends the wait of messages that are to go at a later time: those in state retry, and those that are ' +
      'scheduled for later (send_at). They keep their attempts. Limits, pauses and quiet hours still hold. ' +
      'What is selected is what was there when it was asked and has not changed since.',
    examples: `
  $ sms-spoold retry 41
  $ sms-spoold retry --state retry --account main
  $ sms-spoold list --reason internal-error --ids | sms-spoold retry -`,
  },
} as const;
type CommandVerb = keyof typeof VERBS;

export function messagesCommand(verb: CommandVerb): Command {
  const { summary, description, examples } = VERBS[verb];
  const command = new Command(verb)
    .summary(summary)
    .description(description)
    .addHelpText('after', `\nExamples:${examples}`)
    .argument(
      '[id...]',
      'ids of messages; - reads them from standard input',
      (id: string, before: readonly GivenId[]): readonly GivenId[] => [
        ...before,
        id === STDIN ? STDIN : parseId(id),
      ],
      [],
    )
    .action(
      async (ids: readonly GivenId[], options: AskOptions & SelectedMessages, self: Command) => {
        const requests = await requestsOf(verb, ids, filterIn(options));
        if (requests.length === 0) {
          await printLine('Standard input has no ids; nothing was requested.');
          return;
        }
        using spool = openToWrite(self);
        warnOfNames(options, spool);
        await ask(spool.db, requests, options);
      },
    );
  return withAskOptions(withSelection(command));
}

async function requestsOf(
  verb: CommandVerb,
  ids: readonly GivenId[],
  filter: ControlFilter | null,
): Promise<readonly ControlRequest[]> {
  if ((ids.length === 0) === (filter === null)) {
    throw new UsageError(
      `${verb}: expected ids of messages, or options that select some such as --campaign NAME, and not both`,
    );
  }
  if (filter === null) return (await readIds(ids)).map((messageId) => ({ verb, messageId }));
  const { campaign, ...rest } = filter;
  const isCampaignAlone = campaign !== null && Object.values(rest).every((one) => one === null);
  return isCampaignAlone ? [{ verb, campaign }] : [{ verb, filter: writeFilter(filter) ?? '{}' }];
}

async function readIds(ids: readonly GivenId[]): Promise<readonly number[]> {
  const given = ids.filter((id) => id !== STDIN);
  if (given.length === ids.length) return given;
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
