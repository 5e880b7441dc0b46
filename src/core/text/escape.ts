/**
 * Makes foreign text safe to print, to log and to copy into a shell: every character that has no shape of its own
 * becomes visible. These are Unicode's controls (Cc), format characters (Cf), line and paragraph separators (Zl, Zp) and
 * lone surrogates (Cs). Nothing is removed, and escaping twice changes nothing more.
 */

const INVISIBLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;
const INVISIBLE_BUT_LINE_FEED = /(?!\n)[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;

/** Nearly every line of the log passes this test, which is ten times as fast as the one by properties. */
const NEEDS_NO_LOOK = /^[\n -~…]*$/;

/** `text` for one line of a terminal: a right-to-left override becomes `\u{202E}`, a line feed `\u{A}`. */
export function escapeText(text: string): string {
  return text.replace(INVISIBLE, visible);
}

/** The same for text of several lines: line feeds stay. */
export function escapeLines(text: string): string {
  return text.replace(INVISIBLE_BUT_LINE_FEED, visible);
}

/** JSON documents, one a line, with `\u` escapes: parsing gives the original text. */
export function escapeJson(documents: string): string {
  if (NEEDS_NO_LOOK.test(documents)) return documents;
  return documents.replace(INVISIBLE_BUT_LINE_FEED, inJson);
}

export function hasInvisible(text: string): boolean {
  return text.search(INVISIBLE) >= 0;
}

function visible(character: string): string {
  return `\\u{${(character.codePointAt(0) ?? 0).toString(16).toUpperCase()}}`;
}

/* JSON knows UTF-16 units only: a character beyond U+FFFF is two of them. */
function inJson(character: string): string {
  return character
    .split('')
    .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
    .join('');
}

/** The word as a shell takes it for one. */
export function quoted(word: string): string {
  return /^[\w./:@%+=-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
