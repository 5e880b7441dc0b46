/** Names characters for people, and lists those that print nothing. Pure. */
import { hasInvisible } from '../text/escape.ts';

const NAMES: Readonly<Record<number, string>> = {
  0x00: 'NUL',
  0x09: 'tab',
  0x1b: 'escape',
  0x60: 'backtick',
  0xa0: 'no-break space',
  0xad: 'soft hyphen',
  0xb4: 'acute accent',
  0x2009: 'thin space',
  0x200a: 'hair space',
  0x200b: 'zero-width space',
  0x200c: 'zero-width non-joiner',
  0x200d: 'zero-width joiner',
  0x200e: 'left-to-right mark',
  0x200f: 'right-to-left mark',
  0x2010: 'hyphen',
  0x2011: 'non-breaking hyphen',
  0x2013: 'en dash',
  0x2014: 'em dash',
  0x2018: 'left single quotation mark',
  0x2019: 'right single quotation mark',
  0x201a: 'low single quotation mark',
  0x201c: 'left double quotation mark',
  0x201d: 'right double quotation mark',
  0x201e: 'low double quotation mark',
  0x2022: 'bullet',
  0x2026: 'ellipsis',
  0x2028: 'line separator',
  0x2029: 'paragraph separator',
  0x202a: 'left-to-right embedding',
  0x202b: 'right-to-left embedding',
  0x202c: 'pop directional formatting',
  0x202d: 'left-to-right override',
  0x202e: 'right-to-left override',
  0x202f: 'narrow no-break space',
  0x2060: 'word joiner',
  0x2066: 'left-to-right isolate',
  0x2067: 'right-to-left isolate',
  0x2068: 'first strong isolate',
  0x2069: 'pop directional isolate',
  0x2212: 'minus sign',
  0x3000: 'ideographic space',
  0xfe0f: 'variation selector 16',
  0xfeff: 'byte order mark',
  0xfffd: 'replacement character',
};

/** 'U+202A (left-to-right embedding)', 'U+2019 ’ (right single quotation mark)', 'U+041F П'. */
function describeCharacter(character: string): string {
  const point = character.codePointAt(0) ?? 0;
  const code = `U+${point.toString(16).toUpperCase().padStart(4, '0')}`;
  const isSeen = !hasInvisible(character) && !/^[\p{Z}\p{M}]/u.test(character);
  const name = NAMES[point];
  return [code, ...(isSeen ? [character] : []), ...(name === undefined ? [] : [`(${name})`])].join(
    ' ',
  );
}

/** The characters as `describeCharacter` has them; more than `most` are counted. */
export function describeCharacters(characters: readonly string[], most = 5): string {
  const named = characters.slice(0, most).map(describeCharacter);
  const more = characters.length - named.length;
  return more > 0 ? `${named.join(', ')} and ${more} more` : named.join(', ');
}

/** The characters of `text` that `isOdd` picks, each once, in the order in which they first come. */
export function oddCharacters(
  text: string,
  isOdd: (character: string) => boolean,
): readonly string[] {
  return [...new Set(text)].filter(isOdd);
}

/**
 * Blanks, controls, format characters, variation selectors and fillers: first and last code point of each range, NUL
 * not included. `invisible.test.ts` compares them with the properties of Unicode.
 */
export const INVISIBLE: readonly (readonly [first: number, last: number])[] = [
  [0x1, 0x20],
  [0x7f, 0xa0],
  [0xad, 0xad],
  [0x34f, 0x34f],
  [0x61c, 0x61c],
  [0x115f, 0x1160],
  [0x1680, 0x1680],
  [0x17b4, 0x17b5],
  [0x180b, 0x180f],
  [0x2000, 0x200f],
  [0x2028, 0x202f],
  [0x205f, 0x206f],
  [0x2800, 0x2800],
  [0x3000, 0x3000],
  [0x3164, 0x3164],
  [0xfe00, 0xfe0f],
  [0xfeff, 0xfeff],
  [0xffa0, 0xffa0],
  [0xfff0, 0xfffb],
  [0x13430, 0x1343f],
  [0x1bca0, 0x1bca3],
  [0x1d173, 0x1d17a],
  [0xe0000, 0xe0fff],
];

const escaped = (codePoint: number): string => `\\u{${codePoint.toString(16)}}`;
const VISIBLE = new RegExp(
  `[^${INVISIBLE.map(([first, last]) => `${escaped(first)}-${escaped(last)}`).join('')}]`,
  'u',
);

/** Whether nothing of the text can be seen; so it is for an empty one. */
export function isBlank(text: string): boolean {
  return !VISIBLE.test(text);
}
