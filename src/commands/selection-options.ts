/** Options that say which messages a command is about, alike for every command that takes a selection. */
import { InvalidArgumentError, Option, type Command } from 'commander';
import { ANY, type ControlFilter } from '../core/control-filter.ts';
import { STATES, type State } from '../core/message.ts';
import { parsePastInstant, PAST_FORMS } from '../terminal/times.ts';

export interface SelectionOptions {
  readonly state?: readonly State[];
  readonly reason?: string;
  readonly since?: number;
  readonly until?: number;
  readonly campaign?: string;
  readonly account?: string;
  readonly sender?: string;
}

/** Adds them to a command. */
export function withSelection(command: Command): Command {
  return command
    .addOption(new Option('--state <state...>', 'in this state, or one of these').choices(STATES))
    .option('--reason <reason>', 'whose state has this reason, like unroutable')
    .option('--since <time>', 'added at this time or later', parsePast)
    .option('--until <time>', 'added before this time', parsePast)
    .option('--campaign <name>', 'of this campaign')
    .option('--account <name>', 'of this account, named or by default')
    .option('--sender <sender>', 'from this sender, named or by default');
}

/** Null = the options name nothing. */
export function filterIn(options: SelectionOptions): ControlFilter | null {
  const { state, reason, since, until, campaign, account, sender } = options;
  const given = { states: state, reason, since, until, campaign, account, sender };
  const named = Object.entries(given).filter(([, value]) => value !== undefined);
  return named.length === 0 ? null : { ...ANY, ...Object.fromEntries(named) };
}

/** An instant that is over. */
export function parsePast(value: string): number {
  const instant = parsePastInstant(value, Date.now());
  if (instant === null) throw new InvalidArgumentError(`Expected ${PAST_FORMS}.`);
  return instant;
}
