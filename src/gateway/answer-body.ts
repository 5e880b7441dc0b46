/**
 * Decodes the bytes of an answer, also those that a proxy changed: a byte order mark, UTF-16, another charset, gzip that
 * was not asked for. Never throws; bytes that cannot be decoded stay as they are.
 */
import { gunzipSync } from 'node:zlib';
import type { Dispatcher } from 'undici';

/** The longest text that a compressed answer may become (bytes). */
const UNPACKED_MAX = 65_536;
const LATIN = /charset="?(?:iso-8859-1|windows-1252|us-ascii)\b/i;

/** `contentType` as the header came; null = absent. */
export function textOfAnswer(bytes: Buffer, contentType: string | null): string {
  const [first, second] = bytes;
  /* Nearly every answer: `{"`. */
  const isPlain = first === 0x7b && second !== 0;
  if (isPlain && (contentType === null || !LATIN.test(contentType))) return bytes.toString('utf8');
  if (first === 0x1f && second === 0x8b) {
    const unpacked = unpack(bytes);
    return unpacked === null ? bytes.toString('utf8') : textOfAnswer(unpacked, contentType);
  }
  if (first === 0xfe && second === 0xff) return decode(bytes, 'utf-16be');
  if (first === 0xff && second === 0xfe) return decode(bytes, 'utf-16le');
  if (first === 0 && second !== undefined && second !== 0) return decode(bytes, 'utf-16be');
  if (first !== undefined && first !== 0 && second === 0) return decode(bytes, 'utf-16le');
  const isLatin = contentType !== null && LATIN.test(contentType);
  return decode(bytes, isLatin ? 'windows-1252' : 'utf-8');
}

/** The whole body of an answer to a question. Rejects as undici does. */
export async function readText({ headers, body }: Dispatcher.ResponseData): Promise<string> {
  const contentType = headers['content-type'];
  const bytes = Buffer.from(await body.arrayBuffer());
  return textOfAnswer(bytes, typeof contentType === 'string' ? contentType : null);
}

/* Leaves out a byte order mark. */
function decode(bytes: Buffer, encoding: string): string {
  return new TextDecoder(encoding).decode(bytes);
}

/* Null = it only begins like gzip. */
function unpack(bytes: Buffer): Buffer | null {
  try {
    return gunzipSync(bytes, { maxOutputLength: UNPACKED_MAX });
  } catch {
    return null;
  }
}
