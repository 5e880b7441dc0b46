import fc from 'fast-check';
import { expect, it } from 'vitest';
import { maskRecipient } from '../../src/core/text/recipient.ts';

it('the mask shows the first four and the last three digits of a number', () => {
  expect(maskRecipient('447700900000')).toBe('4477…000');
  expect(maskRecipient('+447700900000')).toBe('4477…000');
});

it('the mask shows less of short ones', () => {
  expect(maskRecipient('12345678')).toBe('12…78');
  expect(maskRecipient('1234567')).toBe('…67');
  expect(maskRecipient('12345')).toBe('…');
});

it('the mask hides at least four characters of whatever it is given, and passes no control character', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (recipient) => {
      const shown = maskRecipient(recipient);
      expect(shown).not.toMatch(/\p{Cc}/u);
      expect(shown.length - 1).toBeLessThanOrEqual(Math.max(0, recipient.length - 4));
    }),
  );
});
