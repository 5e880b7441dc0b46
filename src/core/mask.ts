/**
 * How a recipient is shown where people and logs may read it.
 *
 * Always holds: at least four digits of a number are hidden, whatever its length, and nothing but visible
 * characters is shown (a row may come from a client that switched constraints off).
 */

/** '447700900000' → '4477…000'. A leading + is left out, so one number always looks the same. */
export function maskRecipient(recipient: string): string {
  const plain = recipient.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu, '').replace(/^\+/, '');
  const hidden = '…';
  if (plain.length >= 11) return plain.slice(0, 4) + hidden + plain.slice(-3);
  if (plain.length >= 8) return plain.slice(0, 2) + hidden + plain.slice(-2);
  return plain.length >= 6 ? hidden + plain.slice(-2) : hidden;
}
