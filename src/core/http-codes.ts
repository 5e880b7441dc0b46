/**
 * What an HTTP status of an answer without a status of the API means, by the rule that holds for it. Which statuses
 * a rule is for, and what the daemon does, is in rules.ts.
 */
export interface HttpCode {
  /** The label of the rule: `401`, `3xx`. */
  readonly label: string;
  /** One sentence for an operator. */
  readonly meaning: string;
  /** What an operator can do. */
  readonly remedy: string;
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
