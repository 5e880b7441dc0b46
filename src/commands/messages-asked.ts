/** Which messages `cancel`, `requeue` and `retry` are about: ids, ids on standard input, or a selection. */
import { text } from 'node:stream/consumers';
import type { Command } from 'commander';
import { writeFilter, type ControlFilter } from '../core/control-filter.ts';
import { UsageError } from '../exit-codes.ts';
import type { ControlRequest } from '../spool/drop.ts';
import { printLine } from '../terminal/print.ts';
import { ask, withAskOptions, type AskOptions } from './ask.ts';
import { warnOfNames } from './names-asked.ts';
import { openToWrite } from './opened.ts';
import { filterIn, withSelection, type SelectionOptions } from './selection-options.ts';
import { parseId } from './show.ts';

type Verb = 'cancel' | 'requeue' | 'retry';
type MessagesOptions = AskOptions & SelectionOptions;

/** The word for ids on standard input. */
const STDIN = '-';
type Named = number | typeof STDIN;

/** Gives the command its arguments, options and action. */
export function aboutMessages(command: Command, verb: Verb): Command {
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
