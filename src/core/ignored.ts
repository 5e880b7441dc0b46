/**
 * Why a receipt changed nothing or was refused, and what an operator can do about it. Pure.
 */

/** A web-hook of another kind that came to the address of receipts. */
export type StrayReason = 'inbound-sms' | 'messages-api';

/** Reason → the remedy of its log line; null = nothing is to be done, or the reason says it. */
const REMEDIES = {
  repeat: null,
  unmatched: null,
  'other-recipient': null,
  'other-account': null,
  'not-ours':
    'these receipts name neither an API key of this configuration nor a client-ref of this daemon: ' +
    'check that accounts.NAME.api_key is the account whose receipts come here',
  'too-many':
    'an attempt has as many receipts as are kept; if this goes on, somebody makes receipts up: ' +
    'set receipts.signature_secret',
  'unmatched-too-fast':
    'more receipts about unknown messages come than are kept, and are answered 503; if they are not the ' +
    "gateway's, set receipts.signature_secret or a secret receipts.path",
  'inbound-sms':
    'these are inbound SMS, not delivery receipts: at the gateway, give inbound SMS a URL of their own',
  'messages-api':
    'these are web-hooks of the Messages API, not receipts of the SMS API: in the account settings of the ' +
    'gateway, choose the SMS API, or give the Messages API a URL of its own',
  'other-path': 'they came to a path that is not receipts.path',
  'other-method': 'delivery receipts are taken by GET and POST alone: correct the proxy in front',
  unreadable: null,
  'too-large': null,
  unsigned:
    'turn on signed web-hooks in the account settings of the gateway, or remove receipts.signature_secret',
  'bad-signature':
    'compare receipts.signature_secret and receipts.signature_method with the account settings of the gateway',
  unfinished: null,
  busy: null,
  'not-stored': null,
  failed: null,
} as const satisfies Readonly<Record<string, string | null>>;

export type IgnoredReason = keyof typeof REMEDIES;

export const IGNORED_REASONS = Object.keys(REMEDIES) as readonly IgnoredReason[];

/** What to do about receipts that were ignored for this reason; null = nothing. */
export function remedyOf(reason: IgnoredReason): string | null {
  return REMEDIES[reason];
}
