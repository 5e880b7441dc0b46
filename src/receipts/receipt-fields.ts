/**
 * The fields of a request, as text: from its query, and from its body as a form or as JSON.
 *
 * What a body is, its own first character tells: the gateway's content types are not relied on. Always holds:
 * nothing here throws; names such as `__proto__` are names like any other; of several values under one name
 * the last counts, as in JSON; a body that begins as JSON and does not end as JSON is never read as a form,
 * for then half of it would be taken.
 */
export type Fields = ReadonlyMap<string, string>;

/** A receipt has about fifteen. More than this would only cost time to sort and sign. */
const FIELDS_MAX = 200;

const NONE: Fields = new Map();

/** What follows the first `?` of a URL; null = more fields than a receipt can have. */
export function fieldsOfQuery(url: string): Fields | null {
  const start = url.indexOf('?');
  return start === -1 ? NONE : fieldsOfForm(url.slice(start + 1));
}

/**
 * Null = neither a form nor a JSON object, or more fields than a receipt can have. Of JSON, numbers are the
 * characters that stood there (`0.0330`, ids beyond 2^53), null is blank, objects and arrays are JSON.
 */
export function fieldsOfBody(body: Buffer): Fields | null {
  const text = body.toString('utf8').replace(/^\uFEFF/, '');
  if (text.trim() === '') return NONE;
  return /^\s*[{[]/.test(text) ? fieldsOfJson(text) : fieldsOfForm(text);
}

/** Both together; where both have a name, the second's value. */
export function merge(first: Fields, second: Fields): Fields {
  if (first.size === 0) return second;
  return second.size === 0 ? first : new Map([...first, ...second]);
}

/** Reading a form cannot fail: a broken escape stands for itself, bytes that are no UTF-8 become U+FFFD. */
function fieldsOfForm(text: string): Fields | null {
  return bounded(new Map(new URLSearchParams(text)));
}

function fieldsOfJson(text: string): Fields | null {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return null;
    const entries = Object.entries(value);
    const hasNumbers = entries.some(([, each]) => typeof each === 'number');
    const exact = hasNumbers ? (JSON.parse(text, keepDigits) as object) : value;
    return bounded(
      new Map(Object.entries(exact).map(([name, each], at) => [name, textOf(each, entries[at])])),
    );
  } catch {
    return null; // no JSON, or nested deeper than can be written again
  }
}

/** A reviver is told the characters a value was read from. */
function keepDigits(_name: string, value: unknown, context?: { readonly source?: string }) {
  return typeof value === 'number' ? (context?.source ?? String(value)) : value;
}

/** `read` is the same field with its numbers as numbers, so that those inside of it stay numbers. */
function textOf(value: unknown, read: readonly [string, unknown] | undefined): string {
  if (typeof value === 'string') return value;
  return value === null ? '' : JSON.stringify(read?.[1] ?? value);
}

function bounded(fields: Fields): Fields | null {
  return fields.size > FIELDS_MAX ? null : fields;
}
