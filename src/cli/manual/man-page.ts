/**
 * Writes the manual page sms-spoold(1) from the outline and the facts, with the words of `--help`. Uses only the man
 * macros that both groff and mandoc support.
 */
import {
  CONFIGURATION_PLACES,
  ENVIRONMENT,
  EXIT_CODES,
  FILES,
  SIGNALS,
  type Fact,
} from './manual-facts.ts';
import type { CommandOutline, OptionOutline, Outline, ValueOutline } from './outline.ts';

export interface Edition {
  readonly version: string;
  /** Of the page, `2026-11-23`. */
  readonly date: string;
}

export function manPage({ program, commands }: Outline, { version, date }: Edition): string {
  const lines = [
    '.\\" Made from the program\'s own help: npm run build',
    `.TH SMS-SPOOLD 1 "${date}" "sms-spoold ${version}" "User Commands"`,
    '.SH NAME',
    'sms\\-spoold \\- a spool in front of the Vonage SMS API',
    '.SH SYNOPSIS',
    `.B sms\\-spoold\n[\\fB\\-\\-config\\fR \\fIFILE\\fR] \\fICOMMAND\\fR [\\fIOPTIONS\\fR] [\\fIARGUMENTS\\fR]`,
    '.SH DESCRIPTION',
    escaped(program.description),
    '.PP',
    escaped('Without a command, and with --help after one, help is shown.'),
    '.SH OPTIONS',
    'These are understood before and after every command.',
    ...program.options.flatMap(optionLines),
    '.SH COMMANDS',
    ...commands.flatMap(commandLines),
    '.SH CONFIGURATION',
    'The first of these that exists is read:',
    ...CONFIGURATION_PLACES.map((place) => `.br\n${escaped(place)}`),
    ...factLines('EXIT STATUS', EXIT_CODES),
    ...factLines('SIGNALS', SIGNALS),
    ...factLines('ENVIRONMENT', ENVIRONMENT),
    ...factLines('FILES', FILES),
    '.SH EXAMPLES',
    ...examplesOf(program.epilogue),
    '.SH SEE ALSO',
    ...['systemctl (1)', 'journalctl (1)', 'sqlite3 (1)', 'systemd.exec (5)'].map(
      (page, index, all) => `.BR ${page}${index < all.length - 1 ? ' ,' : ''}`,
    ),
  ];
  return `${lines.join('\n')}\n`;
}

function commandLines(command: CommandOutline): readonly string[] {
  const terms = command.arguments.map(valueTerm);
  const own = command.options.filter(({ long }) => long !== '--help');
  const options = own.length > 0 ? ['[\\fIOPTIONS\\fR]'] : [];
  return [
    `.SS ${['sms\\-spoold', escaped(command.name), ...options, ...terms].join(' ')}`,
    escaped(command.description),
    ...command.arguments.flatMap((one) => ['.TP', valueTerm(one), escaped(one.words)]),
    ...own.flatMap(optionLines),
    ...epilogueLines(command.epilogue),
  ];
}

function optionLines({ short, long, words, value }: OptionOutline): readonly string[] {
  const names = [short, long]
    .filter((name) => name !== null)
    .map((name) => `\\fB${escaped(name)}\\fR`);
  const after = value === null ? '' : ` ${valueTerm(value)}`;
  return ['.TP', `${names.join(', ')}${after}`, escaped(words)];
}

function valueTerm({ name, isRequired, isVariadic }: ValueOutline): string {
  const term = `\\fI${escaped(name.toUpperCase())}\\fR`;
  return `${isRequired ? term : `[${term}]`}${isVariadic ? '\\|.\\|.\\|.' : ''}`;
}

function factLines(heading: string, facts: readonly Fact[]): readonly string[] {
  return [
    `.SH ${heading}`,
    ...facts.flatMap(([name, meaning]) => [
      '.TP',
      `\\fB${escaped(name)}\\fR`,
      escaped(sentence(meaning)),
    ]),
  ];
}

function sentence(words: string): string {
  return `${words.charAt(0).toUpperCase()}${words.slice(1)}.`;
}

/* The program's epilogue repeats the facts after its examples. */
function examplesOf(epilogue: string): readonly string[] {
  const examples = epilogue.split('\n\n').find((block) => block.startsWith('Examples:')) ?? '';
  return asItIs(examples.split('\n').slice(1));
}

function epilogueLines(epilogue: string): readonly string[] {
  return epilogue
    .split(/\n\n+/)
    .filter((block) => block.trim() !== '')
    .flatMap((block) => ['.PP', ...blockLines(block.split('\n'))]);
}

/* Indented lines after a whole sentence or a heading are laid out as they are; the others are a paragraph.
   Where they go on with a sentence, the block is. */
function blockLines(lines: readonly string[]): readonly string[] {
  const first = lines.findIndex((line) => line.startsWith(' '));
  if (first < 0) return lines.map(escaped);
  const before = lines.slice(0, first);
  if (!/[:.]$/.test(before.at(-1) ?? ':')) return ['.nf', ...lines.map(escaped), '.fi'];
  return [...before.map(escaped), ...asItIs(lines.slice(first))];
}

function asItIs(lines: readonly string[]): readonly string[] {
  const plain = lines.map((line) => escaped(line.replace(/^ {2}/, '')));
  return ['.RS 2', '.nf', ...plain, '.fi', '.RE'];
}

/* A hyphen that may be copied is \-; a line that begins with a point or an apostrophe is no request. */
function escaped(text: string): string {
  return text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replaceAll(/[^\n -~]/gu, (character) => {
      const code = character.codePointAt(0) ?? 0;
      return `\\[u${code.toString(16).toUpperCase().padStart(4, '0')}]`;
    })
    .replaceAll(/^(?=[.'])/gm, '\\&');
}
