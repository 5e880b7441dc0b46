/** Which messages `cancel` and `requeue` are about: ids, or one campaign, never both. */
import type { Command } from 'commander';
import { UsageError } from '../exit-codes.ts';
import type { ControlRequest } from '../spool/drop.ts';
import { ask, withAskOptions, type AskOptions } from './ask.ts';
import { openToWrite } from './opened.ts';
import { parseId } from './show.ts';

type Verb = 'cancel' | 'requeue';

interface MessagesOptions extends AskOptions {
  readonly campaign?: string;
}

/** Gives the command its arguments, options and action. */
export function aboutMessages(command: Command, verb: Verb): Command {
  return withAskOptions(command)
    .argument(
      '[id...]',
      'ids of messages',
      (id: string, before: readonly number[]) => [...before, parseId(id)],
      [],
    )
    .option('--campaign <name>', 'all messages of a campaign instead')
    .action(async (ids: readonly number[], options: MessagesOptions, self: Command) => {
      const requests = requestsOf(verb, ids, options.campaign ?? null);
      using spool = openToWrite(self);
      await ask(spool.db, requests, options);
    });
}

function requestsOf(
  verb: Verb,
  ids: readonly number[],
  campaign: string | null,
): readonly ControlRequest[] {
  if (campaign === null && ids.length > 0) {
    return ids.map((messageId) => ({ verb, messageId }));
  }
  if (campaign !== null && ids.length === 0) return [{ verb, campaign }];
  throw new UsageError(`${verb}: expected ids of messages, or --campaign NAME, and not both`);
}
