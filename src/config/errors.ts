/**
 * Tells all that is wrong with a configuration at once.
 *
 * Always holds: no message holds a secret; each names its key, what was expected and what was found.
 */
export type ConfigErrorCode =
  /** The file named by --config or $SMS_SPOOLD_CONFIG is not there. */
  | 'file-missing'
  /** It is there and cannot be read as text. */
  | 'file-unreadable'
  /** Not TOML; the problem's key is FILE:LINE:COLUMN. */
  | 'broken-toml'
  /** TOML, with keys or values that are not right. */
  | 'bad-values';

export interface Problem {
  /** Where to look: `accounts.main.rate`, `VONAGE_API_KEY`, `--config`, `/etc/x.toml:3:7`. */
  readonly key: string;
  readonly message: string;
  /** What helps, where that is more than to correct the value. */
  readonly remedy?: string;
}

/** `message` has one line per problem, `KEY: MESSAGE`; `file` null = the environment alone. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly code: ConfigErrorCode;
  readonly file: string | null;
  readonly problems: readonly Problem[];

  constructor(code: ConfigErrorCode, file: string | null, problems: readonly Problem[]) {
    super(problems.map(({ key, message }) => `${key}: ${message}`).join('\n'));
    this.code = code;
    this.file = file;
    this.problems = problems;
  }
}
