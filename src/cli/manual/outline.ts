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

export interface Place {
  /** '' = before any command. */
  readonly command: string;
  /** Those of the command and those of the program. */
  readonly options: readonly OptionOutline[];
  /** The first argument that can be completed; null = none can. */
  readonly argument: ArgumentOutline | null;
}

/** Before any command, then after each, in the order of the help. */
export function placesOf({ program, commands }: Outline): readonly Place[] {
  const first = { command: '', options: program.options, argument: null };
  return [
    first,
    ...commands.map(({ name, options, arguments: all }) => {
      const own = new Set(options.flatMap(optionNames));
      const everywhere = program.options.filter(
        (option) => !optionNames(option).some((one) => own.has(one)),
      );
      const argument =
        all.find((one) => one.choices !== null || takesFile(one) || namesMeant(one) !== null) ??
        null;
      return { command: name, options: [...options, ...everywhere], argument };
    }),
  ];
}

/** `-h` and `--help`, whichever there are. */
export function optionNames({ short, long }: OptionOutline): readonly string[] {
  return [short, long].filter((name) => name !== null);
}

/** What names of the spool are meant; null = none. */
export function namesMeant({ name, of }: Value): 'accounts' | 'campaigns' | null {
  if (of === '--campaign') return 'campaigns';
  if (of === '--account' || name === 'account') return 'accounts';
  return null;
}

/**
 * The command that prints them, one a line. Shells expand what it prints, so it leaves out names with other
 * characters than letters, digits and . _ @ : + -
 */
export function namesCommand(names: 'accounts' | 'campaigns'): string {
  return `sms-spoold completion --names ${names} 2>/dev/null`;
}

/** Whether a file of this machine is meant. */
export function takesFile({ name }: Value): boolean {
  return name === 'file';
}

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
