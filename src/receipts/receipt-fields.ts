/**
 * Reads the fields of a request as text: from its query, and from its body as a form or as JSON.
 *
 * The first character of a body decides its form, because the content types of the gateway are not reliable. Always
 * holds: nothing here throws; names such as `__proto__` are ordinary names; of several values under one name the last
 * counts, as in JSON; a body that begins as JSON and is broken is never read as a form, which would take half of it.
 */
export type ReceiptFields = ReadonlyMap<string, string>;

/** A receipt has about fifteen. More than this would only cost time to sort and sign. */
const FIELDS_MAX = 200;

const NONE: ReceiptFields = new Map();

/** What follows the first `?` of a URL; null = more fields than a receipt can have. */
export function fieldsOfQuery(url: string): ReceiptFields | null {
  const start = url.indexOf('?');
  return start === -1 ? NONE : fieldsOfForm(url.slice(start + 1));
}

/**
 * Null = neither a form nor a JSON object, or more fields than a receipt can have. Of JSON, numbers are the
 * characters that stood there (`0.0330`, ids beyond 2^53), null is blank, objects and arrays are JSON.
 */
export function fieldsOfBody(body: Buffer): ReceiptFields | null {
  const text = body.toString('utf8').replace(/^\uFEFF/, '');
  if (text.trim() === '') return NONE;
  return /^\s*[{[]/.test(text) ? fieldsOfJson(text) : fieldsOfForm(text);
}

/** Both together; where both have a name, the second's value. */
export function merge(first: ReceiptFields, second: ReceiptFields): ReceiptFields {
  if (first.size === 0) return second;
  return second.size === 0 ? first : new Map([...first, ...second]);
}

/** Reading a form cannot fail: a broken escape stands for itself, bytes that are no UTF-8 become U+FFFD. */
function fieldsOfForm(text: string): ReceiptFields | null {
  return bounded(new Map(new URLSearchParams(text)));
}

function fieldsOfJson(text: string): ReceiptFields | null {
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

function bounded(fields: ReceiptFields): ReceiptFields | null {
  return fields.size > FIELDS_MAX ? null : fields;
}
