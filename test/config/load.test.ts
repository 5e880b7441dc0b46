import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { listCandidates } from '../../src/config/find.ts';
import { ACCOUNT, catchConfigError, CREDENTIALS, setup } from './setup.ts';

describe('the search order', () => {
  it('the search order takes --config before everything else', () => {
    const { load, write } = setup();
    const file = write('other/a.toml', '[log]\nlevel = "debug"\n');
    write('sms-spoold.toml', '[log]\nlevel = "error"\n');
    const config = load({ SMS_SPOOLD_CONFIG: 'sms-spoold.toml' }, 'other/a.toml');
    expect(config).toMatchObject({ file, log: { level: 'debug' } });
  });

  it('the search order takes $SMS_SPOOLD_CONFIG before the files that are merely looked for', () => {
    const { load, write } = setup();
    const file = write('other/a.toml', '');
    write('sms-spoold.toml', '');
    expect(load({ SMS_SPOOLD_CONFIG: 'other/a.toml' }).file).toBe(file);
  });

  it('the search order takes the working folder before the system', () => {
    const { load, write } = setup();
    write('etc/sms-spoold.toml', '');
    const file = write('sms-spoold.toml', '');
    expect(load().file).toBe(file);
  });

  it('the search order takes the system file when the working folder has none', () => {
    const { load, systemFile, write } = setup();
    write('etc/sms-spoold.toml', '');
    expect(load({ SMS_SPOOLD_CONFIG: '' }).file).toBe(systemFile);
  });

  it('the search order ends at /etc/sms-spoold/sms-spoold.toml', () => {
    const paths = listCandidates({ file: null, env: {}, cwd: '/srv' }).map(({ path }) => path);
    expect(paths).toEqual(['/srv/sms-spoold.toml', '/etc/sms-spoold/sms-spoold.toml']);
  });

  it('the search order ignores the account of the environment when there is a file', () => {
    const config = setup().loadText('', { VONAGE_API_KEY: 'abcd1234', VONAGE_API_SECRET: 's' });
    expect(config).toMatchObject({ accounts: [], defaultAccount: null });
  });
});

describe('a file that cannot be read', () => {
  it.each(['--config', 'SMS_SPOOLD_CONFIG'])(
    'a file that cannot be read is an error when %s names a missing one',
    (key) => {
      const { folder, load } = setup();
      const isOption = key === '--config';
      const env = isOption ? {} : { SMS_SPOOLD_CONFIG: 'gone.toml' };
      const error = catchConfigError(() => load(env, isOption ? 'gone.toml' : null));
      const path = join(folder, 'gone.toml');
      expect(error).toMatchObject({ code: 'file-missing', file: path });
      expect(error.message).toBe(
        `${key}: expected a readable TOML file at "${path}"; found no such file`,
      );
    },
  );

  it('a file that cannot be read is an error when it is a directory', () => {
    const { folder, load } = setup();
    const error = catchConfigError(() => load({}, '.'));
    expect(error.code).toBe('file-unreadable');
    expect(error.message).toBe(
      `--config: expected a readable TOML file at "${folder}"; found a directory`,
    );
  });

  it('a file that cannot be read is an error and not passed over when it is merely looked for', () => {
    const { folder, load, write } = setup();
    write('etc/sms-spoold.toml', '');
    const path = join(folder, 'sms-spoold.toml');
    mkdirSync(path);
    expect(catchConfigError(load).message).toBe(
      `${path}: expected a file that only you and root may write, in such a folder; found something that is not ` +
        `a regular file. It was not read. If you trust it, name it: --config ${path}`,
    );
  });

  it('a file that cannot be read is an error when it is not text', () => {
    const { load, write } = setup();
    write('sms-spoold.toml', Buffer.from([0x61, 0xff, 0xfe]));
    expect(catchConfigError(load).message).toContain('found a file that is not UTF-8 text');
  });

  it('a file that cannot be read is an error when it is far too large', () => {
    const { load, write } = setup();
    write('sms-spoold.toml', Buffer.alloc(1024 * 1024 + 1, '#'));
    expect(catchConfigError(load).message).toContain('found a file larger than 1 MiB');
  });

  it('a file that cannot be read may begin with a byte order mark', () => {
    expect(setup().loadText('\ufeff[log]\nlevel = "warn"\n').log.level).toBe('warn');
  });
});

describe('broken TOML', () => {
  it.each([
    ['[log]\nlevel = \n', 2, 9, 'invalid value (text stands in quotes)'],
    ['[log]\nlevel = warn\n', 2, 9, 'invalid value (text stands in quotes)'],
    ['[log\n', 1, 5, 'illegal'],
    ['[log]\n[spool]\n[log]\n', 3, 2, 'trying to redefine an already defined table or value'],
  ])('broken TOML names file, line, column and cause of %j', (text, line, column, cause) => {
    const { folder, refuseText } = setup();
    const error = refuseText(text);
    expect(error.code).toBe('broken-toml');
    expect(error.problems).toHaveLength(1);
    expect(error.problems[0]?.key).toBe(`${join(folder, 'sms-spoold.toml')}:${line}:${column}`);
    expect(error.problems[0]?.message).toContain(`broken TOML: ${cause}`);
  });

  it('broken TOML does not show the line, which may hold a secret', () => {
    const error = setup().refuseText('[accounts.main]\napi_secret = hunter2hunter2\n');
    expect(error.message).not.toContain('hunter2');
    expect(error.cause).toBeUndefined();
  });
});

describe('a start without a file', () => {
  it('a start without a file has no account and a spool in the working folder when nothing is configured', () => {
    const { folder, load } = setup();
    expect(load()).toMatchObject({
      file: null,
      accounts: [],
      defaultAccount: null,
      spool: { path: join(folder, 'spool.db') },
      warnings: [],
    });
  });

  it('a start without a file makes the account main of the environment', () => {
    const { folder, load } = setup();
    const config = load({
      VONAGE_API_KEY: 'abcd1234',
      VONAGE_API_SECRET: 'secret',
      VONAGE_SENDER: 'AcmeInc',
    });
    expect(config).toMatchObject({
      file: null,
      accounts: [{ name: 'main', apiKey: 'abcd1234', apiSecret: 'secret', sender: 'AcmeInc' }],
      defaultAccount: 'main',
      spool: { path: join(folder, 'spool.db') },
      warnings: [],
    });
  });

  it('a start without a file has no sender when the environment names none', () => {
    const env = { VONAGE_API_KEY: 'abcd1234', VONAGE_API_SECRET: 'secret', VONAGE_SENDER: '' };
    expect(setup().load(env).accounts[0]?.sender).toBeNull();
  });

  it.each([
    [
      { VONAGE_API_KEY: 'abcd1234' },
      'VONAGE_API_SECRET: expected a secret in the environment variable VONAGE_API_SECRET; ' +
        'found it unset',
    ],
    [
      { VONAGE_API_SECRET: 'secret' },
      'VONAGE_API_KEY: expected an API key in quotes, without spaces or colons; found nothing',
    ],
    [
      { VONAGE_API_KEY: 'abcd1234', VONAGE_API_SECRET: 'secret', VONAGE_SENDER: '+4479' },
      'VONAGE_SENDER: expected a sender in quotes, at most 15 digits (no +) or at most 11 letters ' +
        'and digits; found "+4479"',
    ],
  ])('a start without a file names the variable that is wrong in %j', (env, message) => {
    const { load } = setup();
    expect(catchConfigError(() => load(env)).message).toBe(message);
  });
});

describe('a configuration file', () => {
  it('a configuration file has a spool of the system when the file names none', () => {
    expect(setup().loadText('').spool.path).toBe('/var/lib/sms-spoold/spool.db');
  });

  it('a configuration file takes relative paths as relative to the file', () => {
    const { folder, load, write } = setup();
    write('conf/secret', 'from a file');
    const text =
      '[spool]\npath = "../data/spool.db"\n[log]\nfile = "status.log"\n' +
      '[accounts.main]\napi_key = "k"\napi_secret = { file = "secret" }\n';
    const config = load({}, write('conf/a.toml', text));
    expect(config).toMatchObject({
      spool: { path: join(folder, 'data/spool.db') },
      log: { file: join(folder, 'conf/status.log') },
      accounts: [{ apiSecret: 'from a file' }],
    });
  });

  it('a configuration file turns every unit into milliseconds and never into null', () => {
    const config = setup().loadText(
      '[spool]\nretention = "never"\nkeys_for = "2d"\nforget_text_after = "0s"\n' +
        '[messages]\nvalidity = "72h"\nuncertain_after = "250ms"\n' +
        '[retry]\nfirst_delay = "30s"\nmax_delay = "5m"\n',
    );
    expect(config).toMatchObject({
      spool: { retentionMs: null, keysForMs: 172_800_000, forgetTextAfterMs: 0 },
      messages: { validityMs: 259_200_000, uncertainAfterMs: 250 },
      retry: { firstDelayMs: 30_000, maxDelayMs: 300_000 },
    });
  });

  it('a configuration file reads a whole account', () => {
    const { loadText, write } = setup();
    write('signing', 'signing secret\n');
    const config = loadText(
      '[accounts.main]\napi_key = "abcd1234"\n' +
        'signature = { method = "md5", secret = { file = "signing" } }\n' +
        'base_url = "http://127.0.0.1:8080/api/"\nsender = "AcmeInc"\nrate = "2.5/s"\n' +
        'concurrency = 1000\ntimeout = "10s"\n' +
        '[accounts.main.senders."12015550123"]\nrate = 1\n[accounts.main.senders.Shop]\n',
    );
    expect(config.accounts).toEqual([
      {
        name: 'main',
        apiKey: 'abcd1234',
        apiSecret: null,
        signature: { method: 'md5', secret: 'signing secret' },
        baseUrl: 'http://127.0.0.1:8080/api',
        sender: 'AcmeInc',
        rate: 2.5,
        concurrency: 1000,
        timeoutMs: 10_000,
        senders: new Map([
          ['12015550123', { rate: 1 }],
          ['Shop', { rate: null }],
        ]),
        nested: null,
      },
    ]);
  });

  it.each([
    ['https://rest.nexmo.com/', 'https://rest.nexmo.com'],
    ['http://localhost:1', 'http://localhost:1'],
    ['http://[::1]:8080', 'http://[::1]:8080'],
    ['http://127.0.0.2', 'http://127.0.0.2'],
  ])('a configuration file takes %s as the address of the gateway', (address, baseUrl) => {
    const config = setup().loadText(`${ACCOUNT}base_url = "${address}"\n`);
    expect(config.accounts[0]?.baseUrl).toBe(baseUrl);
  });

  it.each(['0.0.0.0:0', '[::1]:8026', 'localhost:65535', 'sms-1.example:80'])(
    'a configuration file takes %s as an address to listen on',
    (listen) => {
      expect(setup().loadText(`[receipts]\nlisten = "${listen}"\n`).receipts.listen).toBe(listen);
    },
  );

  it('a configuration file reads any number of quiet hours', () => {
    const text =
      '[[quiet]]\nfrom = "21:00"\nto = "08:00"\nzone = "Asia/Kolkata"\nprefixes = ["91", "880"]\n' +
      '[[quiet]]\nfrom = "00:00"\nto = "23:59"\nzone = "UTC"\nbelow_priority = 10\n';
    expect(setup().loadText(text).quiet).toEqual([
      {
        ...{ fromMinutes: 1_260, toMinutes: 480, zone: 'Asia/Kolkata' },
        ...{ prefixes: ['91', '880'], belowPriority: 7 },
      },
      { fromMinutes: 0, toMinutes: 1_439, zone: 'UTC', prefixes: [], belowPriority: 10 },
    ]);
  });

  it('a configuration file has neither quiet hours nor limits of its own unless they are given', () => {
    expect(setup().loadText('')).toMatchObject({
      quiet: [],
      safety: {
        ...{ perRecipient: null, collapseMs: null, spendPerDay: null },
        ...{ zone: 'UTC', minBalance: null },
      },
    });
  });

  it.each([
    ['1/s', 1, 1_000],
    ['5/h', 5, 3_600_000],
    ['3/10m', 3, 600_000],
    ['1000/30d', 1_000, 2_592_000_000],
  ])('a configuration file takes %s as a limit per recipient', (limit, messages, windowMs) => {
    const { safety } = setup().loadText(`[safety]\nper_recipient = "${limit}"\n`);
    expect(safety.perRecipient).toEqual({ messages, windowMs });
  });

  it('maps status codes to routes', () => {
    const config = setup().loadText('[classify]\n29 = "retry"\n"5" = "permanent-failure"\n');
    expect(config.classify).toEqual(
      new Map([
        [5, 'permanent-failure'],
        [29, 'retry'],
      ]),
    );
  });

  it('a configuration file keeps accounts in the order of the file, the first being the default', () => {
    const config = setup().loadText(`[accounts.z]\n${CREDENTIALS}[accounts.a]\n${CREDENTIALS}`);
    expect(config.accounts.map(({ name }) => name)).toEqual(['z', 'a']);
    expect(config.defaultAccount).toBe('z');
  });

  it('a configuration file takes the account that says so as the default', () => {
    const config = setup().loadText(
      `[accounts.z]\n${CREDENTIALS}[accounts.a]\ndefault = true\n${CREDENTIALS}`,
    );
    expect(config.defaultAccount).toBe('a');
  });

  it('a configuration file takes names that JavaScript objects know for ordinary ones', () => {
    const config = setup().loadText(`[accounts.__proto__]\n${CREDENTIALS}`);
    expect(config.defaultAccount).toBe('__proto__');
    expect(setup().refuseText('[constructor]\n').problems[0]?.key).toBe('constructor');
  });

  it('a configuration file warns when receipts are given up before the gateway does', () => {
    const { loadText } = setup();
    expect(loadText('[receipts]\ntimeout = "1h"\n').warnings).toEqual([
      'receipts.timeout: "1h" is shorter than the gateway\'s own 72h; ' +
        'messages may end as unconfirmed before their receipt comes',
    ]);
    expect(loadText('[receipts]\ntimeout = "1h"\nexpect = false\n').warnings).toEqual([]);
  });
});
