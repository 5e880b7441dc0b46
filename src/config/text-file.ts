/**
 * Reads a small text file and says in words why it could not.
 *
 * Always holds: what is said never holds any of the file's content.
 */
import { readFileSync, statSync } from 'node:fs';
import { codeOf } from '../core/text/error-code.ts';

/** Far above any configuration or secret: whoever names a log or a device by mistake is told so. */
const MOST_BYTES = 1024 * 1024;

export type TextFile =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'missing' }
  /** `found` continues the sentence "expected …; found …". */
  | {
      readonly kind: 'unreadable';
      readonly found: string;
      readonly why: 'not-permitted' | 'directory' | 'other';
    };

/** The UTF-8 text of the file at `path`, without a byte order mark. */
export function readTextFile(path: string): TextFile {
  try {
    const { size } = statSync(path);
    if (size > MOST_BYTES)
      return { kind: 'unreadable', found: 'a file larger than 1 MiB', why: 'other' };
    const text = new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(path));
    return { kind: 'text', text };
  } catch (error) {
    return explain(error);
  }
}

function explain(error: unknown): TextFile {
  const code = codeOf(error);
  if (code === 'ENOENT' || code === 'ENOTDIR') return { kind: 'missing' };
  if (code === 'EISDIR') return { kind: 'unreadable', found: 'a directory', why: 'directory' };
  if (code === 'EACCES' || code === 'EPERM') {
    return {
      kind: 'unreadable',
      found: 'a file that this user may not read',
      why: 'not-permitted',
    };
  }
  if (code === 'ERR_ENCODING_INVALID_ENCODED_DATA') {
    return { kind: 'unreadable', found: 'a file that is not UTF-8 text', why: 'other' };
  }
  if (code === null) throw error;
  return { kind: 'unreadable', found: `a file that cannot be read (${code})`, why: 'other' };
}
