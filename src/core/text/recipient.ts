/**
 * Brings phone numbers into one form for comparing: digits, the country code first, no `+` and no `00`. A row keeps the
 * spelling that it was written in. People and logs see a mask of it. Pure.
 */

const INTERNATIONAL = /^(?:\+|00)?([1-9][0-9]{6,14})$/;

/** The digits of an international number without `+` or `00`; null = this is none. */
export function internationalForm(written: string): string | null {
  return INTERNATIONAL.exec(written)?.[1] ?? null;
}

/** What numbers are compared by: the international form, or the spelling where there is none. */
export function comparedForm(written: string): string {
  return internationalForm(written) ?? written;
}

/** The spellings that an application may have written a number in. */
export function spellingsOf(
  written: string,
): readonly [plain: string, plus: string, zeros: string] {
  const form = comparedForm(written);
  return [form, `+${form}`, `00${form}`];
}

export const RECIPIENT_EXPECTED =
  'an international number with its country code: 7 to 15 digits after + or 00 or neither, no spaces';

/**
 * '447700900000' → '4477…000': at least four digits are hidden, and only visible characters are shown (a client may
 * have switched constraints off). A leading + is left out, so one number always looks the same.
 */
export function maskRecipient(recipient: string): string {
  const plain = recipient.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu, '').replace(/^\+/, '');
  const hidden = '…';
  if (plain.length >= 11) return plain.slice(0, 4) + hidden + plain.slice(-3);
  if (plain.length >= 8) return plain.slice(0, 2) + hidden + plain.slice(-2);
  return plain.length >= 6 ? hidden + plain.slice(-2) : hidden;
}
