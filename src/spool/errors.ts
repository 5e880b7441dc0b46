/**
 * What the spool throws: it cannot be used as it is. Each has a stable `code`; the message names the file,
 * says what was expected, and what to do about it.
 */
export type SpoolErrorCode =
  /** The path is no file of SQLite's, or a file that is not ours. The file is left untouched. */
  | 'not-a-spool'
  /** Made by a newer version of the program. */
  | 'newer-schema'
  /** A link, a second name, another kind of file or another owner where a file of ours must be. */
  | 'unsafe-file'
  /** Bears triggers that are not ours. */
  | 'strange-trigger'
  /** Missing, or not readable or writable for this user. */
  | 'not-accessible'
  /** Another daemon owns it. */
  | 'owned-by-another'
  /** SQLite reports damage or an I/O error. */
  | 'broken';

export class SpoolError extends Error {
  override readonly name = 'SpoolError';
  readonly code: SpoolErrorCode;

  constructor(code: SpoolErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
