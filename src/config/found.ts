/**
 * Describes a value that was found, and the key where it was found, to an operator.
 *
 * Always holds: the result is one line without control characters. Values that may be secret go through
 * `describeConcealed`, which never shows any of their characters.
 */
const LONGEST_SHOWN = 80;

/** A value of the file in words: `"fast"`, `the number 30`, `a list`. */
export function describe(value: unknown): string {
  if (typeof value === 'string') return quote(value);
  if (typeof value === 'number') return `the number ${spell(value)}`;
  if (typeof value === 'boolean') return String(value);
  return describeConcealed(value);
}

/** The kind of a value and nothing of its content. */
export function describeConcealed(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (typeof value === 'string') return value === '' ? 'an empty string' : 'a string (not shown)';
  if (typeof value === 'number') return 'a number (not shown)';
  if (typeof value === 'boolean') return 'true or false';
  if (Array.isArray(value)) return 'a list';
  return value instanceof Date ? 'a date' : 'a table';
}

/** The text in double quotes, at most 80 characters of it, control characters escaped. */
export function quote(text: string): string {
  const shown = text.length > LONGEST_SHOWN ? `${text.slice(0, LONGEST_SHOWN)}…` : text;
  return JSON.stringify(shown).replace(/[\u007f-\u009f\u2028\u2029]/g, escapeCharacter);
}

/** The dotted key of `name` within `parent` ('' = the top), quoted where TOML wants it. */
export function joinKey(parent: string, name: string): string {
  const segment = /^[A-Za-z0-9_-]+$/.test(name) ? name : quote(name);
  return parent === '' ? segment : `${parent}.${segment}`;
}

function escapeCharacter(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

/** As TOML writes it. */
function spell(value: number): string {
  if (Number.isNaN(value)) return 'nan';
  if (Number.isFinite(value)) return String(value);
  return value > 0 ? 'inf' : '-inf';
}
