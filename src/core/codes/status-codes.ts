/**
 * Explains the status codes that an answer of `POST /sms/json` can carry, per part, and HTTP statuses.
 *
 * The codes are the union of every list Vonage has published since 2013, retired codes included: an old code that turns
 * up again must not be "unknown". 21, 24 to 28, 30 and 31 were never defined anywhere and are left out, and so are 101
 * to 103, which only the US short code endpoints give. What the daemon does about a code is in classification-rules.ts;
 * the codes of receipts, which count differently, are in receipt-codes.ts.
 */

/** One sentence each for an operator: what it means, and what can be done. */
export interface Explanation {
  readonly meaning: string;
  readonly remedy: string;
}

export interface Code<Name extends string = string> extends Explanation {
  readonly code: number;
  /** Kebab-case; the `reason` in states, events and the status log. */
  readonly name: Name;
}

const CODES = [
  {
    code: 0,
    name: 'accepted',
    meaning: 'The gateway took this part and will try to deliver it.',
    remedy: 'Nothing; the receipt says later whether it was delivered.',
  },
  {
    code: 1,
    name: 'throttled',
    meaning: 'More was sent in a second than the account or the sender is allowed.',
    remedy: 'Nothing; if it happens often, lower the rate in the configuration.',
  },
  {
    code: 2,
    name: 'missing-parameter',
    meaning: 'The request lacked a parameter that the gateway requires.',
    remedy: 'Check the sender and the text of the message, and the account in the configuration.',
  },
  {
    code: 3,
    name: 'invalid-parameter',
    meaning: 'The gateway does not accept the value of one of the parameters.',
    remedy: 'Read the error text, correct the message and requeue it.',
  },
  {
    code: 4,
    name: 'invalid-credentials',
    meaning: 'The API key or secret is wrong, or the account is disabled.',
    remedy:
      'Correct api_key and api_secret in the configuration, then: systemctl restart sms-spoold ' +
      '(for a secret in a file a reload is enough).',
  },
  {
    code: 5,
    name: 'internal-error',
    meaning: 'The gateway failed while it handled this message.',
    remedy: 'Nothing; if it persists, give the trace id to Vonage support.',
  },
  {
    code: 6,
    name: 'invalid-message',
    meaning: 'The gateway cannot route this message, often because of a landline or a bad prefix.',
    remedy: 'Check the recipient.',
  },
  {
    code: 7,
    name: 'number-barred',
    meaning: 'The recipient is barred and will not get messages.',
    remedy: 'Do not send to this number again.',
  },
  {
    code: 8,
    name: 'account-barred',
    meaning: 'The account is suspended or not yet activated.',
    remedy: 'Ask Vonage to activate the account, then resume it.',
  },
  {
    code: 9,
    name: 'quota-exceeded',
    meaning: 'The account has not enough credit for this message.',
    remedy: 'Top up the account; sending goes on by itself once the balance suffices.',
  },
  {
    code: 10,
    name: 'too-many-binds',
    meaning: 'More requests were open at a time than the account is allowed.',
    remedy: 'Nothing; if it happens often, lower concurrency in the configuration.',
  },
  {
    code: 11,
    name: 'account-not-http',
    meaning: 'The account may send through SMPP only, not through this API.',
    remedy: 'Ask Vonage to enable the account for HTTP, then resume it.',
  },
  {
    code: 12,
    name: 'message-too-long',
    meaning: 'The text or the binary content is longer than the gateway accepts.',
    remedy: 'Shorten the message; binary content and header may have 140 octets together.',
  },
  {
    code: 13,
    name: 'communication-failed',
    meaning: 'The gateway could not pass the message on because of a communication failure.',
    remedy: 'Nothing; if it persists, give the trace id to Vonage support.',
  },
  {
    code: 14,
    name: 'invalid-signature',
    meaning: 'The signature of the request does not fit the account.',
    remedy: "Compare the signature's method and secret with the account, and the machine's clock.",
  },
  {
    code: 15,
    name: 'invalid-sender',
    meaning: 'The sender is not allowed for this recipient.',
    remedy: 'Use a number the account owns; the US and Canada accept no letters as sender.',
  },
  {
    code: 16,
    name: 'invalid-ttl',
    meaning: 'The time the message may take is outside what the gateway accepts.',
    remedy: 'Check expires_at of the message.',
  },
  {
    code: 17,
    name: 'blocked-by-provider',
    meaning: 'The provider blocked the message because of its content or a policy.',
    remedy: 'Change the text or the sender; ask Vonage support why it was blocked.',
  },
  {
    code: 18,
    name: 'too-many-destinations',
    meaning: 'The request named more recipients than it may.',
    remedy: 'Write one row per recipient.',
  },
  {
    code: 19,
    name: 'facility-not-allowed',
    meaning: 'The message uses a feature that is not enabled for the account.',
    remedy: 'Leave the feature out, or ask Vonage to enable it.',
  },
  {
    code: 20,
    name: 'invalid-message-class',
    meaning: 'The message class is not accepted.',
    remedy: 'Use a message_class from 0 to 3, or leave it out.',
  },
  {
    code: 22,
    name: 'invalid-network-code',
    meaning: 'The gateway does not accept the network code of the request.',
    remedy: 'Ask Vonage support; the daemon sends no network code.',
  },
  {
    code: 23,
    name: 'invalid-callback',
    meaning: 'The address for receipts is malformed or too long.',
    remedy:
      'Correct the address in the configuration; it needs a scheme and at most 100 characters.',
  },
  {
    code: 29,
    name: 'not-whitelisted',
    meaning: 'A demo account may send to the numbers on its list only.',
    remedy: 'Add the number to the list of test numbers, or top up the account.',
  },
  {
    code: 32,
    name: 'signature-and-secret',
    meaning: 'The request was signed and carried the secret as well.',
    remedy: 'Tell the makers of this program; it never sends both.',
  },
  {
    code: 33,
    name: 'number-deactivated',
    meaning: 'The recipient is no longer in service.',
    remedy: 'Do not send to this number again.',
  },
  {
    code: 34,
    name: 'invalid-recipient',
    meaning: 'The recipient is missing or is not a phone number.',
    remedy: 'Correct the recipient: 7 to 15 digits with the country code.',
  },
] as const satisfies readonly Code[];

export type StatusName = (typeof CODES)[number]['name'];

/** Every known code, in numerical order. */
export const STATUS_CODES: readonly Code<StatusName>[] = CODES;

const NAMES: ReadonlyMap<number, StatusName> = new Map(STATUS_CODES.map((c) => [c.code, c.name]));

/** The reason of a code that no list names, or of a status that is not a number. */
export type UnknownCode = 'unknown-code' | `unknown-code-${number}`;

/** The `reason` a code gives: its name, `unknown-code-<n>`, or `unknown-code` when there was no number. */
export function reasonOf(status: number | null): StatusName | UnknownCode {
  if (status === null) return 'unknown-code';
  return NAMES.get(status) ?? `unknown-code-${status}`;
}

/** An HTTP status of an answer without a status of the API, by its rule in classification-rules.ts. */
export interface HttpCode extends Explanation {
  /** The label of the rule: `401`, `3xx`. */
  readonly label: string;
}

/** One for each rule, in its order. */
export const HTTP_CODES: readonly HttpCode[] = [
  {
    label: '2xx',
    meaning: 'An answer came and could not be read; the message may have been accepted.',
    remedy: 'See what stands between the daemon and base_url: a proxy or a filter.',
  },
  {
    label: '3xx',
    meaning: 'Something answered with a redirect, which the daemon does not follow.',
    remedy: 'Correct base_url: it must name the API itself.',
  },
  {
    label: '401',
    meaning: 'The API key or secret is wrong.',
    remedy: 'Correct api_key and api_secret, then reload; sms-spoold check shows whether they fit.',
  },
  {
    label: '403',
    meaning: 'Something at base_url forbids the request.',
    remedy: 'Ask whoever runs base_url why it forbids the request.',
  },
  {
    label: '404',
    meaning: 'There is no API at the path of base_url.',
    remedy: 'Correct base_url: nothing answers at its path.',
  },
  {
    label: '408',
    meaning: 'The gateway, or a proxy before it, waited too long for the request.',
    remedy: 'Nothing; if it persists, see what stands between the daemon and base_url.',
  },
  {
    label: '429',
    meaning: 'More requests were sent, or were open at a time, than the account is allowed.',
    remedy: 'Nothing; if it happens often, lower rate or concurrency in the configuration.',
  },
  {
    label: '4xx',
    meaning: 'The gateway, or a proxy before it, does not accept the request.',
    remedy: 'Read the error text in sms-spoold show; see what stands before base_url.',
  },
  {
    label: '5xx',
    meaning: 'The gateway, or a proxy before it, failed; the message may have been accepted.',
    remedy: 'Nothing; if it persists, give the trace id to Vonage support.',
  },
];

const REMEDIES: ReadonlyMap<string, string> = new Map([
  ...STATUS_CODES.map((c): [string, string] => [c.name, c.remedy]),
  ...HTTP_CODES.map(({ label, remedy }): [string, string] => [`http-${label}`, remedy]),
]);

/** What an operator can do about a reason; null = nothing is known of it. */
export function remedyOf(reason: string): string | null {
  return REMEDIES.get(reason) ?? null;
}
