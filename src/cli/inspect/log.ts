/**
 * `log`: prints the status log for people, from its file, standard input, systemd's journal or the spool: the last
 * lines, and with -f the lines that follow.
 */
import { Argument, Command, InvalidArgumentError, Option } from 'commander';
import { parseDurationMs } from '../../config/duration-values.ts';
import { codeOf } from '../../core/text/error-code.ts';
import { STATES, type State } from '../../core/message/message.ts';
import { UsageError } from '../../terminal/exit-codes.ts';
import { becomeOwnerOf } from '../run-as-owner.ts';
import { isWanted, type LogFilter, type LogLine } from '../log-reader/log-line.ts';
import { Renderer } from '../log-reader/log-render.ts';
import { journalSource } from '../log-reader/journal-log.ts';
import { fileSource, inputSource, spoolSource, type LogSource } from '../log-reader/log-source.ts';
import { campaignOf } from '../../spool/write/event-log.ts';
import { printJson, printSafe } from '../../terminal/print.ts';
import { joined, safeLines } from '../../terminal/safe.ts';
import { terminalWidth } from '../../terminal/terminal-width.ts';
import { INSTANT_FORMS, parseInstant } from '../../terminal/times.ts';
import { warnOfNames } from '../options/name-warnings.ts';
import { configFor, openToRead, type OpenedSpool } from '../open-spool.ts';
import { parseId, wholeNumber } from '../options/selection-options.ts';

const LINES = 20;

interface LogOptions {
  readonly message?: number;
  readonly reference?: string;
  readonly sender?: string;
  readonly campaign?: string;
  readonly state?: State;
  readonly since?: number;
  readonly until?: number;
  readonly lines?: number;
  readonly follow?: true;
  readonly file?: string;
  readonly journal?: true;
  readonly spool?: true;
  readonly json?: true;
}

interface LogRequest extends LogOptions {
  /** Whether standard input is read. */
  readonly isInput: boolean;
}

export function logCommand(): Command {
  return new Command('log')
    .summary('show the status log in a form for people')
    .description(
      'Shows the last lines of the status log, and with -f the lines that follow. Reads log.file if it is there, ' +
        'else the events of the spool. Files that logrotate took away are read through standard input. ' +
        'Conditions add up.',
    )
    .addArgument(
      new Argument('[-]', 'read standard input, all of it unless -n is given').choices(['-']),
    )
    .option('-f, --follow', 'go on with what is said from now on')
    .option(
      '-n, --lines <n>',
      `number of last lines to show (default ${LINES}, or all since)`,
      wholeNumber,
    )
    .option('--message <id>', 'about this message', parseId)
    .option('--reference <text>', 'about messages with this reference of yours')
    .option('--sender <name>', 'about this sender')
    .option('--campaign <name>', 'about messages of this campaign')
    .addOption(
      new Option('--state <state>', 'about messages that came to this state').choices(STATES),
    )
    .option('--since <time>', 'not earlier than this, or 10m for ten minutes ago', parseTime)
    .option('--until <time>', 'not later than this', parseTime)
    .addOption(new Option('--file <path>', 'read this file').conflicts(['journal', 'spool']))
    .addOption(new Option('--journal', "read systemd's journal").conflicts(['file', 'spool']))
    .option('--spool', 'read the events of the spool')
    .option('--json', 'one JSON document per line')
    .addHelpText('after', EXAMPLES)
    .action((input: string | undefined, options: LogOptions, command: Command) =>
      log({ ...options, isInput: input !== undefined }, command),
    );
}

const EXAMPLES = `
Examples:
  $ sms-spoold log -f --state permanent-failure
  $ zcat -f $(ls -tr status.log*) | sms-spoold log - --message 41`;

function parseTime(value: string): number {
  const nowMs = Date.now();
  const agoMs = parseDurationMs(value.replace(/^-/, ''));
  const at = agoMs === null ? parseInstant(value, nowMs) : (nowMs - agoMs) / 1000;
  if (at === null) throw new InvalidArgumentError(`Expected ${INSTANT_FORMS}, or 10m ago as 10m.`);
  return at;
}

async function log(options: LogRequest, command: Command): Promise<void> {
  using opened = new LazySpool(command);
  using source = sourceFor(options, command, opened);
  const filter = filterOf(options, opened);
  const print = printer(options);
  let found = 0;
  for await (const line of source.last({ filter, limit: limitOf(options) })) {
    found += 1;
    await print(line);
  }
  if (found === 0) warnOfUnknown(options, opened);
  if (options.follow !== true) return;
  for await (const line of source.next()) if (isWanted(line, filter)) await print(line);
}

/* Opens the spool at its first use. */
class LazySpool implements Disposable {
  readonly #command: Command;
  #spool: OpenedSpool | null = null;

  constructor(command: Command) {
    this.#command = command;
  }

  get spool(): OpenedSpool {
    this.#spool ??= openToRead(this.#command);
    return this.#spool;
  }

  [Symbol.dispose](): void {
    this.#spool?.[Symbol.dispose]();
  }
}

function sourceFor(options: LogRequest, command: Command, opened: LazySpool): LogSource {
  const { isInput, journal, file, spool, message } = options;
  if (isInput && [journal, file, spool].some((other) => other !== undefined)) {
    throw new UsageError('- cannot be used with --file, --journal or --spool: use one');
  }
  if (isInput) return inputSource();
  if (journal === true) return journalSource();
  if (file !== undefined) {
    const found = fileIfThere(file);
    if (found === null) throw new UsageError(`the log file cannot be read: there is no ${file}`);
    return found;
  }
  const config = configFor(command, 'leave');
  becomeOwnerOf(config.spool.path);
  const found = spool === true || config.log.file === null ? null : fileIfThere(config.log.file);
  if (found !== null) return found;
  const isMasked = config.log.recipients === 'masked';
  return spoolSource(opened.spool.db, { message: message ?? null, isMasked });
}

/* Null = there is no such file. */
function fileIfThere(path: string): LogSource | null {
  try {
    return fileSource(path);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return null;
    const why = error instanceof Error ? error.message : String(error);
    throw new UsageError(`the log file cannot be read: ${why}`);
  }
}

/* A named file or the journal may be of another spool. */
function warnOfUnknown(request: LogRequest, opened: LazySpool): void {
  const { campaign, sender, file, journal, isInput } = request;
  if (file !== undefined || journal === true || isInput) return;
  if (campaign !== undefined || sender !== undefined) {
    warnOfNames({ campaign, sender }, opened.spool);
  }
}

function filterOf(options: LogOptions, opened: LazySpool): LogFilter {
  const { message = null, reference = null, sender = null, campaign } = options;
  const { state = null, since = null, until = null } = options;
  const isInCampaign =
    campaign === undefined
      ? null
      : (id: number): boolean => campaignOf(opened.spool.db, id) === campaign;
  return { message, reference, sender, state, since, until, isInCampaign };
}

function limitOf({ lines, since, until, message, reference, isInput }: LogRequest): number {
  if (lines !== undefined) return lines;
  if (isInput) return Infinity;
  const isAsked = [since, until, message, reference].some((value) => value !== undefined);
  return isAsked ? Infinity : LINES;
}

function printer(options: LogOptions): (line: LogLine) => Promise<void> {
  if (options.json === true) {
    return async ({ fields }) => {
      if (fields !== null) await printJson(fields);
    };
  }
  const isColoured = process.stdout.isTTY && (process.env['NO_COLOR'] ?? '') === '';
  const renderer = new Renderer({ width: terminalWidth(), isColoured });
  return (line) => printSafe(joined([renderer.render(line), safeLines('\n')]));
}
