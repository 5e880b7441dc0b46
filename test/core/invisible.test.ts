import { expect, it } from 'vitest';
import { INVISIBLE, isBlank } from '../../src/core/message/characters.ts';

/* Signs that are written over the digits which follow them: they can be seen. */
const SEEN = new Set([
  ...[0x600, 0x601, 0x602, 0x603, 0x604, 0x605, 0x6dd, 0x70f],
  ...[0x890, 0x891, 0x8e2, 0x110bd, 0x110cd],
]);
const NOTHING_SEEN = /^[\p{Z}\p{Cc}\p{Cf}\p{Default_Ignorable_Code_Point}\u2800]$/u;

it('the invisible characters are those that Unicode says are blank, controls or ignorable', () => {
  const wrong: number[] = [];
  for (let point = 1; point <= 0x10ffff; point += 1) {
    if (point >= 0xd800 && point <= 0xdfff) continue;
    const isListed = INVISIBLE.some(([first, last]) => point >= first && point <= last);
    const isInvisible = NOTHING_SEEN.test(String.fromCodePoint(point)) && !SEEN.has(point);
    if (isListed !== isInvisible) wrong.push(point);
  }
  expect(wrong).toEqual([]);
});

it.each([
  ['', true],
  [' \t\r\n', true],
  ['\u00a0\u3000\u200b\u2060\ufeff', true],
  ['\u{e0041}\u3164\u2800', true],
  ['.', false],
  [' 您 ', false],
  ['\u200d😀', false],
])('a text of %j is blank: %s', (text, isBlankText) => {
  expect(isBlank(text)).toBe(isBlankText);
});
