/**
 * Defines the exit codes of CONTRACT.md §18 (after sysexits.h) and the errors that carry one. cli/program.ts prints
 * such an error as one line and ends with its code.
 */
export const EXIT = {
  done: 0,
  failed: 1,
  badUsage: 64,
  tryAgain: 75,
  badConfiguration: 78,
} as const;

interface CommandErrorOptions extends ErrorOptions {
  readonly exitCode?: number;
  /** Further lines below the message, one for each thing that is wrong. */
  readonly details?: readonly string[];
}

/** The command failed; `message` says what, why and what to do, for a person, on one line. */
export class CommandError extends Error {
  override readonly name: string = 'CommandError';
  readonly exitCode: number;
  readonly details: readonly string[];

  constructor(message: string, options: CommandErrorOptions = {}) {
    super(message, options);
    this.exitCode = options.exitCode ?? EXIT.failed;
    this.details = options.details ?? [];
  }
}

/** The command line makes no sense: `message` says what was expected. */
export class UsageError extends CommandError {
  override readonly name = 'UsageError';
  override readonly exitCode = EXIT.badUsage;
}
