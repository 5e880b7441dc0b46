/**
 * What the help says of an option or an argument: its words, what may be written for it, and what holds when
 * it is left out, each once and without quotation marks.
 */
import type { Argument, Option } from 'commander';

/** `in this state (queued, retry or sending; default: queued)`. */
export function wordsOfOption(option: Option): string {
  const hasValue = option.required || option.optional;
  return withExtras(option.description, [
    choicesOf(option),
    hasValue ? defaultOf(option) : null,
    option.optional && typeof option.presetArg === 'string'
      ? `without a value: ${option.presetArg}`
      : null,
  ]);
}

/** The same of an argument. */
export function wordsOfArgument(argument: Argument): string {
  return withExtras(argument.description, [choicesOf(argument), defaultOf(argument)]);
}

function withExtras(words: string, extras: readonly (string | null)[]): string {
  const said = extras.filter((extra) => extra !== null);
  return said.length === 0 ? words : `${words} (${said.join('; ')})`;
}

function choicesOf({ argChoices = [] }: Argument | Option): string | null {
  if (argChoices.length === 0) return null;
  if (argChoices.length === 1) return argChoices.join();
  return `${argChoices.slice(0, -1).join(', ')} or ${argChoices.at(-1) ?? ''}`;
}

/* An empty list is what a command begins with, and nothing a person would write. */
function defaultOf(of: Argument | Option): string | null {
  const value: unknown = of.defaultValue;
  if (of.defaultValueDescription !== undefined) return `default: ${of.defaultValueDescription}`;
  const isPlain = typeof value === 'string' || typeof value === 'number';
  return isPlain ? `default: ${value}` : null;
}
