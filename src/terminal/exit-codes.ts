/**
 * How a command ends: the exit codes of CONTRACT.md §18 (after sysexits.h), and the errors that carry one.
 *
 * A command that cannot do what was asked throws; cli/program.ts prints the message as one line and leaves with the
 * code. SpoolError and ConfigError have codes of their own there.
 */
export const EXIT = {
  done: 0,
  failed: 1,
  badUsage: 64,
  tryAgain: 75,
  badConfiguration: 78,
} as const;

/** The command failed; `message` says what, why and what to do, for a person, on one line. */
export class CommandError extends Error {
  override readonly name: string = 'CommandError';
  readonly exitCode: number = EXIT.failed;
  /** Further lines below the message, one for each thing that is wrong. */
  readonly details: readonly string[] = [];
}

/** Several things are wrong; `message` counts them. */
export class ManyProblemsError extends CommandError {
  override readonly name = 'ManyProblemsError';
  override readonly details: readonly string[];

  constructor(message: string, details: readonly string[]) {
    super(message);
    this.details = details;
  }
}

/** What was asked makes no sense: `message` says what was expected. */
export class UsageError extends CommandError {
  override readonly name = 'UsageError';
  override readonly exitCode = EXIT.badUsage;
}

/** Nothing is wrong but the moment: the same command may succeed later. */
export class TryAgainError extends CommandError {
  override readonly name = 'TryAgainError';
  override readonly exitCode = EXIT.tryAgain;
}
