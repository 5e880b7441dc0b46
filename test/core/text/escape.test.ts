import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  escapeJson,
  escapeLines,
  escapeText,
  hasInvisible,
} from '../../../src/core/text/escape.ts';

const INVISIBLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u;
const anyText = fc
  .array(fc.nat({ max: 0x10ffff }))
  .map((points) => String.fromCodePoint(...points));

/** Every code point that there is. */
function* codePoints(): Generator<string> {
  for (let point = 0; point <= 0x10ffff; point += 1) yield String.fromCodePoint(point);
}

describe('text for a terminal', () => {
  it('every code point of Cc, Cf, Zl, Zp and every lone surrogate is made visible, no other is', () => {
    let wrong = 0;
    for (const character of codePoints()) {
      const isInvisible = INVISIBLE.test(character);
      const shown = escapeText(character);
      if (INVISIBLE.test(shown) || (shown === character) === isInvisible) wrong += 1;
      if (hasInvisible(character) !== isInvisible) wrong += 1;
    }
    expect(wrong).toBe(0);
  });

  it.each([
    ['\u001b[2J', '\\u{1B}[2J'],
    ['\u202e', '\\u{202E}'],
    ['\u{e0041}', '\\u{E0041}'],
    ['\ud800', '\\u{D800}'],
    ['a\nb\r\n', 'a\\u{A}b\\u{D}\\u{A}'],
    ['naïve 😀 €', 'naïve 😀 €'],
  ])('%j is shown as %s', (text, shown) => {
    expect(escapeText(text)).toBe(shown);
  });

  it('line feeds stay where text has several lines, and nothing else does', () => {
    expect(escapeLines('a\n\tb\r\n')).toBe('a\n\\u{9}b\\u{D}\n');
  });

  it('escaping twice changes nothing more', () => {
    fc.assert(fc.property(anyText, (text) => escapeText(escapeText(text)) === escapeText(text)));
  });
});

describe('JSON documents', () => {
  it('parsing an escaped document gives the original text, and nothing in it is invisible', () => {
    for (const character of codePoints()) {
      const json = escapeJson(JSON.stringify({ [`a${character}`]: `${character}b` }));
      if (INVISIBLE.test(json)) expect.fail(`${character.codePointAt(0) ?? 0} passes`);
      if ((JSON.parse(json) as Record<string, string>)[`a${character}`] !== `${character}b`) {
        expect.fail(`${character.codePointAt(0) ?? 0} is changed`);
      }
    }
  });

  it('documents stay one a line', () => {
    const lines = [{ a: 'x\n\u2028y' }, { b: '\u009b' }].map((one) => `${JSON.stringify(one)}\n`);
    const escaped = escapeJson(lines.join(''));
    expect(escaped).toBe('{"a":"x\\n\\u2028y"}\n{"b":"\\u009b"}\n');
  });
});
