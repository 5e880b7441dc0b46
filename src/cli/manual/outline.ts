/**
 * Reads the command line as plain data from the definitions of the program: commands, arguments, options and their
 * possible values. Completion and the manual page are made from this alone. What the help hides is left out.
 */
import type { Argument, Command, Option } from 'commander';

/** The value of an option, or an argument. */
export interface ValueOutline {
  /** As in the help: `file`, `name`, `0-9`. */
  readonly name: string;
  /** The option it is the value of, like `--account`; null = it is an argument. */
  readonly of: string | null;
  readonly isRequired: boolean;
  /** Null = anything. */
  readonly choices: readonly string[] | null;
  readonly isVariadic: boolean;
}

export interface OptionOutline {
  /** Like `--state`. */
  readonly long: string | null;
  readonly short: string | null;
  /** Without choices and default. */
  readonly summary: string;
  /** With them, as in the help. */
  readonly words: string;
  /** null = a switch. */
  readonly value: ValueOutline | null;
}

export interface ArgumentOutline extends ValueOutline {
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

function valueOf(
  { required: isRequired, argChoices, variadic: isVariadic }: Argument | Option,
  named: Pick<ValueOutline, 'name' | 'of'>,
): ValueOutline {
  return { ...named, isRequired, choices: argChoices ?? null, isVariadic };
}

function placeholderOf(option: Option): string {
  const written = /[<[]([^\]>]+)[\]>]/.exec(option.flags)?.[1] ?? '';
  return written.replace('...', '');
}

/* addHelpText offers no way to read its text: it is what help prints after the information. */
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

/** What can be completed after a command. */
export interface CompletionContext {
  /** '' = before any command. */
  readonly command: string;
  /** Those of the command, then those of the program. */
  readonly options: readonly OptionOutline[];
  /** The first that can be completed; null = none can. */
  readonly argument: ArgumentOutline | null;
}

/** Before any command, then after each, in the order of the help. */
export function contextsOf({ program, commands }: Outline): readonly CompletionContext[] {
  const canComplete = (one: ValueOutline): boolean =>
    one.choices !== null || takesFile(one) || namesMeant(one) !== null;
  return [
    { command: '', options: program.options, argument: null },
    ...commands.map(({ name, options, arguments: all }) => {
      const own = new Set(options.flatMap(optionNames));
      const others = program.options.filter(
        (option) => !optionNames(option).some((one) => own.has(one)),
      );
      return {
        command: name,
        options: [...options, ...others],
        argument: all.find(canComplete) ?? null,
      };
    }),
  ];
}

/** `-h` and `--help`, whichever there are. */
export function optionNames({ short, long }: OptionOutline): readonly string[] {
  return [short, long].filter((name) => name !== null);
}

/** Which names of the spool the value is one of; null = none. */
export function namesMeant({ name, of }: ValueOutline): 'accounts' | 'campaigns' | null {
  if (of === '--campaign') return 'campaigns';
  if (of === '--account' || name === 'account') return 'accounts';
  return null;
}

/**
 * The command that prints them, one a line. Shells expand its output, so it leaves out names with other characters
 * than letters, digits and . _ @ : + -
 */
export function namesCommand(names: 'accounts' | 'campaigns'): string {
  return `sms-spoold completion --names ${names} 2>/dev/null`;
}

export function takesFile({ name }: ValueOutline): boolean {
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

export function wordsOfArgument(argument: Argument): string {
  return withExtras(argument.description, [choicesOf(argument), defaultOf(argument)]);
}

function withExtras(words: string, extras: readonly (string | null)[]): string {
  const given = extras.filter((extra) => extra !== null);
  return given.length === 0 ? words : `${words} (${given.join('; ')})`;
}

const OR = new Intl.ListFormat('en-GB', { type: 'disjunction' });

function choicesOf({ argChoices = [] }: Argument | Option): string | null {
  return argChoices.length === 0 ? null : OR.format(argChoices);
}

/* A default of another type, such as an empty list, is nothing that a person would write. */
function defaultOf(of: Argument | Option): string | null {
  const value: unknown = of.defaultValueDescription ?? of.defaultValue;
  const isPlain = typeof value === 'string' || typeof value === 'number';
  return isPlain ? `default: ${value}` : null;
}
