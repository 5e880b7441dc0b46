/**
 * Checks values from outside (JSON, callers without types) against a table of fields, each with its expectation. Names
 * the key and the value that was found; never repeats a secret.
 */
export class SandboxOptionError extends Error {
  override readonly name = 'SandboxOptionError';
  readonly code = 'bad-sandbox-option';
}

export interface ValueCheck {
  readonly expected: string;
  readonly accepts: (value: unknown) => boolean;
  /** An error names only the type of the value. */
  readonly isSecret?: boolean;
}

export const FLAG: ValueCheck = {
  expected: 'true or false',
  accepts: (value) => typeof value === 'boolean',
};

export const AMOUNT: ValueCheck = {
  expected: 'a number from 0',
  accepts: (value) => typeof value === 'number' && Number.isFinite(value) && value >= 0,
};

export const ABOVE_ZERO: ValueCheck = {
  expected: 'a number above 0',
  accepts: (value) => AMOUNT.accepts(value) && Number(value) > 0,
};

/** A share or a probability. */
export const SHARE: ValueCheck = {
  expected: 'a number from 0 to 1',
  accepts: (value) => AMOUNT.accepts(value) && Number(value) <= 1,
};

export const SECRET: ValueCheck = {
  expected: 'a text that is not empty',
  accepts: (value) => typeof value === 'string' && value !== '',
  isSecret: true,
};

export function wholeFrom(least: number): ValueCheck {
  return {
    expected: `a whole number from ${least}`,
    accepts: (value) => Number.isSafeInteger(value) && Number(value) >= least,
  };
}

export function wholeWithin(least: number, most: number): ValueCheck {
  return {
    expected: `a whole number from ${least} to ${most}`,
    accepts: (value) => Number.isInteger(value) && Number(value) >= least && Number(value) <= most,
  };
}

/** An address that no other machine can reach. */
export function isLoopback(host: string): boolean {
  return /^(localhost|\[?::1\]?|127\.\d{1,3}\.\d{1,3}\.\d{1,3})$/.test(host);
}

export function isLoopbackUrl(value: unknown): boolean {
  if (typeof value !== 'string' || !URL.canParse(value)) return false;
  const { protocol, hostname } = new URL(value);
  return protocol === 'http:' && isLoopback(hostname);
}

export function oneOf(words: readonly string[]): ValueCheck {
  return {
    expected: `one of ${words.join(', ')}`,
    accepts: (value) => typeof value === 'string' && words.includes(value),
  };
}

export function orNull(check: ValueCheck): ValueCheck {
  return {
    ...check,
    expected: `${check.expected}, or null`,
    accepts: (value) => value === null || check.accepts(value),
  };
}

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Throws SandboxOptionError: the key, what was expected, what was found. */
export function fail(path: string, expected: string, found: unknown): never {
  const shown = found === undefined ? 'nothing' : JSON.stringify(found);
  throw new SandboxOptionError(`${path}: expected ${expected}, found ${shown}`);
}

/** Returns `value` if every key is in `fields` and every value is accepted by its field. */
export function checkFields(
  path: string,
  value: unknown,
  fields: Readonly<Record<string, ValueCheck>>,
): Readonly<Record<string, unknown>> {
  if (!isRecord(value)) fail(path === '' ? 'sandbox options' : path, 'an object', value);
  for (const [key, item] of Object.entries(value)) {
    const where = path === '' ? key : `${path}.${key}`;
    const check = Object.hasOwn(fields, key) ? fields[key] : undefined;
    if (check === undefined) {
      throw new SandboxOptionError(
        `${where}: unknown; known are ${Object.keys(fields).join(', ')}`,
      );
    }
    if (!check.accepts(item)) {
      fail(where, check.expected, check.isSecret === true ? typeof item : item);
    }
  }
  return value;
}
