import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  encodingOf,
  GSM_BASIC,
  GSM_EXTENSION,
  predictParts,
} from '../../../src/core/message/parts.ts';

const written = (type: 'auto' | 'text' | 'unicode', text: string): number =>
  predictParts({ type, text, body: null, udh: null });
const parts = (text: string): number => written('auto', text);
const a = (n: number): string => 'a'.repeat(n);
const zh = (n: number): string => 'ж'.repeat(n);

describe('the encoding', () => {
  test('the encoding is text for every character of the GSM alphabet and its extension', () => {
    expect(new Set(GSM_BASIC).size).toBe(127);
    expect(new Set(GSM_EXTENSION).size).toBe(10);
    for (const character of GSM_BASIC + GSM_EXTENSION) {
      expect([character, encodingOf(character)]).toEqual([character, 'text']);
    }
  });

  test('the encoding of ASCII is text, but for the back-tick and control characters', () => {
    const ascii = Array.from({ length: 128 }, (_, code) => String.fromCharCode(code));
    const foreign = ascii.filter((character) => encodingOf(character) === 'unicode');
    const controls = foreign.filter((character) => character < ' ' || character === '\u007f');
    expect(foreign.filter((character) => !controls.includes(character))).toEqual(['`']);
    expect(controls).toHaveLength(33 - '\n\r\f'.length);
  });

  test.each(['ç', '`', '’', '“', 'á', 'í', 'ó', 'ú', '😀', 'ж', 'Α', '\t', '\u001b', '\ud800'])(
    '%j needs unicode, anywhere in a text',
    (character) => {
      expect(encodingOf(character)).toBe('unicode');
      expect(encodingOf(`table${character}`)).toBe('unicode');
    },
  );

  test('the encoding of nothing is text', () => {
    expect(encodingOf('')).toBe('text');
  });
});

describe('the predicted number of parts', () => {
  test.each([
    ['160a', a(160), 1],
    ['161a', a(161), 2],
    ['306a', a(306), 2],
    ['307a', a(307), 3],
    ['459a', a(459), 3],
    ['460a', a(460), 4],
    ['80×€', '€'.repeat(80), 1],
    ['81×€', '€'.repeat(81), 2],
    ['152a+€+152a', `${a(152)}€${a(152)}`, 3],
    ['152a+€+151a', `${a(152)}€${a(151)}`, 2],
    ['70ж', zh(70), 1],
    ['71ж', zh(71), 2],
    ['134ж', zh(134), 2],
    ['135ж', zh(135), 3],
    ['66ж+emoji+66ж', `${zh(66)}😀${zh(66)}`, 3],
    ['3200a', a(3200), 21],
    ['1600ж', zh(1600), 24],
    ['3200ж', zh(3200), 48],
    ['nothing', '', 1],
  ])('the predicted number of parts of %s is as the reference has it', (_, text, expected) => {
    expect(parts(text)).toBe(expected);
  });

  test('the predicted number of parts follows the type the application chose', () => {
    expect(written('unicode', a(71))).toBe(2);
    expect(written('text', a(71))).toBe(1);
    expect(written('text', zh(71))).toBe(1);
  });

  test.each([
    ['00'.repeat(134), '050003CC0201', 1],
    ['00'.repeat(140), null, 1],
    ['00'.repeat(141), null, 2],
    [null, null, 1],
  ])('the predicted number of parts of binary content counts octets', (body, udh, expected) => {
    expect(predictParts({ type: 'binary', text: null, body, udh })).toBe(expected);
  });

  test('the predicted number of parts never falls when a text grows, and lies between whole and wasteful filling', () => {
    const unit = fc.constantFrom('a', '€', '|', 'ж', '😀', '\ud83d');
    const text = fc.string({ unit, maxLength: 600 });
    fc.assert(
      fc.property(
        text,
        unit,
        fc.constantFrom('text' as const, 'unicode' as const),
        (t, c, type) => {
          expect(written(type, t + c)).toBeGreaterThanOrEqual(written(type, t));
          const units = t.length;
          if (type === 'text' || units <= 70) return;
          expect(written(type, t)).toBeGreaterThanOrEqual(Math.ceil(units / 67));
          expect(written(type, t)).toBeLessThanOrEqual(Math.ceil(units / 66));
        },
      ),
    );
  });
});
