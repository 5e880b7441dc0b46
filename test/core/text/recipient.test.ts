import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { comparedForm, internationalForm, spellingsOf } from '../../../src/core/text/recipient.ts';

describe('the international form of a number', () => {
  it.each([
    ['447700900000', '447700900000'],
    ['+447700900000', '447700900000'],
    ['00447700900000', '447700900000'],
    ['1234567', '1234567'],
    ['00123456789012345', '123456789012345'],
    ['123456', null],
    ['1234567890123456', null],
    ['001234567890123456', null],
    ['07700900000', null],
    ['+07700900000', null],
    ['000447700900000', null],
    ['+00447700900000', null],
    ['++447700900000', null],
    ['00+447700900000', null],
    ['0', null],
    ['00', null],
    ['+', null],
    ['', null],
    ['44 7700 900000', null],
    ['447700900000\n', null],
    ['٤٤٧٧٠٠٩٠٠٠٠٠', null],
    ['447700900000.0', null],
  ])('the international form of a number of %j is %j', (written, form) => {
    expect(internationalForm(written)).toBe(form);
  });

  const number = fc.stringMatching(/^[1-9][0-9]{6,14}$/);

  it('the international form of a number is the same for every spelling of a number, and differs between numbers', () => {
    fc.assert(
      fc.property(number, number, (one, other) => {
        for (const written of spellingsOf(one)) {
          expect(internationalForm(written)).toBe(one);
          expect(comparedForm(written)).toBe(one);
          expect(spellingsOf(written)).toEqual(spellingsOf(one));
        }
        if (one !== other) expect(comparedForm(one)).not.toBe(comparedForm(other));
      }),
    );
  });

  it('the international form of a number of any text is its own form, or there is none and the spelling is compared', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[+0-9]{0,18}$/)), (written) => {
        const form = internationalForm(written);
        expect(comparedForm(written)).toBe(form ?? written);
        if (form !== null) expect(internationalForm(form)).toBe(form);
      }),
    );
  });
});
