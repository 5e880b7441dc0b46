/**
 * The command line as plain data: commands, arguments, options and what may be written for them, read from
 * the program's own definitions. Completions and the manual page are made from it and from nothing else.
 *
 * Always holds: what is hidden from the help is not in it.
 */
import type { Argument, Command, Option } from 'commander';

/** What stands after an option, or for an argument. */
export interface Value {
  /** As in the help: `file`, `name`, `0-9`. */
  readonly name: string;
  /** The option it is the value of, like `--account`; null = it is an argument. */
  readonly of: string | null;
  readonly isRequired: boolean;
  /** Everything that may be written; null = anything. */
  readonly choices: readonly string[] | null;
  /** Several may follow each other. */
  readonly isVariadic: boolean;
}

export interface OptionOutline {
  /** Like `--state`; null = it has none. */
  readonly long: string | null;
  readonly short: string | null;
  /** What it does, without choices and default. */
  readonly summary: string;
  /** The same with them, as the help has it. */
  readonly words: string;
  /** null = a switch. */
  readonly value: Value | null;
}

export interface ArgumentOutline extends Value {
  readonly words: string;
}

export interface CommandOutline {
  readonly name: string;
  /** The heading in the list of commands. */
  readonly group: string;
  readonly summary: string;
  readonly description: string;
  readonly arguments: readonly ArgumentOutline[];
  readonly options: readonly OptionOutline[];
  /** What the help says after the options: examples, tables, paragraphs. */
  readonly epilogue: string;
}

export interface Outline {
  /** The program itself; its options hold in every command. */
  readonly program: CommandOutline;
  /** In the order of the help. */
  readonly commands: readonly CommandOutline[];
}

/** The outline of a program whose commands have no commands of their own. */
export function outlineOf(program: Command): Outline {
  const help = program.createHelp();
  return {
    program: outlineOfCommand(program),
    commands: help.visibleCommands(program).map(outlineOfCommand),
  };
}

function outlineOfCommand(command: Command): CommandOutline {
  const help = Object.assign(command.createHelp(), command.configureHelp());
  return {
    name: command.name(),
    group: command.helpGroup().replace(/:$/, ''),
    summary: command.summary(),
    description: command.description(),
    arguments: command.registeredArguments.map((argument) => ({
      ...valueOf(argument, { name: argument.name(), of: null }),
      words: help.argumentDescription(argument),
    })),
    options: help.visibleOptions(command).map((option) => ({
      long: option.long ?? null,
      short: option.short ?? null,
      summary: option.description,
      words: help.optionDescription(option),
      value:
        option.required || option.optional
          ? valueOf(option, { name: placeholderOf(option), of: option.long ?? null })
          : null,
    })),
    epilogue: epilogueOf(command),
  };
}

function valueOf(written: Argument | Option, named: Pick<Value, 'name' | 'of'>): Value {
  return {
    ...named,
    isRequired: written.required,
    choices: written.argChoices ?? null,
    isVariadic: written.variadic,
  };
}

function placeholderOf(option: Option): string {
  const written = /[<[]([^\]>]+)[\]>]/.exec(option.flags)?.[1] ?? '';
  return written.replace('...', '');
}

/* addHelpText keeps no text that could be asked for: what help prints beyond the information is it. */
function epilogueOf(command: Command): string {
  const before = command.configureOutput();
  let printed = '';
  try {
    command.configureOutput({ writeOut: (text) => (printed += text) });
    command.outputHelp();
  } finally {
    command.configureOutput(before);
  }
  return printed.slice(command.helpInformation().length).trim();
}
