/** Reads the code of an error, such as `ENOENT`: of the system, of SQLite or of a library. Null = it has none. */
export function codeOf(error: unknown): string | null {
  return error instanceof Error && 'code' in error ? String(error.code) : null;
}
