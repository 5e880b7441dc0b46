/**
 * Which words of the gateway mean that a recipient is not to be sent to again (CONTRACT.md §6; Vonage, "Delivery
 * receipts", error codes). Pure. Anything else may pass, or is not about the recipient.
 */
import { RECEIPT_CODES } from './receipt-codes.ts';
import { STATUS_CODES, type Code } from './status-codes.ts';

/** Barred, and no longer in service. */
const BY_STATUS = named(STATUS_CODES, [7, 33]);
/** No longer in service, blocked by the recipient, and opted out (STOP). */
const BY_RECEIPT = named(RECEIPT_CODES, [3, 4, 9]);

/** Why an answer with this status suppresses its recipient: the code's name; null = it does not. */
export function suppressionOf(status: number | null): string | null {
  return status === null ? null : (BY_STATUS.get(status) ?? null);
}

/**
 * Why a receipt with this `err-code` suppresses its recipient: the code's name; null = it does not. The code
 * means something only where the receipt's status is `undelivered` in the sense of `fateOf`.
 */
export function suppressionOfReceipt(code: number | null): string | null {
  return code === null ? null : (BY_RECEIPT.get(code) ?? null);
}

function named(table: readonly Code[], codes: readonly number[]): ReadonlyMap<number, string> {
  const rows = table.filter(({ code }) => codes.includes(code));
  return new Map(rows.map(({ code, name }) => [code, name]));
}
