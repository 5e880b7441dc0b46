import { describe, expect, it } from 'vitest';
import { ACCOUNT, CREDENTIALS, setup } from './setup.ts';

const RATE =
  'expected how many per second, a number above 0 up to 1000000, or windows such as "30/s", ' +
  '"600/min", "10000/h" or "20000/day", one or a list of them';
const WHOLE_COUNT = 'expected a whole number from 1 to 1000000000 a minute, hour or day';
const GROUP = 'expected a list of senders in quotes, such as ["12015550123", "12015550124"]';
const IN_NO_OTHER = 'expected a sender that is in no other group';
const DURATION = 'expected a duration with its unit, such as "30s", "5m" or "72h",';
const LISTEN =
  'expected an address to listen on, "HOST:PORT" with a port from 0 (any free one) to 65535, ' +
  'such as "127.0.0.1:8026" or "[::1]:8026"';
const BASE_URL =
  'expected an https:// address, or http:// on loopback such as "http://127.0.0.1:8080", ' +
  'without user, password, query or fragment';
const SENDER =
  'expected a sender in quotes, at most 15 digits (no +) or at most 11 letters and digits';
const ROUTE =
  'expected one of "retry", "permanent-failure", "uncertain" ' +
  '(a refusal cannot be made an acceptance)';
const CODE = 'expected a status code of the gateway, a number from 1 to 999, as the key';
const METHOD = 'expected one of "md5hash", "md5", "sha1", "sha256", "sha512"';
const WEBHOOK =
  'expected an https:// address, or http:// on loopback such as "http://127.0.0.1:8080/sms", ' +
  'without user, password, query or fragment';
const URL_PATH =
  'expected a path that begins with "/" and is written as in a URL, such as "/receipts"';
const API_KEY = 'expected an API key in quotes, without spaces or colons';
const NEVER = 'from 1s to 3650d, or "never"';

const TIME_OF_DAY = 'expected a time of day from "00:00" to "23:59" in quotes, such as "21:00"';
const ZONE = 'expected a time zone by its IANA name, such as "Europe/London" or "UTC"';
const QUIET = '[[quiet]]\nfrom = "21:00"\nto = "08:00"';

/** A line added to an account, the key that is wrong in it, and what is said about it. */
const IN_ACCOUNT: readonly (readonly [string, string, string])[] = [
  ['rate = "fast"', 'rate', `${RATE}; found "fast"`],
  ['rate = 0', 'rate', `${RATE}; found the number 0`],
  ['rate = -1', 'rate', `${RATE}; found the number -1`],
  ['rate = 1000001', 'rate', `${RATE}; found the number 1000001`],
  ['rate = nan', 'rate', `${RATE}; found the number nan`],
  ['rate = inf', 'rate', `${RATE}; found the number inf`],
  ...['600/m', '600/minute', '20000/d', '30/S', '30 /s', '30', '-1/s', '1e3/day'].map(
    (value) => [`rate = "${value}"`, 'rate', `${RATE}; found "${value}"`] as const,
  ),
  ...['0/day', '1.5/min', '1000000001/h'].map(
    (value) => [`rate = "${value}"`, 'rate', `${WHOLE_COUNT}; found "${value}"`] as const,
  ),
  ['rate = []', 'rate', `${RATE}; found an empty list`],
  ['rate = ["30/s", "fast"]', 'rate[1]', `${RATE}; found "fast"`],
  ['rate = ["0/s", "20/day"]', 'rate[0]', `${RATE}; found "0/s"`],
  ...[
    ['["30/s", 20]', 's'],
    ['["9/day", "30/s", "8/day"]', 'day'],
  ].map(
    ([value, length]) =>
      [
        `rate = ${value}`,
        'rate',
        `expected at most one window of each length; found two of the length "${length}"`,
      ] as const,
  ),
  ['per = "message"', 'per', 'expected one of "request", "part"; found "message"'],
  ['zone = "London"', 'zone', `${ZONE}; found "London"`],
  ['[accounts.main.groups.us]\nrate = 1', 'groups.us.senders', `${GROUP}; found nothing`],
  ['[accounts.main.groups.us]\nsenders = ["Acme"]', 'groups.us.rate', `${RATE}; found nothing`],
  [
    '[accounts.main.groups.us]\nsenders = ["Acme Inc"]\nrate = 1',
    'groups.us.senders[0]',
    `${SENDER}; found "Acme Inc"`,
  ],
  [
    '[accounts.main.groups]\nus = { senders = ["A", "B"], rate = 1 }\nuk = { senders = ["B"], rate = 1 }',
    'groups.uk.senders[0]',
    `${IN_NO_OTHER}; found "B", which is in "us" as well`,
  ],
  [
    '[accounts.main.groups]\nus = { senders = ["A", "A"], rate = 1 }',
    'groups.us.senders[1]',
    `${IN_NO_OTHER}; found "A", which is in "us" already`,
  ],
  ...['0', '1001', '1.5'].map(
    (value) =>
      [
        `concurrency = ${value}`,
        'concurrency',
        `expected a whole number from 1 to 1000; found the number ${value}`,
      ] as const,
  ),
  ['concurrency = "10"', 'concurrency', 'expected a whole number from 1 to 1000; found "10"'],
  ['timeout = 30', 'timeout', `${DURATION} from 10ms to 10m; found the number 30, without a unit`],
  ['timeout = "30"', 'timeout', `${DURATION} from 10ms to 10m; found "30", without a unit`],
  ...['1.5s', '1h30m', '30 seconds', '30S', '-5s', '9ms', '11m', 'never'].map(
    (value) =>
      [
        `timeout = "${value}"`,
        'timeout',
        `${DURATION} from 10ms to 10m; found "${value}"`,
      ] as const,
  ),
  ['timeout = 2026-01-02', 'timeout', `${DURATION} from 10ms to 10m; found a date`],
  ...['+447700900000', 'Acme Inc', 'AcmeLimited2', '1234567890123456', ''].map(
    (value) => [`sender = "${value}"`, 'sender', `${SENDER}; found "${value}"`] as const,
  ),
  ['sender = 12015550123', 'sender', `${SENDER}; found the number 12015550123`],
  ['default = "yes"', 'default', 'expected true or false; found "yes"'],
  ...[
    'http://rest.nexmo.com',
    'http://127.0.0.1.evil.example',
    'ftp://127.0.0.1',
    'nexmo',
    'http://192.168.0.1',
  ].map((value) => [`base_url = "${value}"`, 'base_url', `${BASE_URL}; found "${value}"`] as const),
  ...['https://me:hunter2@rest.nexmo.com', 'https://rest.nexmo.com?api_secret=hunter2'].map(
    (value) =>
      [`base_url = "${value}"`, 'base_url', `${BASE_URL}; found a string (not shown)`] as const,
  ),
  [
    'signature = { method = "sha3", secret = { env = "SECRET" } }',
    'signature.method',
    `${METHOD}; found "sha3"`,
  ],
  [
    'signature = { method = "md5" }',
    'signature.secret',
    'expected the signature secret of the account; found nothing',
  ],
  [
    'signature = "hunter2"',
    'signature',
    'expected a table, [accounts.main.signature]; found a string (not shown)',
  ],
  ['senders = { "+1201" = { rate = 1 } }', 'senders."+1201"', `${SENDER}; found "+1201"`],
  ['senders = { 1201 = { rate = 0 } }', 'senders.1201.rate', `${RATE}; found the number 0`],
  [
    'senders = { 1201 = 1 }',
    'senders.1201',
    'expected a table, [accounts.main.senders.1201]; found a number (not shown)',
  ],
];

/** A whole file, the key that is wrong in it, and what is said about it. */
const WHOLE: readonly (readonly [string, string, string])[] = [
  [
    '[accounts.main]\napi_secret = { env = "SECRET" }',
    'accounts.main.api_key',
    `${API_KEY}; found nothing`,
  ],
  [
    '[accounts.main]\napi_key = 12345678\napi_secret = { env = "SECRET" }',
    'accounts.main.api_key',
    `${API_KEY}; found a number (not shown)`,
  ],
  [
    '[accounts.main]\napi_key = "key:secret"\napi_secret = { env = "SECRET" }',
    'accounts.main.api_key',
    `${API_KEY}; found a string (not shown)`,
  ],
  [
    '[accounts.main]\napi_key = "abcd1234"',
    'accounts.main.api_secret',
    'expected a secret, { env = "…" }, { file = "…" } or { credential = "…" }, or a signature; ' +
      'found neither',
  ],
  ['[[accounts]]\nname = "main"', 'accounts', 'expected a table, [accounts]; found a list'],
  [
    `[accounts.a]\ndefault = true\n${CREDENTIALS}[accounts.b]\ndefault = true\n${CREDENTIALS}`,
    'accounts.b.default',
    'expected true in one account only; found true in "a" as well',
  ],
  [
    `[accounts.main]\n${CREDENTIALS}[accounts.10]\n${CREDENTIALS}`,
    'accounts',
    'expected default = true in one account, since a name of digits alone hides which is first; ' +
      'found none, and an account named "10"',
  ],
  [
    `[accounts.""]\n${CREDENTIALS}`,
    'accounts.""',
    'expected an account name of 1 to 100 characters, none of them a control character; found ""',
  ],
  ['spool = "x"', 'spool', 'expected a table, [spool]; found a string (not shown)'],
  ['[spool]\npath = ""', 'spool.path', 'expected the path of a file; found ""'],
  ['[spool]\npath = 5', 'spool.path', 'expected the path of a file; found the number 5'],
  [
    '[spool]\nretention = 30',
    'spool.retention',
    `${DURATION} ${NEVER}; found the number 30, without a unit`,
  ],
  ['[spool]\nkeys_for = "never"', 'spool.keys_for', `${DURATION} from 1s to 3650d; found "never"`],
  ['[spool]\nretention = "0s"', 'spool.retention', `${DURATION} ${NEVER}; found "0s"`],
  ['[spool]\nretention = "3651d"', 'spool.retention', `${DURATION} ${NEVER}; found "3651d"`],
  ...['8026', ':8026', '*:80', '127.0.0.1', '127.0.0.1:65536', '1.2.3:80', '::1:80', '[x]:80'].map(
    (value) =>
      [
        `[receipts]\nlisten = "${value}"`,
        'receipts.listen',
        `${LISTEN}; found "${value}"`,
      ] as const,
  ),
  ['[admin]\nlisten = 8027', 'admin.listen', `${LISTEN}; found the number 8027`],
  [
    '[admin]\nlisten = "127.0.0.1:8026"',
    'admin.listen',
    'expected another address than receipts.listen; found "127.0.0.1:8026"',
  ],
  ...['receipts', '/a b', '/a?b', '/a#b', '/a/../b', '//a', '/ä'].map(
    (value) =>
      [
        `[receipts]\npath = "${value}"`,
        'receipts.path',
        `${URL_PATH}; found a string (not shown)`,
      ] as const,
  ),
  ['[receipts]\nexpect = "no"', 'receipts.expect', 'expected true or false; found "no"'],
  [
    '[receipts]\nsignature_method = 5',
    'receipts.signature_method',
    `${METHOD}; found the number 5`,
  ],
  ['[receipts]\ntimeout = "0s"', 'receipts.timeout', `${DURATION} from 1ms to 3650d; found "0s"`],
  [
    '[receipts]\naccepted_is_enough = "1"',
    'receipts.accepted_is_enough',
    'expected a list of prefixes, such as ["1"]; found "1"',
  ],
  [
    '[receipts]\naccepted_is_enough = ["1", "+44"]',
    'receipts.accepted_is_enough[1]',
    'expected leading digits of recipients in quotes, such as "1"; found "+44"',
  ],
  [
    '[receipts.resend]\nafter = "15m"',
    'receipts.resend.codes',
    'expected the err-codes that lead to another send, such as [2, 7, 8]; found nothing',
  ],
  [
    '[receipts]\nresend = { codes = [2, "7"] }',
    'receipts.resend.codes[1]',
    'expected a whole number from 1 to 999; found "7"',
  ],
  [
    '[receipts]\nresend = { codes = [2], times = 0 }',
    'receipts.resend.times',
    'expected a whole number from 1 to 100; found the number 0',
  ],
  ['[reconcile]\nreports = "yes"', 'reconcile.reports', 'expected true or false; found "yes"'],
  ...['http://app.example.com/x', 'https://me@app.example.com/', 'ftp://app', 'app'].map(
    (value) =>
      [
        `[notify]\nurl = "${value}"\nsecret = "telling-it-all"`,
        'notify.url',
        `${WEBHOOK}; found ${value.includes('@') ? 'a string (not shown)' : `"${value}"`}`,
      ] as const,
  ),
  [
    '[notify]\nurl = "https://app.example.com/x"',
    'notify.secret',
    'expected a secret to sign with, { env = "…" }, { file = "…" } or { credential = "…" }; found nothing',
  ],
  ['[suppress]\nautomatic = 1', 'suppress.automatic', 'expected true or false; found the number 1'],
  [
    '[fairness]\nreserve = 0.6',
    'fairness.reserve',
    'expected a number from 0 to 0.5; found the number 0.6',
  ],
  ['[quiet]\nfrom = "21:00"', 'quiet', 'expected one or more tables, [[quiet]]; found a table'],
  ['quiet = [1]', 'quiet', 'expected one or more tables, [[quiet]]; found a list'],
  ...['24:00', '8:00', '08:60', '0800', ''].map(
    (value) =>
      [
        `[[quiet]]\nfrom = "${value}"\nto = "09:00"\nzone = "UTC"`,
        'quiet[0].from',
        `${TIME_OF_DAY}; found "${value}"`,
      ] as const,
  ),
  [
    '[[quiet]]\nfrom = "21:00"\nto = 08:00:00\nzone = "UTC"',
    'quiet[0].to',
    `${TIME_OF_DAY}; found a date`,
  ],
  [
    '[[quiet]]\nfrom = "08:00"\nto = "08:00"\nzone = "UTC"',
    'quiet[0].to',
    'expected another time than from; found "08:00"',
  ],
  ...['Europe/Londn', '+01:00', 'GMT+1h', ''].map(
    (value) =>
      [
        `${QUIET}\nzone = "UTC"\n${QUIET}\nzone = "${value}"`,
        'quiet[1].zone',
        `${ZONE}; found "${value}"`,
      ] as const,
  ),
  [QUIET, 'quiet[0].zone', `${ZONE}; found nothing`],
  [
    `${QUIET}\nzone = "UTC"\nprefixes = ["+44"]`,
    'quiet[0].prefixes[0]',
    'expected leading digits of recipients in quotes, such as "1"; found "+44"',
  ],
  [
    `${QUIET}\nzone = "UTC"\nbelow_priority = 0`,
    'quiet[0].below_priority',
    'expected a whole number from 1 to 10; found the number 0',
  ],
  ...['5', '0/h', '1001/h', '5/31d', '5/0s', '5 per hour', '5/h ', '5/w'].map(
    (value) =>
      [
        `[safety]\nper_recipient = "${value}"`,
        'safety.per_recipient',
        `expected how many messages in what time, 1 to 1000 in at most 30 days, such as "5/h" or "5/10m"; found "${value}"`,
      ] as const,
  ),
  ['[safety]\ncollapse = "0s"', 'safety.collapse', `${DURATION} from 1s to 30d; found "0s"`],
  ...['spend_per_day', 'min_balance'].map(
    (key) =>
      [
        `[safety]\n${key} = 0`,
        `safety.${key}`,
        'expected a number from 0.01 to 1000000; found the number 0',
      ] as const,
  ),
  ['[safety]\nzone = "here"', 'safety.zone', `${ZONE}; found "here"`],
  [
    '[messages]\nvalidity = "24"',
    'messages.validity',
    `${DURATION} from 1s to 3650d; found "24", without a unit`,
  ],
  [
    '[messages]\non_uncertain = "retry"',
    'messages.on_uncertain',
    'expected one of "resend", "hold"; found "retry"',
  ],
  [
    '[retry]\nmax_attempts = 0',
    'retry.max_attempts',
    'expected a whole number from 1 to 1000; found the number 0',
  ],
  [
    '[retry]\nfactor = 0.5',
    'retry.factor',
    'expected a number from 1 to 1000; found the number 0.5',
  ],
  [
    '[retry]\nfirst_delay = "1h"',
    'retry.max_delay',
    'expected at least retry.first_delay, "1h"; found "30m"',
  ],
  ['[classify]\nabc = "retry"', 'classify.abc', `${CODE}; found "abc"`],
  ['[classify]\n0 = "retry"', 'classify.0', `${CODE}; found "0"`],
  ['[classify]\n029 = "retry"', 'classify.029', `${CODE}; found "029"`],
  ['[classify]\n29 = "await-receipt"', 'classify.29', `${ROUTE}; found "await-receipt"`],
  ['[classify]\n29 = 1', 'classify.29', `${ROUTE}; found the number 1`],
  [
    '[log]\nlevel = "trace"',
    'log.level',
    'expected one of "debug", "info", "warn", "error"; found "trace"',
  ],
  ['[log]\nrecipients = true', 'log.recipients', 'expected one of "masked", "full"; found true'],
];

describe('a value that is wrong', () => {
  it.each(IN_ACCOUNT)(
    'a value that is wrong is told with what was expected and found: %s',
    (line, key, message) => {
      const error = setup().refuseText(`${ACCOUNT}${line}\n`);
      expect(error.problems).toEqual([{ key: `accounts.main.${key}`, message }]);
    },
  );

  it.each(WHOLE)(
    'a value that is wrong is told with what was expected and found: %j',
    (text, key, message) => {
      const error = setup().refuseText(text);
      expect(error.problems).toEqual([{ key, message }]);
      expect(error.code).toBe('bad-values');
    },
  );

  it('a value that is wrong is shown on one line, cut short, without control characters', () => {
    const value = `"\\u001b[31m\\n\\u0085${'x'.repeat(500)}"`;
    const { message } = setup().refuseText(`[log]\nlevel = ${value}\n`);
    expect(message).toMatch(/^log\.level: \P{Cc}{1,200}$/u);
    expect(message).toContain('found "\\u001b[31m\\n\\u0085xxx');
  });
});

describe('several problems', () => {
  it('come out at once, one line each', () => {
    const error = setup().refuseText(
      '[spool]\nretention = 30\nsize = 5\n' +
        '[accounts.a]\nrate = "fast"\nconcurrency = 0\n' +
        '[accounts.b]\napi_key = "k"\napi_secret = { env = "GONE" }\nsender = "+1"\n' +
        '[retry]\nfactor = 0\nfirst_delay = "2h"\n[admin]\nlisten = "127.0.0.1:8026"\n' +
        '[receipts]\nexpect = 1\n[classify]\nx = "y"\n',
    );
    expect(error.problems.map(({ key }) => key).sort()).toEqual([
      'accounts.a.api_key',
      'accounts.a.api_secret',
      'accounts.a.concurrency',
      'accounts.a.rate',
      'accounts.b.api_secret',
      'accounts.b.sender',
      'admin.listen',
      'classify.x',
      'classify.x',
      'receipts.expect',
      'retry.factor',
      'retry.max_delay',
      'spool.retention',
      'spool.size',
    ]);
    const lines = error.problems.map(({ key, message }) => `${key}: ${message}`);
    expect(error.message.split('\n')).toEqual(lines);
  });
});
