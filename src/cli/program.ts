/**
 * Builds the command line: its commands, their help, and the exit code of each error (CONTRACT.md §18).
 *
 * Always holds: an error of a known kind is printed on standard error without a stack. Any other error is a bug and is
 * printed with its stack.
 */
import { Command, CommanderError } from 'commander';
import { ConfigError } from '../config/errors.ts';
import { CommandError, EXIT, UsageError } from '../terminal/exit-codes.ts';
import { factsOfHelp } from './manual/manual-facts.ts';
import { wordsOfArgument, wordsOfOption } from './manual/outline.ts';
import { ListenError } from '../http/listen.ts';
import { isFull, SpoolError, type SpoolErrorCode } from '../spool/sql/spool-errors.ts';
import { isBusy } from '../spool/file/open.ts';
import { printLine, say, writeSafe } from '../terminal/print.ts';
import { safeLines } from '../terminal/safe.ts';
import { readVersion } from '../version.ts';

const DESCRIPTION =
  'A spool in front of the Vonage SMS API. Programs add messages to an SQLite file; the daemon sends ' +
  'them as fast as the account allows, retries, and records what happened to each.';

const helpText = (): string => `
Examples:
  $ sms-spoold init                                    make the spool
  $ sms-spoold send 447700900000 'Your table is ready' add a message
  $ sms-spoold run                                     send the messages
  $ sms-spoold list --state retry                      what waits for a retry
  $ sms-spoold show 41                                 what happened to one

${factsOfHelp()}`;

/** Signals that came before the command was loaded. */
type EarlySignals = readonly NodeJS.Signals[];
type Load = (early: EarlySignals) => Promise<Command>;

/* Each is loaded when it is needed: the daemon does not load what a table or a CSV needs. */
const init: Load = async () => (await import('./run/init.ts')).initCommand();
const check: Load = async () => (await import('./run/check.ts')).checkCommand();
const run: Load = async (early) => (await import('./run/run.ts')).runCommand(early);
const demo: Load = async () => (await import('./run/demo.ts')).demoCommand();
const sandbox: Load = async () => (await import('./run/sandbox.ts')).sandboxCommand();
const send: Load = async () => (await import('./insert/send.ts')).sendCommand();
const importCsv: Load = async () => (await import('./insert/import.ts')).importCommand();
const list: Load = async () => (await import('./inspect/list.ts')).listCommand();
const show: Load = async () => (await import('./inspect/show.ts')).showCommand();
const why: Load = async () => (await import('./inspect/why.ts')).whyCommand();
const stats: Load = async () => (await import('./inspect/stats.ts')).statsCommand();
const log: Load = async () => (await import('./inspect/log.ts')).logCommand();
const top: Load = async () => (await import('./inspect/top.ts')).topCommand();
const codes: Load = async () => (await import('./inspect/codes.ts')).codesCommand();
const cancel: Load = async () =>
  (await import('./control/message-verbs.ts')).messagesCommand('cancel');
const requeue: Load = async () =>
  (await import('./control/message-verbs.ts')).messagesCommand('requeue');
const pause: Load = async () => (await import('./control/pause.ts')).pauseCommand();
const resume: Load = async () => (await import('./control/pause.ts')).resumeCommand();
const prune: Load = async () => (await import('./maintain/prune.ts')).pruneCommand();
const backup: Load = async () => (await import('./maintain/backup.ts')).backupCommand();
const suppress: Load = async () => (await import('./control/suppress.ts')).suppressCommand();
const unsuppress: Load = async () => (await import('./control/suppress.ts')).unsuppressCommand();
const suppressed: Load = async () => (await import('./control/suppress.ts')).suppressedCommand();
const help: Load = () => Promise.resolve(helpCommand());
const version: Load = () => Promise.resolve(versionCommand());
const retry: Load = async () =>
  (await import('./control/message-verbs.ts')).messagesCommand('retry');
const completion: Load = async () =>
  (await import('./run/completion.ts')).completionCommand(makeProgram);

/** Commands by purpose, in the order of the help. */
const GROUPS: readonly (readonly [heading: string, commands: Readonly<Record<string, Load>>])[] = [
  ['Running:', { init, check, run, demo, sandbox }],
  ['Sending:', { send, import: importCsv }],
  ['Inspecting:', { list, show, why, stats, top, log, codes }],
  ['Controlling:', { cancel, requeue, retry, pause, resume, suppress, unsuppress, suppressed }],
  ['Maintaining:', { prune, backup }],
  ['Help:', { help, version, completion }],
];

/** Runs the command that `args` name (without node and script) and resolves to the exit code. */
export async function main(args: readonly string[], early: EarlySignals = []): Promise<number> {
  try {
    const program = await makeProgram(namedIn(args), early);
    await program.parseAsync(args, { from: 'user' });
    return typeof process.exitCode === 'number' ? process.exitCode : EXIT.done;
  } catch (error) {
    return report(error);
  }
}

/** The program with all its commands, or with the one named `only`. */
export async function makeProgram(
  only: string | null = null,
  early: EarlySignals = [],
): Promise<Command> {
  const program = new Command('sms-spoold')
    .description(DESCRIPTION)
    .option('--config <file>', 'configuration file')
    .version(readVersion(), '-v, --version', 'show the version')
    .helpOption('-h, --help', 'show help; COMMAND --help shows more')
    .helpCommand(false)
    .configureHelp({
      showGlobalOptions: true,
      subcommandTerm: termOf,
      optionDescription: wordsOfOption,
      argumentDescription: wordsOfArgument,
    })
    .configureOutput({ writeOut, outputError })
    .exitOverride()
    .addHelpText('after', helpText);
  for (const [heading, commands] of GROUPS) {
    for (const [name, load] of Object.entries(commands)) {
      if (only !== null && only !== name) continue;
      const command = await load(early);
      program.addCommand(command.helpGroup(heading).copyInheritedSettings(program));
    }
  }
  return program;
}

function helpCommand(): Command {
  return new Command('help')
    .summary('show this help, or that of a command')
    .description('Shows the list of commands, or the help of one command.')
    .argument('[command]', 'name of a command')
    .addHelpText('after', '\nExample:\n  $ sms-spoold help list')
    .action(async (name: string | undefined) => {
      const program = await makeProgram();
      const isNamed = (one: Command): boolean => one.name() === name;
      const command = name === undefined ? program : program.commands.find(isNamed);
      if (command === undefined) {
        const names = program.commands.map((one) => one.name()).join(', ');
        throw new UsageError(`there is no command ${JSON.stringify(name)}; there are ${names}`);
      }
      command.outputHelp();
    });
}

function versionCommand(): Command {
  return new Command('version')
    .summary('show the version')
    .description('Shows the version of the program, as --version does.')
    .addHelpText('after', '\nExample:\n  $ sms-spoold version')
    .action(() => printLine(readVersion()));
}

/* The command that the arguments begin with, after --config and its value; null = load all of them. */
function namedIn(args: readonly string[]): string | null {
  const rest = args[0] === '--config' ? args.slice(2) : args;
  const first = (rest[0]?.startsWith('--config=') ? rest[1] : rest[0]) ?? '';
  return GROUPS.some(([, commands]) => Object.hasOwn(commands, first)) ? first : null;
}

/* Leaves out [options], which nearly every command has. */
function termOf(command: Command): string {
  const names = command.registeredArguments.map((argument) => {
    const name = `${argument.name()}${argument.variadic ? '…' : ''}`;
    return argument.required ? name.toUpperCase() : `[${name.toUpperCase()}]`;
  });
  return [command.name(), ...names].join(' ');
}

function writeOut(text: string): void {
  writeSafe(safeLines(text));
}

/* One line, as every other error: commander puts its suggestion on its own line. */
function outputError(text: string): void {
  const plain = text.replace(/^error: /, '').trim();
  say(`sms-spoold: ${plain.replaceAll(/\s*\n\s*/g, ' ')}`);
}

function report(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.badUsage;
  const known = explain(error);
  if (known === null) {
    const shown = error instanceof Error ? (error.stack ?? error.message) : String(error);
    say(...`sms-spoold: this is a bug, please report it: ${shown}`.split('\n'));
    return EXIT.failed;
  }
  say(`sms-spoold: ${known.message}`, ...known.details);
  return known.exitCode;
}

/* Null = a bug. */
function explain(error: unknown): CommandError | null {
  if (error instanceof CommandError) return error;
  if (error instanceof ConfigError) {
    const [first = '', ...details] = error.problems.map(({ key, message }) => `${key}: ${message}`);
    return new CommandError(first, { details, exitCode: EXIT.badConfiguration });
  }
  if (error instanceof SpoolError) {
    return new CommandError(error.message, { exitCode: EXIT_OF[error.code] ?? EXIT.failed });
  }
  if (error instanceof ListenError) return new CommandError(error.message);
  if (isBusy(error)) {
    const message = 'another program holds a lock on the spool; try again';
    return new CommandError(message, { exitCode: EXIT.tryAgain });
  }
  if (isFull(error)) {
    return new CommandError('the disk of the spool is full; nothing was changed');
  }
  return explainSystem(error);
}

/* With badConfiguration the unit is not restarted: trying again cannot help. */
const EXIT_OF: Readonly<Partial<Record<SpoolErrorCode, number>>> = {
  'owned-by-another': EXIT.tryAgain,
  locked: EXIT.tryAgain,
  'unsafe-file': EXIT.badConfiguration,
  'foreign-schema': EXIT.badConfiguration,
  'newer-schema': EXIT.badConfiguration,
};

function explainSystem(error: unknown): CommandError | null {
  if (!(error instanceof Error) || !('code' in error)) return null;
  const { code, message } = error;
  if (typeof code !== 'string') return null;
  if (!code.startsWith('SQLITE_') && !('syscall' in error)) return null;
  return new CommandError(message.startsWith(code) ? message : `${code}: ${message}`);
}
