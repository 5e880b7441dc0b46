import { chmodSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ConfigError } from '../../src/config/errors.ts';
import { catchConfigError, setup } from './setup.ts';

const FORMS = '{ env = "…" }, { file = "…" } or { credential = "…" }';
const KEY = 'accounts.main.api_secret';
const EXACTLY = `expected a secret, exactly one of ${FORMS}; found`;

function account(secret: string): string {
  return `[accounts.main]\napi_key = "abcd1234"\napi_secret = ${secret}\n`;
}

describe('a secret', () => {
  it('a secret comes from an environment variable', () => {
    const config = setup().loadText(account('{ env = "MY_SECRET" }'), { MY_SECRET: 's3cret' });
    expect(config).toMatchObject({ accounts: [{ apiSecret: 's3cret' }], warnings: [] });
  });

  it.each(['s3cret', 's3cret\n', 's3cret\r\n', 's3cret\n\n'])(
    'a secret comes from a file without the line break at its end: %j',
    (content) => {
      const { loadText, write } = setup();
      write('secret', content);
      const config = loadText(account('{ file = "secret" }'));
      expect(config).toMatchObject({ accounts: [{ apiSecret: 's3cret' }], warnings: [] });
    },
  );

  it('a secret comes from a systemd credential', () => {
    const { folder, loadText, write } = setup();
    write('credentials/api-secret', 's3cret\n');
    const env = { CREDENTIALS_DIRECTORY: join(folder, 'credentials') };
    const config = loadText(account('{ credential = "api-secret" }'), env);
    expect(config).toMatchObject({ accounts: [{ apiSecret: 's3cret' }], warnings: [] });
  });

  it('a secret may stand in the file, with a warning that names the key', () => {
    const config = setup().loadText(account('"s3cret"'));
    expect(config.accounts[0]?.apiSecret).toBe('s3cret');
    expect(config.warnings).toEqual([
      `${KEY}: the secret stands in the file itself; better ${FORMS}`,
    ]);
  });

  it('a secret may be one or a list for receipts', () => {
    const { loadText } = setup();
    const read = (value: string) =>
      loadText(`[receipts]\nsignature_secret = ${value}\n`).receipts.signatureSecrets;
    expect(read('{ env = "SECRET" }')).toEqual(['from the environment']);
    expect(read('[{ env = "SECRET" }, "older"]')).toEqual(['from the environment', 'older']);
    expect(loadText('').receipts.signatureSecrets).toEqual([]);
  });
});

/** A value of api_secret, what is said about it, and the key within it that is wrong. */
const WRONG: readonly (readonly [string, string, string])[] = [
  ['{ env = "GONE" }', 'expected a secret in the environment variable GONE; found it unset', ''],
  ['{ env = "NONE" }', 'expected a secret in the environment variable NONE; found it empty', ''],
  [
    '{ env = "s3cret" }',
    'expected a secret in the environment variable named there; found it unset',
    '',
  ],
  [
    '{ env = "s3-cret" }',
    'expected the name of an environment variable, letters, digits and _; ' +
      'found a string (not shown)',
    '.env',
  ],
  [
    '{ env = "toString" }',
    'expected a secret in the environment variable named there; found it unset',
    '',
  ],
  ['{ env = 5 }', 'expected a name in quotes; found a number (not shown)', '.env'],
  [
    '{ file = "gone" }',
    'expected a readable file with a secret at "FOLDER/gone"; found no such file',
    '',
  ],
  [
    '{ file = "folder" }',
    'expected a readable file with a secret at "FOLDER/folder"; found a directory',
    '',
  ],
  ['{ file = "empty" }', 'expected a secret in the file "FOLDER/empty"; found nothing', ''],
  ['{ file = "" }', 'expected a name in quotes; found an empty string', '.file'],
  [
    '{ file = "key.pem" }',
    'expected a secret of one line in the file "FOLDER/key.pem"; ' +
      'found line breaks or control characters',
    '',
  ],
  [
    '{ credential = "api-secret" }',
    'expected the systemd credential api-secret (LoadCredential=api-secret:FILE); ' +
      'found no $CREDENTIALS_DIRECTORY',
    '',
  ],
  [
    '{ credential = "../x" }',
    'expected the name of a systemd credential; found "../x"',
    '.credential',
  ],
  ['{}', `${EXACTLY} an empty table`, ''],
  ['{ env = "A", file = "b" }', `${EXACTLY} a table with "env", "file"`, ''],
  ['{ environment = "A" }', `${EXACTLY} a table with "environment"`, ''],
  ['""', 'expected a secret in the string; found nothing', ''],
  ['12345678', `expected a secret, ${FORMS}; found a number (not shown)`, ''],
  ['["a"]', `expected a secret, ${FORMS}; found a list`, ''],
];

describe('a secret that is not there', () => {
  it.each(WRONG)(
    'a secret that is not there is told with its key: %s',
    (value, message, within) => {
      const { folder, refuseText, write } = setup();
      write('empty', '\n');
      write('key.pem', 'first line\nsecond line\n');
      mkdirSync(join(folder, 'folder'));
      const error = refuseText(account(value), { NONE: '' });
      expect(error.message).toBe(`${KEY}${within}: ${message.replace('FOLDER', folder)}`);
    },
  );

  it('a secret that is not there is told when the credential itself is missing', () => {
    const { folder, refuseText } = setup();
    const error = refuseText(account('{ credential = "gone" }'), { CREDENTIALS_DIRECTORY: folder });
    expect(error.message).toBe(
      `${KEY}: expected a readable file with a secret at "${folder}/gone"; found no such file`,
    );
  });

  // root may read everything
  it.skipIf(process.getuid?.() === 0)(
    'a secret that is not there is told when the file may not be read',
    () => {
      const { refuseText, write } = setup();
      chmodSync(write('locked', 's3cret'), 0o000);
      expect(refuseText(account('{ file = "locked" }')).message).toContain(
        'found a file that this user may not read',
      );
    },
  );

  it('a secret that is not there is told with its place in a list', () => {
    const { refuseText } = setup();
    expect(refuseText('[receipts]\nsignature_secret = []\n').message).toBe(
      'receipts.signature_secret: expected at least one secret; found an empty list',
    );
    const list = '[{ env = "SECRET" }, { env = "GONE" }]';
    const { problems } = refuseText(`[receipts]\nsignature_secret = ${list}\n`);
    expect(problems.map(({ key }) => key)).toEqual(['receipts.signature_secret[1]']);
  });
});

/** Too long to be in a message by chance; any characters, also those that TOML escapes. */
const anySecret = fc
  .string({ minLength: 10, maxLength: 40, unit: 'grapheme' })
  .filter((secret) => secret.trim().length >= 8);

/** Files with the secret (as a TOML string) where people put it, rightly or wrongly. */
const PLACES: readonly ((secret: string) => string)[] = [
  (secret) => account(secret),
  () => account('{ env = "SECRET" }'),
  () => account('{ file = "secret" }'),
  (secret) => account(`{ env = ${secret} }`),
  (secret) => account(`[${secret}]`),
  (secret) => account(`{ secret = ${secret} }`),
  (secret) => account(`${secret} ${secret}`),
  (secret) => `${account('{ env = "GONE" }')}signature = ${secret}\n`,
  (secret) => `${account('{}')}signature = { secret = ${secret}, method = "none" }\n`,
  (secret) => `[accounts.main]\napi_key = ${secret}\napi_secrett = ${secret}\nraet = 1\n`,
  (secret) => `[accounts]\napi_secret = ${secret}\n`,
  (secret) => `[receipts]\nsignature_secret = [${secret}, 5]\npath = ${secret}\n`,
];

describe('no secret', () => {
  it('no secret is in any message or warning, wherever the file has it', () => {
    const { load, write } = setup();
    fc.assert(
      fc.property(anySecret, fc.constantFrom(...PLACES), (secret, place) => {
        write('secret', secret);
        write('sms-spoold.toml', place(tomlString(secret)));
        const said = listWords(() => load({ SECRET: secret }).warnings);
        expect(said).not.toContain(secret.trim());
        expect(said).not.toContain(JSON.stringify(secret).slice(1, -1));
      }),
      { numRuns: 300 },
    );
  });
});

describe('a secret that is left', () => {
  it.each(['{ env = "GONE" }', '{ file = "gone" }', '{ credential = "gone" }', '"s3cret"'])(
    'a secret that is left is not looked for, and is nowhere in what is loaded: %s',
    (secret) => {
      const { loadLeaving, write } = setup();
      write('sms-spoold.toml', `${account(secret)}[receipts]\nsignature_secret = [${secret}]\n`);
      const config = loadLeaving();
      expect(config).toMatchObject({
        accounts: [{ name: 'main', apiKey: 'abcd1234', apiSecret: '' }],
        receipts: { signatureSecrets: [''] },
      });
      expect(JSON.stringify(config)).not.toContain('s3cret');
    },
  );

  it('a secret that is left may be the one that signs', () => {
    const { loadLeaving, write } = setup();
    const signature = 'signature = { method = "md5", secret = { file = "gone" } }';
    write('sms-spoold.toml', `[accounts.main]\napi_key = "abcd1234"\n${signature}\n`);
    expect(loadLeaving().accounts[0]?.signature).toEqual({ method: 'md5', secret: '' });
  });

  it.each([
    '{ env = 5 }',
    '{ evn = "GONE" }',
    '{ env = "s3-cret" }',
    '{ credential = "a/b" }',
    '""',
  ])('a secret that is left still has to be one of the four forms: %s', (secret) => {
    const { loadLeaving, write } = setup();
    write('sms-spoold.toml', account(secret));
    expect(catchConfigError(loadLeaving).problems).toEqual([
      expect.objectContaining({ key: expect.stringContaining(KEY) as unknown }),
    ]);
  });

  it('a secret that is left may be missing from an environment that names the account', () => {
    const { folder, load, loadLeaving } = setup();
    const env = { VONAGE_API_KEY: 'abcd1234' };
    expect(catchConfigError(() => load(env)).message).toContain('VONAGE_API_SECRET');
    expect(loadLeaving(env)).toMatchObject({
      spool: { path: join(folder, 'spool.db') },
      accounts: [{ name: 'main', apiSecret: '' }],
    });
  });
});

function tomlString(text: string): string {
  return JSON.stringify(text).replaceAll('\u007f', '\\u007f');
}

function listWords(act: () => readonly string[]): string {
  try {
    return act().join('\n');
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return JSON.stringify(error.problems) + error.message + String(error.stack);
  }
}
