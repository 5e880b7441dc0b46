/**
 * Signs requests and verifies receipts by Vonage's documented rule, the same in both directions.
 *
 * The base string is every parameter but `sig`, sorted by code unit, as `&key=value` with the leading `&`,
 * values decoded and with `&` and `=` in names and values turned into `_` (in names as two of Vonage's own
 * libraries do: or one name could swallow the fields after it). What is sent keeps its original values.
 * (@vonage/auth's createSignatureHash builds another string and is no model.) Adding `timestamp` and
 * `api_key`, and judging how old a timestamp is, is the caller's part.
 */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';

/** `md5hash` is MD5 over text and secret; the others are HMACs. */
export const SIGNATURE_METHODS = ['md5hash', 'md5', 'sha1', 'sha256', 'sha512'] as const;
export type SignatureMethod = (typeof SIGNATURE_METHODS)[number];

/** Decoded parameters; a number of a JSON receipt has to be its decimal text. */
export type Parameters = ReadonlyMap<string, string> | Readonly<Record<string, string>>;

type NamedValues = readonly (readonly [string, string])[];

/** The `sig` of the parameters, in lower-case hex; a `sig` among them is left out. */
export function sign(
  parameters: Parameters,
  key: { readonly method: SignatureMethod; readonly secret: string },
): string {
  return digest(baseString(pairsOf(parameters)), key.method, key.secret);
}

/**
 * Whether `sig` fits the other parameters under any of the secrets. Case does not matter. Blank values are
 * tried as signed and as skipped: Vonage's own libraries differ, and what its servers do is not documented.
 */
export function verify(
  parameters: Parameters,
  key: { readonly method: SignatureMethod; readonly secrets: readonly string[] },
): boolean {
  const all = pairsOf(parameters);
  const given = all.find(([name]) => name === 'sig')?.[1];
  if (given === undefined) return false;
  const filled = all.filter(([, value]) => value.trim() !== '');
  const bases = new Set([baseString(all), baseString(filled)]);
  const fits = key.secrets.flatMap((secret) =>
    [...bases].map((base) => isSame(digest(base, key.method, secret), given)),
  );
  return fits.includes(true); // after all were compared, so that time does not tell which fitted
}

function pairsOf(parameters: Parameters): NamedValues {
  return parameters instanceof Map ? [...parameters] : Object.entries(parameters);
}

function baseString(pairs: NamedValues): string {
  return pairs
    .filter(([name]) => name !== 'sig')
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => `&${clean(name)}=${clean(value)}`)
    .join('');
}

function clean(text: string): string {
  return text.replace(/[&=]/g, '_');
}

/** `md5hash` appends the secret to what it hashes; the others are HMACs. */
function digest(base: string, method: SignatureMethod, secret: string): string {
  if (method === 'md5hash') {
    return createHash('md5')
      .update(base + secret, 'utf8')
      .digest('hex');
  }
  return createHmac(method, secret).update(base, 'utf8').digest('hex');
}

/** Compares texts, not decoded hex: decoding would ignore whatever follows the digits. */
function isSame(expected: string, given: string): boolean {
  const ours = Buffer.from(expected);
  const theirs = Buffer.from(given.toLowerCase());
  return ours.length === theirs.length && timingSafeEqual(ours, theirs);
}
