/**
 * Reads a small text file and says in words why it could not.
 *
 * Always holds: what is said never holds any of the file's content.
 */
import { readFileSync, statSync } from 'node:fs';
import { codeOf } from '../core/text/error-code.ts';

/** Far above any configuration or secret: a log or a device that is named by mistake is refused. */
const MOST_BYTES = 1024 * 1024;

export type TextFile =
  { readonly kind: 'text'; readonly text: string } | { readonly kind: 'missing' } | Unreadable;

interface Unreadable {
  readonly kind: 'unreadable';
  /** Continues the sentence "expected …; found …". */
  readonly found: string;
  readonly why: 'not-permitted' | 'directory' | 'other';
}

const BY_CODE = new Map<string, Pick<Unreadable, 'found' | 'why'>>([
  ['EISDIR', { found: 'a directory', why: 'directory' }],
  ['EACCES', { found: 'a file that this user may not read', why: 'not-permitted' }],
  ['EPERM', { found: 'a file that this user may not read', why: 'not-permitted' }],
  ['ERR_ENCODING_INVALID_ENCODED_DATA', { found: 'a file that is not UTF-8 text', why: 'other' }],
]);

/** The UTF-8 text of the file at `path`, without a byte order mark. */
export function readTextFile(path: string): TextFile {
  try {
    if (statSync(path).size > MOST_BYTES)
      return { kind: 'unreadable', found: 'a file larger than 1 MiB', why: 'other' };
    const text = new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(path));
    return { kind: 'text', text };
  } catch (error) {
    const code = codeOf(error);
    if (code === null) throw error;
    if (code === 'ENOENT' || code === 'ENOTDIR') return { kind: 'missing' };
    const other = { found: `a file that cannot be read (${code})`, why: 'other' } as const;
    return { kind: 'unreadable', ...(BY_CODE.get(code) ?? other) };
  }
}
