import { describe, expect, it } from 'vitest';
import { ACCOUNT, setup } from './setup.ts';

/** A file with an unknown key, that key, and the right key that is named. */
const UNKNOWN: readonly (readonly [string, string, string])[] = [
  [`${ACCOUNT}raet = 30`, 'accounts.main.raet', 'accounts.main.rate'],
  [`${ACCOUNT}API-Key = "x"`, 'accounts.main.API-Key', 'accounts.main.api_key'],
  [
    `${ACCOUNT}senders = { 1201 = { rates = 1 } }`,
    'accounts.main.senders.1201.rates',
    'accounts.main.senders.1201.rate',
  ],
  ['[spol]', 'spol', 'spool'],
  ['[retry]\nmaxattempts = 3', 'retry.maxattempts', 'retry.max_attempts'],
  ['[messages]\nmax_attempts = 3', 'messages.max_attempts', 'retry.max_attempts'],
  ['concurrency = 3', 'concurrency', 'accounts.NAME.concurrency'],
  ['[receipts]\nexpects = true', 'receipts.expects', 'receipts.expect'],
  [
    '[[quiet]]\nfrom = "21:00"\nto = "08:00"\nzone = "UTC"\nprefix = ["44"]',
    'quiet[0].prefix',
    'quiet[0].prefixes',
  ],
  ['[safety]\nmax_balance = 5', 'safety.max_balance', 'safety.min_balance'],
  ['[log]\n"fil\\u001b" = 1', 'log."fil\\u001b"', 'log.file'],
];

describe('an unknown key', () => {
  it.each(UNKNOWN)(
    'an unknown key is told with the nearest right one: %j',
    (text, key, nearest) => {
      const message = `unknown key; the nearest right one is ${nearest}`;
      expect(setup().refuseText(text).problems).toEqual([{ key, message }]);
    },
  );

  it('an unknown key does not show its value', () => {
    const { message } = setup().refuseText(`${ACCOUNT}api_secrett = "hunter2"\n`);
    expect(message).not.toContain('hunter2');
  });
});
