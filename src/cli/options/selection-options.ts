/** Declares the options that select rows, the same for every command: which messages, and how many rows of a table. */
import { InvalidArgumentError, Option, type Command } from 'commander';
import { ANY, type ControlFilter } from '../../core/message/control-filter.ts';
import { STATES, type State } from '../../core/message/message.ts';
import { UsageError } from '../../terminal/exit-codes.ts';
import { parsePastInstant, PAST_FORMS } from '../../terminal/times.ts';

export interface SelectedMessages {
  readonly state?: readonly State[];
  readonly reason?: string;
  readonly since?: number;
  readonly until?: number;
  readonly campaign?: string;
  readonly account?: string;
  readonly sender?: string;
}

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
export function filterIn(options: SelectedMessages): ControlFilter | null {
  const { state, reason, since, until, campaign, account, sender } = options;
  const given = { states: state, reason, since, until, campaign, account, sender };
  const named = Object.entries(given).filter(([, value]) => value !== undefined);
  return named.length === 0 ? null : { ...ANY, ...Object.fromEntries(named) };
}

function parsePast(value: string): number {
  const instant = parsePastInstant(value, Date.now());
  if (instant === null) throw new InvalidArgumentError(`Expected ${PAST_FORMS}.`);
  return instant;
}

export function withLimit(command: Command): Command {
  return command.option('--limit <number>', 'list no more than this number', countingNumber, 20);
}

/** A whole number of at most nine digits. */
export function wholeNumber(value: string): number {
  if (/^\d{1,9}$/.test(value)) return Number(value);
  throw new InvalidArgumentError('Expected a whole number.');
}

/** The same, but not 0. */
export function countingNumber(value: string): number {
  if (wholeNumber(value) > 0) return Number(value);
  throw new InvalidArgumentError('Expected a whole number from 1 on.');
}

/** A table is laid out as a whole in memory. */
const TABLE_MAX = 10_000;

/** Throws UsageError for more rows than a table shows. */
export function checkTableLimit(limit: number, what: string): void {
  if (limit <= TABLE_MAX) return;
  throw new UsageError(`--limit: a table shows at most ${TABLE_MAX} ${what}; --json shows more`);
}

export function parseId(value: string): number {
  if (!/^[1-9]\d{0,15}$/.test(value)) {
    throw new InvalidArgumentError('Expected the id of a message, a whole number.');
  }
  return Number(value);
}
