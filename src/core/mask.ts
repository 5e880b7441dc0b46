/**
 * How a recipient is shown where people and logs may read it, and how foreign text is made safe to print.
 *
 * Always holds: at least four digits of a number are hidden, whatever its length, and no control character
 * passes (a row may come from a client that switched constraints off).
 */

/** '447700900000' → '4477…000'. A leading + is left out, so one number always looks the same. */
export function maskRecipient(recipient: string): string {
  const plain = stripControls(recipient).replace(/^\+/, '');
  const hidden = '…';
  if (plain.length >= 11) return plain.slice(0, 4) + hidden + plain.slice(-3);
  if (plain.length >= 8) return plain.slice(0, 2) + hidden + plain.slice(-2);
  return plain.length >= 6 ? hidden + plain.slice(-2) : hidden;
}

/** Without control characters (C0, DEL, C1) and the characters that turn the direction of writing. */
export function stripControls(text: string): string {
  return text.replace(/[\p{Cc}\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu, '');
}
