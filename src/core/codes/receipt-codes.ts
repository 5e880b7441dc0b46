/**
 * Explains the `err-code` that a delivery receipt can carry, and says which suppress a recipient (CONTRACT.md §6; Vonage,
 * "Delivery receipts", error codes).
 *
 * These are not the codes of an answer (status-codes.ts). What a receipt does to a message follows from its status; the
 * code only says why. 400 and 401, which the retired Search API gave, are left out.
 */
import { STATUS_CODES, type Code } from './status-codes.ts';

const CODES = [
  {
    code: 0,
    name: 'delivered',
    meaning: 'The message was delivered.',
    remedy: 'Nothing.',
  },
  {
    code: 1,
    name: 'unknown-error',
    meaning: 'The carrier did not say why it failed.',
    remedy: 'Check the recipient; sending once more may help.',
  },
  {
    code: 2,
    name: 'absent-subscriber-temporary',
    meaning: 'The phone was off or out of reach.',
    remedy: 'Send again later.',
  },
  {
    code: 3,
    name: 'absent-subscriber-permanent',
    meaning: 'The number is no longer in service.',
    remedy: 'Do not send to this number again.',
  },
  {
    code: 4,
    name: 'call-barred-by-user',
    meaning: 'The recipient blocks messages from this sender.',
    remedy: 'Do not send to this number again.',
  },
  {
    code: 5,
    name: 'portability-error',
    meaning: 'The number moved to another carrier and could not be routed.',
    remedy: 'Give the message id to Vonage support.',
  },
  {
    code: 6,
    name: 'anti-spam-rejection',
    meaning: 'The carrier took the message for spam.',
    remedy: 'Change the text or the sender.',
  },
  {
    code: 7,
    name: 'handset-busy',
    meaning: 'The phone could not take the message at that time.',
    remedy: 'Send again later.',
  },
  {
    code: 8,
    name: 'network-error',
    meaning: "The carrier's network failed.",
    remedy: 'Send again later.',
  },
  {
    code: 9,
    name: 'illegal-number',
    meaning: 'The recipient asked for no more messages from this sender (STOP).',
    remedy: 'Do not send to this number again.',
  },
  {
    code: 10,
    name: 'illegal-message',
    meaning: 'The carrier refused a parameter of the message.',
    remedy: 'Check the sender, the type and the text.',
  },
  {
    code: 11,
    name: 'unroutable',
    meaning: 'There is no route to this number.',
    remedy: 'Check the recipient; ask Vonage support whether the network is served.',
  },
  {
    code: 12,
    name: 'destination-unreachable',
    meaning: 'The message could not reach its destination.',
    remedy: 'Check the recipient.',
  },
  {
    code: 13,
    name: 'subscriber-age-restriction',
    meaning: 'The carrier keeps this content from recipients of that age.',
    remedy: 'Change the text, or do not send it to this number.',
  },
  {
    code: 14,
    name: 'number-blocked-by-carrier',
    meaning: 'The carrier blocks the number.',
    remedy: 'The recipient has to ask the carrier.',
  },
  {
    code: 15,
    name: 'prepaid-insufficient-funds',
    meaning: 'The prepaid recipient has no credit to receive messages.',
    remedy: 'Nothing; the recipient has to top up.',
  },
  {
    code: 16,
    name: 'gateway-quota-exceeded',
    meaning: 'A daily cap on this sender or campaign was reached.',
    remedy: 'Send again on the next day, or ask for a higher cap.',
  },
  {
    code: 50,
    name: 'entity-filter',
    meaning: 'The registered entity (DLT) is missing or wrong.',
    remedy: 'Set entity_id as registered.',
  },
  {
    code: 51,
    name: 'header-filter',
    meaning: 'The sender is not registered (DLT).',
    remedy: 'Use a sender that is registered.',
  },
  {
    code: 52,
    name: 'content-filter',
    meaning: 'The text does not fit its registered template (DLT).',
    remedy: 'Set content_id as registered and keep to the template.',
  },
  {
    code: 53,
    name: 'consent-filter',
    meaning: 'The consent of the recipient is not registered (DLT).',
    remedy: 'Register the consent.',
  },
  {
    code: 54,
    name: 'regulation-error',
    meaning: 'A regulation was violated in a way that was not expected (DLT).',
    remedy: 'Give the message id to Vonage support.',
  },
  {
    code: 95,
    name: 'unknown-failure',
    meaning: 'Delivery failed and the cause is not known.',
    remedy: 'Give the message id to Vonage support.',
  },
  {
    code: 99,
    name: 'general-error',
    meaning: 'The route to the carrier failed.',
    remedy: 'Sending once more may help; if it persists, ask Vonage support.',
  },
] as const satisfies readonly Code[];

export type ReceiptName = (typeof CODES)[number]['name'];

/** Every known code, in numerical order. */
export const RECEIPT_CODES: readonly Code<ReceiptName>[] = CODES;

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
