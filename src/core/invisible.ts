/**
 * Characters that print nothing: blanks, controls, format characters, variation selectors, fillers. Pure.
 * `invisible.test.ts` compares the ranges with the properties of Unicode.
 */

/** First and last code point of each range, NUL not included. */
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
